"""The order in which work lands, what of it may land now, and how often an entry's was refused."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.approval import gate
from orchestration.configuration import Approve
from orchestration.landing import queue
from orchestration.models import Approval, Entry, Landing
from tests.factories import a_charge, a_workspace, an_entry, some_entries
from tests.orchestration.git.repositories import a_repository, git, write
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
State, Kind = Landing.State, Landing.Kind
LATER = {"not_before": now() + timedelta(days=1)}


@pytest.fixture
def shop() -> Workspace:
    a_landing(an_entry(a_workspace(name="Other")))
    return a_workspace()


def a_landing(entry: Entry, state: State = State.QUEUED, **more: Any) -> Landing:
    return Landing.objects.create(workspace=entry.workspace, entry=entry, state=state, **{"commit": "c" * 40, **more})


def test_merges_and_reverts_come_first_then_the_most_urgent_then_the_first_in_line(shop: Workspace) -> None:
    low, late, early, urgent, waiting = some_entries(shop, *"ABCDE")
    Entry.objects.filter(pk=low.pk).update(priority=3)
    Entry.objects.filter(pk=urgent.pk).update(priority=0)
    rows = {each.content: a_landing(each) for each in (low, early, late, urgent)}
    a_landing(waiting, State.WAITING)
    a_landing(waiting, State.LANDED, ended_at=now())
    fields = {"workspace": shop, "commit": "d" * 40}
    revert = Landing.objects.create(kind=Kind.REVERT, **fields)
    base = Landing.objects.create(kind=Kind.BASE, state=State.CHECKING, **fields)
    expected = [revert, base, rows["D"], rows["B"], rows["C"], rows["A"]]
    assert list(queue.in_order(shop.pk)) == list(queue.to_land(shop.pk)) == expected
    Landing.objects.filter(pk__in=[revert.pk, rows["B"].pk]).update(**LATER)
    assert list(queue.to_land(shop.pk)) == [base, rows["D"], rows["C"], rows["A"]] and list(queue.in_order(shop.pk)) == expected


def test_something_can_land_unless_all_of_it_waits_for_a_host_or_a_person(shop: Workspace) -> None:
    for state, more, can in (
        (State.WAITING, {}, False), (State.UNPROVEN, {}, False), (State.LANDED, {"ended_at": now()}, False), (State.QUEUED, LATER, False),
        (State.CHECKING, {"not_before": now() - timedelta(seconds=1)}, True),
    ):  # fmt: skip
        a_landing(an_entry(shop), state, **more)
        assert queue.is_waiting(shop.pk) is can


def test_refusals_count_since_the_entry_last_landed(shop: Workspace) -> None:
    entry, other = some_entries(shop, "A", "B")
    ended = {"ended_at": now()}
    for state, count in (
        (State.REFUSED, 1), (State.REFUSED, 2), (State.LANDED, 0), (State.REFUSED, 1), (State.WITHDRAWN, 1), (State.LANDED, 0),
        (State.LANDED, 0), (State.REFUSED, 1),
    ):  # fmt: skip
        a_landing(entry, state, **ended)
        a_landing(other, State.REFUSED, **ended)
        assert queue.refusals(entry.pk) == count
    assert queue.refusals(other.pk) == 8


@pytest.fixture
def work(tmp_path: Path) -> tuple[Workspace, Landing, str]:
    """Work that adds two lines and removes one, and a tip on which others have landed 50 lines since."""
    repo = a_repository(tmp_path / "repo", one="first\nsecond\n")
    git(repo, "checkout", "--quiet", "-b", "work")
    write(repo / "one", "first\nnew\nnewer\n")
    git(repo, "commit", "--quiet", "-am", "work")
    git(repo, "checkout", "--quiet", "main")
    write(repo / "theirs", "x\n" * 50)
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", "theirs")
    shop = a_workspace(repo=str(repo))
    entry = an_entry(shop, type="bug", requires=("gpu",), budget="5")
    a_charge(entry, "0.5")
    return shop, a_landing(entry, commit=git(repo, "rev-parse", "work")), git(repo, "rev-parse", "main")


def missing(work: tuple[Workspace, Landing, str], **rules: object) -> str:
    shop, landing, tip = work
    fresh = Landing.objects.select_related("entry__account").get(pk=landing.pk)
    return gate.missing(Approve.model_validate({"mode": "when", **rules}), fresh, Path(shop.repo), tip)


@pytest.mark.parametrize(
    ("rules", "is_needed"),
    [
        ({"lines": 3}, True), ({"lines": 4}, False), ({"paths": ["one"]}, True), ({"paths": ["theirs"]}, False), ({"labels": ["bug"]}, True),
        ({"labels": ["gpu"]}, True), ({"labels": ["task"]}, False), ({"cost_usd": Decimal("0.5")}, True), ({"cost_usd": Decimal("0.51")}, False),
    ],
)  # fmt: skip
def test_only_what_the_work_itself_changes_needs_an_approval(
    work: tuple[Workspace, Landing, str], rules: dict[str, object], is_needed: bool
) -> None:
    assert bool(missing(work, **rules)) is is_needed


def test_what_was_asked_once_stays_asked_until_it_is_approved(work: tuple[Workspace, Landing, str]) -> None:
    _, landing, _ = work
    Landing.objects.filter(pk=landing.pk).update(approval_needed="It changes one")
    assert missing(work, lines=99) == "It changes one", "other rules since are no approval"
    approval = Approval.objects.create(entry=landing.entry, commit=landing.commit, by="ana")
    Landing.objects.filter(pk=landing.pk).update(approval=approval)
    assert missing(work, lines=1) == ""
    revert = Landing.objects.create(workspace=landing.workspace, kind=Kind.REVERT, commit=landing.commit)
    assert gate.missing(Approve(mode="always"), revert, Path(landing.workspace.repo), "main") == ""
