"""The cycle against a real database: it claims each startable entry once, and explains why the others wait."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from budget.amounts import usd
from budget.limits import caps
from budget.models import Account, Hold
from orchestration.backlog.entries import Draft
from orchestration.edge import queries
from orchestration.executor import dispatch, snapshot
from orchestration.executor.plan import CycleInput, Decision, Start, Waiting
from orchestration.messaging import wake_ups
from orchestration.models import Entry, FileLock, Session
from tests.factories import ANA, a_worker, a_workspace, an_entry, project, sessions_of, some_entries
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


def statements(context: CaptureQueriesContext) -> list[str]:
    """The statements without those of transactions."""
    frame = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")
    return [q["sql"] for q in context.captured_queries if not q["sql"].startswith(frame)]


def test_a_cycle_claims_session_reservation_and_locks_together() -> None:
    a_worker()
    shop = a_workspace(round_ceiling_usd=0.5)
    entry = an_entry(shop, budget="2", files=["a.py", "b/"])
    dispatch.cycle(shop.pk)
    [session] = sessions_of(shop)
    assert (session.entry_id, session.attempt, session.status) == (entry.pk, 1, "claimed")
    assert session.hold is not None and session.hold.amount == usd("0.5")
    assert queries.locks_by_entry(shop.pk) == {entry.pk: ["a.py", "b/"]}
    assert project(shop).held == Account.objects.get(pk=entry.pk).held == usd("0.5")
    entry.refresh_from_db()
    assert (entry.status, entry.attempts) == ("in_progress", 1)


@pytest.mark.parametrize("number", [1, 20, 500])
def test_the_number_of_statements_does_not_depend_on_how_many_it_dispatches(number: int) -> None:
    a_worker(slots=1000)
    shop = a_workspace(cap="1000", max_workers=500)
    some_entries(shop, *(Draft(f"do {n}", budget=usd(1), spec={"files_to_modify": [f"src/f{n}.py"]}) for n in range(number)))
    with CaptureQueriesContext(connection) as context:
        done = dispatch.cycle(shop.pk)
    assert len(done.started) == number
    assert len(statements(context)) == 9


def test_an_idle_cycle_takes_few_statements() -> None:
    a_worker()
    shop = a_workspace()
    with CaptureQueriesContext(connection) as context:
        dispatch.cycle(shop.pk)
    assert len(statements(context)) == 4


def test_entries_with_rounds_go_first_then_priority_then_age() -> None:
    a_worker()
    shop = a_workspace(max_workers=3)
    _low, high, old, started = some_entries(
        shop, Draft("low", priority=Entry.Priority.LOW), Draft("high", priority=Entry.Priority.HIGH), "old", "begun"
    )
    Entry.objects.filter(pk=started.pk).update(has_rounds=True)
    dispatch.cycle(shop.pk)
    assert {s.entry_id for s in sessions_of(shop)} == {started.pk, high.pk, old.pk}


def test_an_entry_waits_for_its_dependency() -> None:
    a_worker()
    shop = a_workspace()
    first, second = some_entries(shop, Draft("first", ref="a"), Draft("second", depends_on=("a",)))
    dispatch.cycle(shop.pk)
    assert [s.entry_id for s in sessions_of(shop)] == [first.pk]
    [shown] = queries.shown_entries(shop.pk, [queries.entry_for(shop.pk, second.pk)])
    assert shown["reasons"][0]["code"] == "dependencies_pending"


def test_an_entry_that_waits_for_a_file_is_parked_until_it_is_free() -> None:
    a_worker()
    shop = a_workspace()
    first, second = an_entry(shop, files=["src/"]), an_entry(shop, files=["src/a.py"])
    dispatch.cycle(shop.pk)
    second.refresh_from_db()
    assert second.parked_behind_id == first.pk
    [shown] = queries.shown_entries(shop.pk, [queries.entry_for(shop.pk, second.pk)])
    assert shown["reasons"][0]["code"] == "files_locked"


def test_fifty_entries_and_money_for_seven() -> None:
    a_worker()
    shop = a_workspace(cap="7", max_workers=50, min_round_usd=1, round_ceiling_usd=1)
    some_entries(shop, *(Draft(f"do {n}", budget=usd(1)) for n in range(50)))
    dispatch.cycle(shop.pk)
    dispatch.cycle(shop.pk)
    assert len(sessions_of(shop)) == 7
    assert project(shop).held == usd(7)
    assert queries.diagnostics(shop.pk)["blockedReasons"] == ["money_reserved"]
    caps.set_project(project(shop), "max_project_spend", usd(50), by=ANA)
    dispatch.cycle(shop.pk)
    assert len(sessions_of(shop)) == 50


def test_an_entry_whose_budget_cannot_pay_a_round_is_blocked_until_it_is_raised(django_capture_on_commit_callbacks) -> None:  # type: ignore[no-untyped-def]
    a_worker()
    shop = a_workspace()
    poor = an_entry(shop, budget="0.01", files=["a.py"])
    dispatch.cycle(shop.pk)
    poor.refresh_from_db()
    assert (poor.status, poor.reason_code) == ("blocked", "budget_exceeded")
    with django_capture_on_commit_callbacks(execute=True):
        caps.edit(poor.account, usd(2), by=ANA)
    poor.refresh_from_db()
    assert poor.status == "pending"
    assert poor.account.__class__.objects.get(pk=poor.pk).human_locked


def test_a_cycle_reads_on_past_parked_entries() -> None:
    a_worker()
    shop = a_workspace(cap="500", budget="500", max_workers=2)
    an_entry(shop, files=["a.py"])
    some_entries(shop, *(Draft(f"parked {n}", spec={"files_to_modify": ["a.py"]}) for n in range(40)))
    free = an_entry(shop, files=["b.py"])
    dispatch.cycle(shop.pk)
    assert free.pk in {s.entry_id for s in sessions_of(shop)}
    assert Entry.objects.filter(parked_behind__isnull=False).count() == 40


def test_a_cycle_that_used_up_its_passes_enqueues_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    a_worker()
    shop = a_workspace(cap="500", budget="500", max_workers=2)
    an_entry(shop, files=["a.py"])
    some_entries(shop, *(Draft(f"parked {n}", spec={"files_to_modify": ["a.py"]}) for n in range(60)))
    free = an_entry(shop, files=["b.py"])
    enqueued: list[str] = []
    monkeypatch.setattr(dispatch, "MAX_PASSES", 2)
    monkeypatch.setattr(wake_ups, "enqueue_cycle", enqueued.append)
    dispatch.cycle(shop.pk)
    assert enqueued == [shop.pk] and free.pk not in {s.entry_id for s in sessions_of(shop)}
    dispatch.cycle(shop.pk)
    assert enqueued == [shop.pk] and free.pk in {s.entry_id for s in sessions_of(shop)}


def test_a_paused_executor_dispatches_nothing() -> None:
    a_worker()
    shop = a_workspace(state="paused")
    poor = an_entry(shop, budget="0.01")
    an_entry(shop)
    assert dispatch.cycle(shop.pk).decisions == []
    assert not Hold.objects.exists() and not FileLock.objects.exists()
    assert Entry.objects.get(pk=poor.pk).status == "pending", "it is not blocked for its budget either"


def test_it_claims_nothing_while_no_worker_is_online() -> None:
    shop = a_workspace()
    an_entry(shop)
    dispatch.cycle(shop.pk)
    assert sessions_of(shop) == []
    assert queries.diagnostics(shop.pk)["blockedReasons"] == ["no_worker_online"]


def test_the_files_of_an_entry_that_a_cycle_blocks_are_free_for_another_in_the_same_cycle() -> None:
    a_worker()
    shop = a_workspace()
    poor, waits = an_entry(shop, budget="0.01", files=["a.py"]), an_entry(shop, files=["a.py"])
    FileLock.objects.create(workspace=shop, path="a.py", entry=poor)  # kept from its last round
    Entry.objects.filter(pk=poor.pk).update(has_rounds=True)
    Entry.objects.filter(pk=waits.pk).update(parked_behind=poor)
    dispatch.cycle(shop.pk)
    assert [session.entry_id for session in sessions_of(shop)] == [waits.pk]
    assert queries.locks_by_entry(shop.pk) == {waits.pk: ["a.py"]}


def test_a_cycle_sets_no_column_that_it_does_not_decide() -> None:
    """A column added to sessions tomorrow does not break the claims of today."""
    a_worker()
    shop = a_workspace()
    an_entry(shop)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE orchestration_session ADD COLUMN mood varchar(20) NOT NULL DEFAULT 'calm'")
    dispatch.cycle(shop.pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT mood FROM orchestration_session")
        assert cursor.fetchall() == [("calm",)]


def test_every_column_of_a_session_that_a_cycle_does_not_set_has_a_default_in_the_database() -> None:
    decided = {"id", "workspace", "entry", "attempt", "work", "hold", "enqueued_at"}
    left = [field for field in Session._meta.concrete_fields if field.name not in decided]
    assert [field.name for field in left if not field.null and not field.has_db_default()] == []


def test_an_entry_that_moved_while_the_cycle_was_deciding_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    a_worker()
    shop = a_workspace()
    entry = an_entry(shop, files=["a.py"])
    decide = dispatch.planning.plan

    def slowly(cycle_input: CycleInput, line: Sequence[Waiting]) -> list[Decision]:
        decisions = decide(cycle_input, line)
        Entry.objects.filter(pk=entry.pk).update(status="blocked", reason_code="human_hold", reason_message="Later")
        return decisions

    monkeypatch.setattr(dispatch.planning, "plan", slowly)
    assert dispatch.cycle(shop.pk).started == []
    assert sessions_of(shop) == [] and project(shop).held == 0 and not FileLock.objects.exists()


def test_a_session_that_only_verifies_reserves_no_money() -> None:
    a_worker()
    shop = a_workspace()
    Entry.objects.filter(pk=an_entry(shop).pk).update(next_work="verify")
    dispatch.cycle(shop.pk)
    [session] = sessions_of(shop)
    assert (session.work, session.hold_id, Hold.objects.count()) == ("verify", None, 0)


def test_entries_that_wait_for_their_provider_do_not_keep_the_line_from_others() -> None:
    a_worker()
    shop = a_workspace(max_workers=1)
    waiting = some_entries(shop, *(f"waits {n}" for n in range(20)))
    Entry.objects.filter(pk__in=[entry.pk for entry in waiting]).update(not_before=Now() + timedelta(hours=1))
    ready = an_entry(shop)
    dispatch.cycle(shop.pk)
    assert [session.entry_id for session in sessions_of(shop)] == [ready.pk]


def test_a_deleted_entry_is_never_started() -> None:
    a_worker()
    shop = a_workspace()
    Entry.objects.filter(pk=an_entry(shop).pk).update(deleted_at=Now())
    assert dispatch.cycle(shop.pk).started == []


def test_a_share_follows_what_its_entry_reserves_next_to_entries_with_budgets_of_their_own() -> None:
    a_worker()
    shop = a_workspace(round_ceiling_usd=2)
    own, share = some_entries(shop, Draft("own", budget=usd(9)), "share")
    Account.objects.filter(pk=share.account_id).update(budget=usd(1))
    dispatch.cycle(shop.pk)
    assert {hold.account_id: hold.amount for hold in Hold.objects.all()} == {own.account_id: usd(2), share.account_id: usd(2)}
    assert [Account.objects.get(pk=entry.account_id).budget for entry in (own, share)] == [usd(9), usd(2)]


def test_what_a_cycle_blocks_and_parks_is_written_with_its_reason_and_recorded() -> None:
    a_worker()
    shop = a_workspace()
    holder = an_entry(shop, files=["a.py"])
    parked = an_entry(shop, files=["a.py"], content="Waits for a file")
    poor = an_entry(shop, budget="0.01", content="Has no money")
    dispatch.cycle(shop.pk)
    holder.refresh_from_db()
    parked.refresh_from_db()
    poor.refresh_from_db()
    assert (holder.status, holder.attempts, holder.reason_code) == ("in_progress", 1, "")
    assert (parked.status, parked.attempts, parked.parked_behind_id) == ("pending", 0, holder.pk)
    assert (poor.status, poor.attempts, poor.reason_code) == ("blocked", 0, "budget_exceeded")
    assert poor.reason_message.startswith("$0.01 of its budget is left") and poor.reason_at is not None
    event = Event.objects.get(verb="entry.blocked")
    assert (event.object_id, event.data["seq"], event.data["title"], event.data["code"], event.reason) == (
        poor.pk, poor.seq, "Has no money", "budget_exceeded", poor.reason_message,
    )  # fmt: skip


@pytest.mark.parametrize(("home", "are_several"), [("home", True), ("one", False)])
def test_an_entry_goes_to_a_host_and_others_can_have_its_work_where_several_share_it(home: str, are_several: bool) -> None:
    a_worker(host="one")
    shop = a_workspace()
    begun, fresh, there, unshared = (an_entry(shop) for _ in range(4))
    Entry.objects.filter(pk__in=[begun.pk, there.pk]).update(has_rounds=True)
    Entry.objects.filter(pk__in=[there.pk, unshared.pk]).update(is_shared=False, host_id="one")
    Workspace.objects.filter(pk=shop.pk).update(host_id=home)
    dispatch.cycle(shop.pk)
    for entry, is_shared in ((begun, True), (fresh, True), (there, False), (unshared, True)):
        entry.refresh_from_db()
        assert (entry.host_id, entry.is_shared) == ("one", is_shared and are_several)
    assert {session.host_id for session in sessions_of(shop)} == {"one"}


def test_a_start_that_any_host_may_take_forgets_no_host_of_earlier_work() -> None:
    a_worker()  # of a release that does not name its host
    shop = a_workspace()
    entry = an_entry(shop)
    Entry.objects.update(host_id="one", has_rounds=True)
    dispatch.cycle(shop.pk)
    entry.refresh_from_db()
    assert (entry.status, entry.host_id, [session.host_id for session in sessions_of(shop)]) == ("in_progress", "one", [""])


def test_a_start_takes_over_the_locks_that_overlap_its_paths_from_those_that_may_give_them() -> None:
    shop = a_workspace()
    taker, giver, stranger, parked = (an_entry(shop) for _ in range(4))
    for path, owner in (("src/", giver), ("docs/a.md", giver), ("other.py", giver), ("lib/", stranger)):
        FileLock.objects.create(workspace=shop, path=path, entry=owner)
    Entry.objects.filter(pk__in=[giver.pk, parked.pk]).update(parked_behind=taker)
    a_worker()
    cycle_input = replace(
        snapshot.cycle_input(shop.pk, lock=False),
        locks=tuple(FileLock.objects.values_list("path", "entry_id")),
        passing_on={taker.pk: frozenset({giver.pk})},
    )
    waiting = replace(snapshot.line(shop.pk, cycle_input, 1)[0], id=taker.pk, paths=("src/b.py", "docs/", "lib/c.py"))
    kept = dispatch._take_over(shop.pk, cycle_input, Start(waiting, 0))
    owners = dict(FileLock.objects.values_list("path", "entry_id"))
    assert owners == {"src/": taker.pk, "docs/a.md": taker.pk, "other.py": giver.pk, "lib/": stranger.pk}
    assert kept == {("src/", taker.pk), ("docs/a.md", taker.pk), ("src/b.py", taker.pk)}, "docs/ itself is still to be locked"
    assert list(Entry.objects.filter(parked_behind__isnull=False)) == [parked]
    assert dispatch._take_over(shop.pk, replace(cycle_input, passing_on={}), Start(waiting, 0)) == set()
