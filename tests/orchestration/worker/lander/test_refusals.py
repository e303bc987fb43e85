"""A refused landing leaves its entry with the finding and one round more, or with a person; its branch with the reason."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.configuration import Config
from orchestration.git.conflicts import MergedTree
from orchestration.landing import branch
from orchestration.models import Approval, Entry, Integration, IntegrationCommit, Landing, Round
from orchestration.worker.lander import refusals
from orchestration.worker.lander.lease import Lease
from orchestration.worker.lander.refusals import Refusal
from orchestration.worker.preparing import workbench
from tests.factories import a_session, a_worker, a_workspace, an_entry, ended, some_entries
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db
COMMIT = "c" * 40


@pytest.fixture
def lease() -> Lease:
    workspace = a_workspace()
    fence = branch.lease(branch.ensure(workspace.pk), a_worker())
    return Lease(workbench.of_lander(workspace, Config.model_validate({"landing": {"refusals": 1}})), fence or 0, lambda: False)


def verified(lease: Lease, **fields: Any) -> Landing:
    entry = an_entry(lease.bench.workspace, budget="9")
    ended(a_session(entry))
    Entry.objects.filter(pk=entry.pk).update(**{"status": "in_progress", **fields})
    return Landing.objects.create(
        workspace=lease.bench.workspace, entry=entry, commit=COMMIT, round=Round.objects.get(entry=entry)
    )


def entry_of(landing: Landing) -> Entry:
    return Entry.objects.get(pk=landing.entry_id)


def test_refused_work_goes_back_with_its_finding_and_a_round_of_its_own(lease: Lease) -> None:
    landing, other = verified(lease), verified(lease)
    Approval.objects.create(entry_id=landing.entry_id, commit=COMMIT, by="ana")
    rounds = entry_of(landing).budget_rounds
    refusals.refuse(lease, landing, "merge_conflict: it conflicts\nin a.py")
    entry, round_ = entry_of(landing), Round.objects.get(entry=landing.entry_id)
    assert (entry.status, entry.budget_rounds, entry.next_work) == ("pending", rounds + 1, "implement")
    assert entry_of(other).budget_rounds == rounds and entry_of(other).status == "in_progress"
    assert round_.findings[-1] == "merge_conflict: it conflicts\nin a.py"
    assert Approval.objects.get().void_at is not None
    event = Event.objects.get(verb="entry.refused")
    assert (event.object_id, event.reason) == (landing.entry_id, "merge_conflict: it conflicts")
    landing.refresh_from_db()
    assert (landing.state, landing.ended_at is not None) == ("refused", True)
    refusals.refuse(lease, landing, "again")
    assert Event.objects.filter(verb="entry.refused").count() == 1


def test_after_too_many_refusals_a_person_decides(lease: Lease) -> None:
    landing = verified(lease)
    for number, status in ((1, "pending"), (2, "blocked")):
        Entry.objects.filter(pk=landing.entry_id).update(status="in_progress")
        again = (
            landing
            if number == 1
            else Landing.objects.create(workspace=lease.bench.workspace, entry=entry_of(landing), commit=COMMIT)
        )
        rounds = entry_of(landing).budget_rounds
        refusals.refuse(lease, again, f"merge_conflict: {number}")
        entry = entry_of(landing)
        assert entry.status == status and entry.budget_rounds == rounds + (status == "pending")
    assert (entry.reason_code, entry.reason_message) == ("merge_conflict", "merge_conflict: 2")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "pending", "reason_code": "waiting_for_approval", "reason_message": "x"}, "pending"),
        ({"status": "pending"}, None),
        ({"status": "blocked", "reason_code": "human_hold", "reason_message": "x"}, None),
        ({"status": "in_progress", "deleted_at": now()}, None),
    ],
)
def test_an_entry_that_a_person_moved_meanwhile_stays_there(lease: Lease, fields: dict[str, Any], status: str | None) -> None:
    landing = verified(lease, **fields)
    before = entry_of(landing)
    refusals.refuse(lease, landing, "merge_conflict: it conflicts")
    entry = entry_of(landing)
    if status is None:
        assert (entry.status, entry.reason_code, entry.budget_rounds) == (before.status, before.reason_code, before.budget_rounds)
    else:
        assert (entry.status, entry.reason_code, entry.budget_rounds) == (status, "", before.budget_rounds + 1)


def test_what_was_withdrawn_or_is_being_written_is_not_refused(lease: Lease) -> None:
    withdrawn, written = verified(lease), verified(lease)
    Landing.objects.filter(pk=withdrawn.pk).update(state="withdrawn")
    intent = IntegrationCommit.objects.create(workspace=lease.bench.workspace, old=COMMIT, new="d" * 40, tree=COMMIT, subject="x")
    Landing.objects.filter(pk=written.pk).update(state="checking", intent=intent)
    for landing in (withdrawn, written):
        refusals.refuse(lease, landing, "merge_conflict: it conflicts")
        assert entry_of(landing).status == "in_progress"
    assert [landing.state for landing in Landing.objects.order_by("pk")] == ["withdrawn", "checking"]


def test_a_lander_that_lost_its_lease_refuses_nothing(lease: Lease) -> None:
    landing = verified(lease)
    Integration.objects.update(fence=99)
    with pytest.raises(branch.Fenced):
        refusals.refuse(lease, landing, "merge_conflict: it conflicts")
    assert entry_of(landing).status == "in_progress" and Landing.objects.get().state == "queued"


@pytest.mark.parametrize(
    ("kind", "base_tip", "name"),
    [
        ("base", COMMIT, "main"),
        ("base", "d" * 40, f"commit {COMMIT[:12]} on muster/integration"),
        ("revert", "", f"the revert of {COMMIT[:12]}"),
    ],
)
def test_a_base_or_a_revert_that_cannot_be_merged_is_named_on_the_branch(
    lease: Lease, kind: str, base_tip: str, name: str
) -> None:
    Integration.objects.update(base_tip=base_tip)
    lease.look()
    landing = Landing.objects.create(workspace=lease.bench.workspace, kind=kind, commit=COMMIT)
    refusals.end(lease, Refusal(landing, merge=MergedTree("", ["a.py", "b.py"], ["note"])))
    message = Integration.objects.get().base_problem
    cause = "merging into muster/integration conflicts in a.py, b.py\nnote"
    assert message == f"{name} cannot be merged into muster/integration: {cause}"
    event = Event.objects.get(verb="integration.base_refused")
    assert (event.object_id, event.data["commit"], event.reason) == (lease.workspace_id, COMMIT, message)


def partners(landing: Landing, *together: Landing) -> list[str]:
    return refusals._partners(landing, together)


def test_work_is_red_together_with_what_landed_since_its_base_newest_first(lease: Lease) -> None:
    shop: Workspace = lease.bench.workspace
    landing = verified(lease)
    round_ = Round.objects.get(entry=landing.entry_id)
    before, after, again, own = (*some_entries(shop, *"abc"), entry_of(landing))
    fields = {"old": COMMIT, "tree": COMMIT, "subject": "x", "state": "done"}
    news = ("1" * 40, round_.base_commit, "2" * 40)
    intents = [IntegrationCommit.objects.create(workspace=shop, new=new, **fields) for new in news]
    at = now()
    for entry, intent, minutes in ((before, 0, 9), (after, 2, 5), (again, 2, 3), (own, 2, 2)):
        landed = {"intent": intents[intent], "ended_at": at - timedelta(minutes=minutes), "state": "landed"}
        Landing.objects.create(workspace=shop, entry=entry, commit=COMMIT, **landed)
    assert partners(landing) == [f"#{again.seq}", f"#{after.seq}"]
    next_to = Landing.objects.filter(entry=after).get()
    assert partners(landing, next_to) == [f"#{after.seq}", f"#{again.seq}"]
    IntegrationCommit.objects.filter(new=round_.base_commit).update(new="3" * 40)
    Round.objects.filter(pk=round_.pk).update(started_at=at - timedelta(minutes=4))
    landing = Landing.objects.select_related("round").get(pk=landing.pk)
    assert partners(landing) == [f"#{again.seq}"], "its base is no commit of Muster: the time counts"


@pytest.mark.parametrize(
    ("count", "findings", "text"),
    [
        (0, ["it fails"], "merge_conflict: green alone, red on the current tip:\nit fails"),
        (1, ["it fails", "more"], "merge_conflict: green alone, red together with #2:\nit fails\nmore"),
        (2, [], "merge_conflict: green alone, red together with what landed meanwhile (#2, #3):\nthe checks fail"),
    ],
)
def test_a_combination_names_its_partners_and_findings(lease: Lease, count: int, findings: list[str], text: str) -> None:
    landing = verified(lease)
    together = [verified(lease) for _ in range(count)]
    refusals.end(lease, Refusal(landing, findings, together))
    assert Landing.objects.get(pk=landing.pk).message == text
