"""Work that waits for a person, in the tables alone."""

from django.db import transaction

from orchestration.approval import waiting
from orchestration.backlog import entry_state
from orchestration.backlog.rules.transitions import LANDING
from orchestration.landing import queue
from orchestration.models import Entry, Landing, Round
from tests.factories import a_session, an_entry
from workspaces.models import Workspace

WHY = "Everything that lands here is approved first"


def asked(workspace: Workspace, commit: str = "c" * 40, *, tip: str = "") -> Landing:
    """A landing that waits for approval, of an entry with one round."""
    entry = an_entry(workspace, budget="5")
    a_session(entry)
    return asked_again(entry, commit, tip=tip)


def asked_again(entry: Entry, commit: str, *, tip: str = "") -> Landing:
    with transaction.atomic():
        entry_state.move(entry_state.lock(entry), LANDING)
        landing = queue.enqueue(entry, commit, round_=Round.objects.filter(entry=entry).last())
        assert waiting.keep(landing, WHY, tip=tip, commit=commit, verdict=None)
    landing.refresh_from_db()
    return landing


def entry_of(landing: Landing) -> Entry:
    """The landing's entry as it is now."""
    return Entry.objects.select_related("account", "workspace").get(pk=landing.entry_id)
