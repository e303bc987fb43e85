"""Work that waits for its merge, in the tables alone."""

from typing import Any

from django.db import transaction

from orchestration.backlog import entry_state
from orchestration.backlog.rules.transitions import LANDING
from orchestration.landing import queue
from orchestration.models import Entry, PullRequest, Round
from orchestration.pull_requests import requests
from tests.factories import a_session, a_workspace, an_entry
from workspaces.models import Workspace

HEAD = "c" * 40


def a_team(name: str = "Shop", *, forge: dict[str, Any] | None = None, **config: Any) -> Workspace:
    """A workspace whose work lands by pull request."""
    rules = {"kind": "github", "repository": "team/shop", **(forge or {})}
    return a_workspace(name=name, land_by="pull_request", forge=rules, max_workers=8, **config)


def proposed(team: Workspace, head: str = HEAD, *, entry: Entry | None = None, stack: bool = False, **fields: Any) -> PullRequest:
    """The pull request of an entry with one round, pushed. `fields`: of its row."""
    if entry is None:
        entry = an_entry(team, budget="5")
        a_session(entry)
    propose(entry, head, stack=stack)
    row = PullRequest.objects.filter(entry=entry).latest("pk")
    PullRequest.objects.filter(pk=row.pk).update(**{"pushed": head, **fields})
    return fresh(row)


def opened(team: Workspace, head: str = HEAD, **more: Any) -> PullRequest:
    row = proposed(team, head, **more)
    number = 100 + row.pk
    requests.opened(row, forge_id=str(number), number=number, url=f"https://x/{number}")
    return fresh(row)


def propose(entry: Entry, head: str, *, stack: bool = False) -> bool:
    """Propose the entry's work as a lander does once the merge is judged."""
    with transaction.atomic():
        entry_state.move(entry_state.lock(entry), LANDING)
        landing = queue.enqueue(entry, head, round_=Round.objects.filter(entry=entry).last())
        return requests.propose(landing, base="main", tip="e" * 40, commit="f" * 40, verdict=None, stack=stack)


def fresh(row: PullRequest) -> PullRequest:
    """The row as it is now, with its entry."""
    return PullRequest.objects.select_related("entry__account", "entry__workspace").get(pk=row.pk)
