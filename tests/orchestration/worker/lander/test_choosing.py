"""The lander chooses in the tables alone what lands together and what it is asked, and ends landings."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.approval import gate
from orchestration.backlog import dependencies, newest_work, unproven
from orchestration.backlog.rules import ways
from orchestration.configuration import Config
from orchestration.landing import branch, queue
from orchestration.models import Entry, Integration, IntegrationCommit, Landing, Round, TreeVerdict
from orchestration.verdicts import scopes
from orchestration.verdicts.store import record
from orchestration.worker.lander import batches, chains, judging, landed, pull_requests, swap
from orchestration.worker.lander.lease import Lease
from orchestration.worker.preparing import workbench
from tests.factories import ANA, a_session, a_worker, a_workspace, an_entry, ended
from tests.orchestration.verdicts.test_comparison import exits
from workspaces.models import Event

pytestmark = pytest.mark.django_db
COMMIT = "c" * 40
State = Landing.State


@pytest.fixture
def lease() -> Lease:
    workspace = a_workspace()
    fence = branch.lease(branch.ensure(workspace.pk), a_worker())
    return Lease(workbench.of_lander(workspace, Config()), fence or 0, lambda: False)


def queued(lease: Lease, count: int = 1, state: State = State.QUEUED, **more: Any) -> list[Landing]:
    """Landings of entries that nobody waits for."""
    landings = []
    for _ in range(count):
        entry = an_entry(lease.bench.workspace, budget="9", **more)
        Entry.objects.filter(pk=entry.pk).update(status="in_progress")
        landings.append(Landing.objects.create(workspace=lease.bench.workspace, entry=entry, commit=COMMIT, state=state))
    return landings


def batch(lease: Lease, landings: Sequence[Landing]) -> tuple[list[Landing], str]:
    return batches._batch(lease, landings, "tip", proposes=pull_requests.is_for(lease.bench.config, landings[0]))


@pytest.fixture
def approval(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The landings that a person must approve."""
    needed: set[int] = set()
    monkeypatch.setattr(gate, "missing", lambda _rules, landing, *_, **__: "a person must" if landing.pk in needed else "")
    return needed


def test_a_batch_is_the_head_of_the_queue_as_far_as_the_limit(
    lease: Lease, approval: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    landings = queued(lease, 4)
    for limit in (1, 3, 9):
        monkeypatch.setattr(queue, "batch_limit", lambda *_, limit=limit: limit)
        assert batch(lease, landings) == (landings[:limit], "")
    assert batch(lease, landings[:1]) == (landings[:1], "") and not approval


def test_what_a_person_must_approve_ends_a_batch_and_is_tried_alone_as_its_head(lease: Lease, approval: set[int]) -> None:
    landings = queued(lease, 3)
    approval.add(landings[1].pk)
    assert batch(lease, landings) == (landings[:1], "")
    assert batch(lease, landings[1:]) == ([landings[1]], "a person must")
    landings[1].state = State.PROPOSED
    assert batch(lease, landings[1:]) == ([landings[1]], ""), "it was approved before it was proposed"


@pytest.mark.parametrize("how", ["an entry depends on it", "an entry waits for its files", "it contains unproven work"])
def test_what_others_wait_for_goes_alone_and_what_contains_others_in_its_chain(
    lease: Lease, approval: set[int], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    landings, other = queued(lease, 3), an_entry(lease.bench.workspace)
    awaited = landings[1].entry
    assert awaited is not None and not approval
    if how == "an entry depends on it":
        dependencies.depend(other, awaited, by=ANA)
    elif how == "an entry waits for its files":
        Entry.objects.filter(pk=other.pk).update(parked_behind=awaited)
    else:
        monkeypatch.setattr(unproven, "below", lambda entry_id: [landings[0]] if entry_id == awaited.pk else [])
    assert batch(lease, landings) == (landings[:1], "")
    if how != "it contains unproven work":
        assert batch(lease, landings[1:]) == ([landings[1]], "")


def test_merges_of_the_base_reverts_and_pull_requests_go_alone(lease: Lease, approval: set[int]) -> None:
    base = Landing.objects.create(workspace=lease.bench.workspace, kind="base", commit=COMMIT)
    landings = queued(lease, 2)
    assert batch(lease, [base, *landings]) == ([base], "") and batch(lease, [landings[0], base]) == ([landings[0]], "")
    proposes = Lease(replace(lease.bench, config=Config.model_construct(land_by="pull_request")), lease.fence, lambda: False)
    assert batch(proposes, landings) == ([landings[0]], "") and not approval


def test_all_entries_that_land_together_are_asked_for_their_targets_and_people_only_for_regressions(lease: Lease) -> None:
    first, second = queued(lease, 1, content="Write a")[0], queued(lease, 1, content="Write b")[0]
    for landing, tests in ((first, ["t.a"]), (second, ["t.b", "t.c"])):
        Entry.objects.filter(pk=landing.entry_id).update(spec={"tests": tests})
    landings = list(Landing.objects.select_related("entry").order_by("pk"))
    asked = judging._question(lease, landings, needs_gain=True)
    assert (asked.targets, asked.needs_gain, asked.only_regressions) == (("t.a", "t.b", "t.c"), False, False)
    assert "Write a" in asked.text and "Write b" in asked.text
    landings[1].state = State.UNPROVEN
    assert judging._question(lease, landings, needs_gain=True).needs_gain
    assert not judging._question(lease, landings, needs_gain=False).needs_gain
    assert not judging._question(lease, landings[::-1], needs_gain=True).needs_gain, "the last of the chain counts"
    base = Landing(workspace=lease.bench.workspace, kind="base", commit=COMMIT)
    assert judging._question(lease, [base], needs_gain=True).only_regressions
    assert not judging._question(lease, [base, landings[0]], needs_gain=True).only_regressions


def test_an_old_verdict_or_one_made_for_an_entry_refuses_nothing_before_it_is_made_anew(
    lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[TreeVerdict | None] = [None]
    monkeypatch.setattr(judging, "known", lambda *_: known[0])
    monkeypatch.setattr(scopes, "may_mislead", lambda *_: False)
    assert not judging._is_doubtful(lease, "tip")
    verdict = record(lease.workspace_id, tree="t", commit=COMMIT, checks_hash="h", kind=TreeVerdict.Kind.TIP, runs=[exits(0)])
    for age_s, doubtful in (
        (lease.bench.config.verdict_max_age_s - 60, False),
        (lease.bench.config.verdict_max_age_s + 60, True),
    ):
        verdict.at = now() - timedelta(seconds=age_s)
        known[0] = verdict
        assert judging._is_doubtful(lease, "tip") is doubtful
    verdict.at = now()
    monkeypatch.setattr(scopes, "may_mislead", lambda *_: True)
    assert judging._is_doubtful(lease, "tip")


def state(landing: Landing) -> tuple[str, str, str]:
    entry = Entry.objects.get(pk=landing.entry_id)
    return Landing.objects.get(pk=landing.pk).state, entry.status, entry.done_way


def test_what_has_landed_ends_and_its_entry_is_done_in_its_way_or_goes_on_with_newer_work(lease: Lease) -> None:
    proved, newer, waiting, held, deleted = queued(lease, 5)
    other = queued(lease)[0]
    on_hold = {"reason_code": "human_hold", "reason_message": "x"}
    Entry.objects.filter(pk=waiting.entry_id).update(status="pending", reason_code="waiting_for_merge", reason_message="x")
    Entry.objects.filter(pk=held.entry_id).update(status="blocked", **on_hold)
    Entry.objects.filter(pk=deleted.entry_id).update(deleted_at=now())
    base = Landing.objects.create(workspace=lease.bench.workspace, kind="base", commit=COMMIT)
    ids = [proved.pk, newer.pk, waiting.pk, held.pk, deleted.pk, base.pk]
    done = {proved.entry_id or "": ways.closed(by="a"), waiting.entry_id or "": ways.closed(by="b")}
    swap.end_landed(
        Landing.objects.select_related("entry__account").filter(pk__in=ids).order_by("pk"), commit="d" * 40, done=done
    )
    assert state(proved) == ("landed", "done", "closed") and state(newer) == ("landed", "pending", "")
    assert state(waiting) == ("landed", "done", "closed") and state(held) == ("landed", "blocked", "")
    assert state(deleted) == ("landed", "in_progress", "") and state(other) == ("queued", "in_progress", "")
    assert Landing.objects.get(pk=base.pk).state == "landed" and Landing.objects.get(pk=proved.pk).ended_at is not None
    events = Event.objects.filter(verb="entry.landed").order_by("id")
    assert [event.object_id for event in events] == [each.entry_id for each in (proved, newer, waiting, held, deleted)]
    assert events[0].data["commit"] == "d" * 40 and events[0].data["seq"] == 1


def test_what_people_pushed_in_place_of_all_that_was_made_proves_their_landing_alone(lease: Lease) -> None:
    landing = queued(lease)[0]
    Entry.objects.filter(pk=landing.entry_id).update(status="pending")
    assert landed.of_others(landing, "tip") is None, "no round was made"
    entry = Entry.objects.get(pk=landing.entry_id)
    for _ in range(2):
        ended(a_session(entry))
    Round.objects.update(given_up=True)
    assert landed.of_others(landing, "tip") == ways.landed("tip", round=2)
    landing.round = Round.objects.get(number=2)
    assert landed.of_others(landing, "tip") is None, "it is a round's"
    landing.round = None
    Round.objects.filter(number=2).update(given_up=False, commit=COMMIT)
    assert landed.of_others(landing, "tip") is None, "newer work is there"


def test_unproven_work_is_noted_on_each_tip_and_proved_once(lease: Lease) -> None:
    first, other = queued(lease, 2, State.UNPROVEN)
    Entry.objects.update(status="pending", reason_code="unproven", reason_message="x")
    session = a_session(an_entry(lease.bench.workspace))
    created = Round.objects.get(session=session)
    Round.objects.update(is_unproven=True)
    Landing.objects.filter(pk=first.pk).update(round=created)
    verdict = record(lease.workspace_id, tree="t", commit=COMMIT, checks_hash="h", kind=TreeVerdict.Kind.LANDING, runs=[exits(0)])
    chains.note(lease, first, tip="tip", commit="d" * 40, verdict=verdict)
    noted = Landing.objects.get(pk=first.pk)
    assert (noted.tried_tip, noted.tried_commit, noted.tried_verdict) == ("tip", "d" * 40, verdict) and noted.tried_at is not None
    assert Landing.objects.get(pk=other.pk).tried_tip == ""
    chains.prove(lease, first)
    assert state(first)[:2] == ("queued", "in_progress") and state(other)[:2] == ("unproven", "pending")
    assert not Round.objects.get(pk=created.pk).is_unproven
    Entry.objects.filter(pk=first.entry_id).update(status="pending")
    chains.prove(lease, first)
    chains.note(lease, first, tip="later", commit=COMMIT, verdict=None)
    assert state(first)[:2] == ("queued", "pending") and Landing.objects.get(pk=first.pk).tried_tip == "tip"
    Integration.objects.update(fence=99)
    for act in (lambda: chains.note(lease, other, tip="t", commit=COMMIT, verdict=None), lambda: chains.prove(lease, other)):
        with pytest.raises(branch.Fenced):
            act()
    assert state(other)[:2] == ("unproven", "pending")


def test_work_that_contains_what_waits_no_longer_goes_back_unless_it_was_decided_meanwhile(
    lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unproven, "below", lambda _: None)
    goes, withdrawn, written = queued(lease, 3)
    intent = IntegrationCommit.objects.create(workspace=lease.bench.workspace, old=COMMIT, new="d" * 40, tree=COMMIT, subject="x")
    Landing.objects.filter(pk=written.pk).update(state="checking", intent=intent)
    assert chains.under(lease, written) is None and state(written)[:2] == ("checking", "in_progress")
    proposed = queued(lease, 1, State.PROPOSED)[0]
    Landing.objects.filter(pk=withdrawn.pk).update(state="withdrawn")
    assert chains.under(lease, goes) is None and chains.under(lease, withdrawn) is None
    assert state(goes)[:2] == ("withdrawn", "pending") and state(withdrawn)[:2] == ("withdrawn", "in_progress")
    assert chains.under(lease, proposed) == [], "its pull request says what becomes of it"
    base = Landing.objects.create(workspace=lease.bench.workspace, kind="base", commit=COMMIT)
    assert chains.under(lease, base) == []
    next_to = queued(lease)[0]
    monkeypatch.setattr(unproven, "below", lambda _: [goes, withdrawn])
    monkeypatch.setattr(newest_work, "is_on", lambda *_: True)
    assert chains.under(lease, next_to) == [goes, withdrawn]
    answers = iter([True, False])
    monkeypatch.setattr(newest_work, "is_on", lambda *_: next(answers))
    assert chains.under(lease, next_to) is None, "it contains another commit of it"
