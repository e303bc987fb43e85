"""A row of the list: its state in a sentence, since when, what it needs, and what else is in the way; each beside rows that differ in one thing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.entries import rows
from orchestration.backlog import dependencies, entry_actions, splitting
from orchestration.backlog.entries import Draft
from orchestration.models import Entry, Executor, FileLock, Landing, Session
from tests.dashboard.page_requests import page_request
from tests.factories import ANA, CLOSED, a_charge, a_session, a_worker, an_entry, ended, some_entries
from workspaces.models import Workspace

pytestmark = pytest.mark.shop(max_workers=9)

HOUR = timedelta(hours=1)
EARLY = datetime(2026, 8, 4, 12, tzinfo=UTC)


def row(entry: Entry, **options: Any) -> dict[str, Any]:
    fresh = Entry.objects.select_related("account").get(pk=entry.pk)
    return rows.rows(page_request(entry.workspace), [fresh], **options)[0]


def text(pieces: list[tuple[str, str]]) -> str:
    return "".join(part for part, _ in pieces)


def set_(entry: Entry, **fields: Any) -> Entry:
    Entry.objects.filter(pk=entry.pk).update(**fields)
    return entry


def test_a_session_at_work_counts_and_an_earlier_one_does_not(shop: Workspace) -> None:
    entry = an_entry(shop)
    ended(a_session(entry))
    session = a_session(set_(entry, status="pending", reason_code=""))
    Session.objects.filter(pk=session.pk).update(claimed_at=EARLY)
    seen = row(entry)
    assert (seen["session"].pk, seen["since"], seen["badge"], seen["chip"]) == (session.pk, EARLY, "in_progress", "")
    assert text(seen["why"]) == "Implementing, round 2"
    Session.objects.filter(pk=session.pk).update(round_number=0, phase="starting")
    assert text(row(entry)["why"]) == "Setting up"


def test_it_waits_since_its_own_reason_else_since_the_holder_has_the_files(shop: Workspace) -> None:
    holder = an_entry(shop, files=["a.py"])
    a_session(holder)
    waiter = set_(an_entry(shop, files=["a.py"]), created_at=EARLY, updated_at=EARLY + HOUR)
    for n, path in enumerate(["b.py", "c.py"]):
        FileLock.objects.create(workspace=shop, entry=holder, path=path)
        FileLock.objects.filter(path=path).update(acquired_at=EARLY + 2 * HOUR + n * HOUR)
    seen = row(waiter)
    assert (seen["code"], seen["since"]) == ("files_locked", EARLY + 2 * HOUR)
    assert (f"#{holder.seq}", f"/w/{shop.pk}/backlog/{holder.pk}/") in seen["why"]
    set_(waiter, reason_at=EARLY + 9 * HOUR)
    assert row(waiter)["since"] == EARLY + 9 * HOUR


def test_it_waits_since_the_pause_and_any_other_since_it_was_created(shop: Workspace) -> None:
    entry, done = (set_(an_entry(shop), created_at=EARLY, updated_at=EARLY + HOUR) for _ in range(2))
    set_(done, **CLOSED)
    Executor.objects.filter(pk=shop.pk).update(changed_at=EARLY + 3 * HOUR)
    assert (row(entry)["code"], row(entry)["since"], row(done)["since"]) == ("no_worker_online", EARLY, None)
    Executor.objects.filter(pk=shop.pk).update(state="paused")
    assert (row(entry)["code"], row(entry)["since"], row(done)["since"]) == ("executor_paused", EARLY + 3 * HOUR, None)


def test_needs_that_are_done_are_counted_and_only_the_others_are_named(shop: Workspace) -> None:
    done, failed, ready, waiter = (an_entry(shop) for _ in range(4))
    for need in (ready, done, failed):
        dependencies.depend(waiter, need, by=ANA)
    set_(done, **CLOSED)
    set_(failed, status="failed", reason_code="rounds_exhausted", reason_message="x")
    seen = row(waiter)
    assert ([need.seq for need in seen["needs"]], seen["needs_done"]) == ([1, 2, 3], 1)
    assert text(seen["why"]) in ("After #2, #3", "Failed dependency: #2")
    set_(failed, status="pending", reason_code="", reason_message="")
    set_(waiter, unmet_dependencies=2)
    assert text(row(waiter)["why"]) == "After #2, #3"


def test_what_else_is_in_the_way_is_counted_without_the_reason_that_is_shown(shop: Workspace) -> None:
    need, waiter = an_entry(shop), an_entry(shop)
    dependencies.depend(waiter, need, by=ANA)
    shown, below_the_common_ones = row(waiter), row(waiter, own_first=True)
    assert [seen["code"] for seen in (shown, below_the_common_ones)] == ["dependencies_pending"] * 2
    assert [seen["more"] for seen in (shown, below_the_common_ones)] == [2, 2]
    assert [text(more) for more in shown["more_reasons"]] == [
        "No session worker is online: start one with ./muster worker",
        "No session worker offers a slot now",
    ]
    assert below_the_common_ones["more_reasons"] == []


@pytest.mark.parametrize(("message", "words"), [("", "merge conflict"), ("Both changed a.py", "Both changed a.py")])
def test_the_stored_message_of_a_reason_is_its_sentence(shop: Workspace, message: str, words: str) -> None:
    entry = set_(an_entry(shop), status="blocked", reason_code="merge_conflict", reason_message=message, reason_at=EARLY)
    seen = row(entry)
    assert (seen["badge"], seen["code"], seen["since"], seen["chip"]) == ("blocked", "merge_conflict", EARLY, "Merge conflict")
    assert (text(seen["why"]), text(seen["detail"])) == (words, message)
    assert row(set_(entry, reason_code="human_hold"))["badge"] == "held"


def test_what_waits_for_its_landing_leads_there_and_a_container_to_its_children(shop: Workspace) -> None:
    landing, container = an_entry(shop), an_entry(shop, budget="4")
    splitting.split(container, [Draft("One"), Draft("Two")], by=ANA)
    for entry in (landing, container):
        set_(entry, status="in_progress")
    assert (row(landing)["badge"], row(container)["badge"]) == ("landing", "in_progress")
    assert row(landing)["why"] == [("Verified: it waits for its ", ""), ("landing", f"/w/{shop.pk}/landing/")]
    address = f"/w/{shop.pk}/backlog/{container.pk}/?tab=children"
    assert row(container)["why"] == [("Its children are at work", address)]


def test_a_landing_that_waits_for_a_host_has_that_as_its_sentence_in_the_list_too(shop: Workspace) -> None:
    entry, other = (set_(an_entry(shop), status="in_progress") for _ in range(2))
    for target, message in ((entry, "Its host is away"), (other, "")):
        Landing.objects.create(
            workspace=shop, entry=target, commit="1" * 40, message=message, not_before=EARLY if message else None
        )
    seen = row(entry)
    assert seen["why"] == seen["detail"] == [("Its host is away", f"/w/{shop.pk}/landing/")]
    assert text(row(other)["why"]) == "Verified: it waits for its landing"


def test_a_child_whose_parent_is_on_another_page_keeps_its_row(shop: Workspace) -> None:
    whole = an_entry(shop, budget="4")
    first, second = splitting.split(whole, [Draft("One"), Draft("Two")], by=ANA)
    last = an_entry(shop)
    seen = rows.rows(page_request(shop), list(Entry.objects.filter(workspace=shop).select_related("account").order_by("seq")))
    assert [(each["entry"].pk, each["depth"]) for each in rows.below_parents(seen)] == [
        (whole.pk, 0), (first.pk, 1), (second.pk, 1), (last.pk, 0)]  # fmt: skip
    assert [(each["entry"].pk, each["depth"]) for each in rows.below_parents(seen[1:])] == [
        (first.pk, 0), (second.pk, 0), (last.pk, 0)]  # fmt: skip
    assert [each["parent"] and each["parent"].pk for each in seen] == [None, whole.pk, whole.pk, None]
    assert [each["children"] is not None for each in seen] == [True, False, False, False]


def test_a_row_shows_what_its_own_account_has_spent_and_holds(shop: Workspace) -> None:
    a_worker()
    first, second = some_entries(shop, Draft("a", budget=3_000_000), Draft("b", budget=2_000_000))
    a_charge(first, "1")
    entry_actions.put_on_hold(second, by=ANA, reason="later")
    use = row(first)["use"]
    assert (use.spent, use.held, use.budget) == (1_000_000, 0, 3_000_000)
    assert text(row(second)["why"]) == "later" and row(second)["chip"] == "On hold"
