"""Each filter of the list of entries: what it finds at its bounds, and what it leaves out; and how the search is read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from budget.amounts import usd
from budget.limits import caps
from budget.models import Account
from dashboard.entries import csv_rows, filters
from orchestration.backlog import dependencies, splitting
from orchestration.backlog.entries import Draft
from orchestration.lists import entries as lists
from orchestration.lists.search_language import Term, parse
from orchestration.models import Entry, Session
from tests.dashboard.page_requests import page_request
from tests.factories import ANA, CLOSED, a_charge, a_workspace, an_entry, some_entries
from workspaces.models import Workspace


def matches(shop: Workspace, q: str = "", **query: str) -> list[int]:
    """The numbers of the entries, in the order of the list."""
    asked = filters.read(page_request(shop, q=q, **query))
    rows = lists.ordered(lists.matching(shop.pk, asked), asked.order[0])
    sign = "-" if asked.order[1] else ""
    return list(rows.order_by(f"{sign}place", f"{sign}seq").values_list("seq", flat=True))


def test_numbers_are_compared_at_their_bounds(shop: Workspace) -> None:
    for dollars in ("1", "2", "3"):
        a_charge(an_entry(shop, budget=dollars), dollars)
    Entry.objects.filter(seq=2).update(rounds_completed=2, score=0.5)
    for q, seqs in (
        ("spent:>2", [3]), ("spent:>=2", [2, 3]), ("spent:<2", [1]), ("spent:<=2", [1, 2]), ("spent:2", [2]), ("spent:=$2.00", [2]),
        ("budget:>2", [3]), ("rounds:2", [2]), ("rounds:<2", [1, 3]), ("score:>=0.5", [2]), ("score:>0.5", []),
        ("spent:>1 budget:<3", [2]),
    ):  # fmt: skip
        assert matches(shop, q) == seqs, q


def test_words_numbers_and_qualifiers_find_their_entries(shop: Workspace) -> None:
    other = a_workspace(name="Other")
    some_entries(other, "Sort invoices")
    single, two, three, gone = some_entries(
        shop,
        Draft("Sort invoices", ref="a", priority=Entry.Priority.HIGH),
        Draft("Write 2 tests", depends_on=("a",)),
        "Three",
        "Sort",
    )
    Entry.objects.filter(pk=gone.pk).update(deleted_at=now())
    Entry.objects.filter(pk=single.pk).update(group="Tax", paths=["app/mail.py"], created_by="Bea")
    Entry.objects.filter(pk=two.pk).update(group="Tax / Deep", parallel_group="east")
    Entry.objects.filter(pk=three.pk).update(
        group="Taxi", paths=["app/"], status="blocked", reason_code="human_hold", reason_message="x"
    )
    caps.toggle_lock(three.account, by=ANA)
    for q, seqs in (
        ("sort", [1]), ("SORT invoices", [1]), ("#2", [2]), ("2", [2]), (single.pk, [1]), ("sort write", []),
        ("priority:high", [1]), ("by:BEA", [1]), ("group:Tax", [1, 2]), ("group:east", [2]), ("dep:1", [2]), ("dep:#2", []),
        ("file:app/mail.py", [1, 3]), ("file:mail", [1]), ("file:app/other.py", [3]),
        ("locked:yes", [3]), ("locked:no", [1, 2]), ("held:yes", [3]), ("held:no", [1, 2]),
        ("status:blocked", [3]), ("status:open", [1, 2, 3]), ("status:stuck", [3]), ("status:pending", [1]), ("status:done", []),
        ("reason:dependencies_pending", [2]), ("reason:human_hold", [3]),
    ):  # fmt: skip
        assert matches(shop, q) == seqs, q
    assert matches(shop, locked="1") == [3] and matches(shop, group="Tax") == [1, 2] and matches(shop, status="blocked") == [3]
    assert matches(shop, reason="human_hold") == [3] and matches(shop, status="ready") == [1]


def test_what_landed_and_what_is_open_or_stuck(shop: Workspace) -> None:
    done, failed, *_ = some_entries(shop, "a", "b", "c")
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    Entry.objects.filter(pk=failed.pk).update(status="failed", reason_code="rounds_exhausted", reason_message="x")
    assert (matches(shop), matches(shop, done="hide"), matches(shop, status="stuck"), matches(shop, status="done")) == (
        [2, 3, 1], [2, 3], [2], [1])  # fmt: skip
    assert matches(shop, done="hide", status="done") == [1]


def test_orders_have_what_is_equal_by_number(shop: Workspace) -> None:
    single, two, three = (an_entry(shop, budget="9") for _ in range(3))
    a_charge(two, "3")
    at = now()
    for entry, score, hours in ((single, 0.5, 1), (two, None, 3), (three, 0.9, 2)):
        Entry.objects.filter(pk=entry.pk).update(score=score, updated_at=at - timedelta(hours=hours))
    Entry.objects.filter(pk=three.pk).update(priority=Entry.Priority.CRITICAL, rounds_completed=1)
    for sort, seqs in (
        ("seq", [1, 2, 3]), ("-seq", [3, 2, 1]), ("priority", [3, 1, 2]), ("-rounds", [3, 2, 1]), ("score", [2, 1, 3]),
        ("-score", [3, 1, 2]), ("-spent", [2, 3, 1]), ("updated", [2, 3, 1]),
    ):  # fmt: skip
        assert matches(shop, sort=sort) == seqs, sort


def test_what_was_worked_on_by_one_session_matches_all_of_its_terms(shop: Workspace) -> None:
    at = now()
    for n, (model, hours) in enumerate([("large", 1), ("small", 1), ("large", 30), ("", 200)]):
        Session.objects.create(
            id=f"sess_{n:020}", workspace=shop, entry=an_entry(shop), attempt=1, status="ended", outcome="failed",
            ended_at=at - timedelta(hours=hours), model=model, agent="codex",
        )  # fmt: skip
    for q, seqs in (
        ("model:large", [1, 3]), ("model:none", [4]), ("worked:24h", [1, 2]), ("worked:7d", [1, 2, 3]), ("model:large worked:24h", [1]),
        ("agent:codex", [1, 2, 3, 4]), ("agent:other", []),
    ):  # fmt: skip
        assert matches(shop, q) == seqs, q


def test_children_are_found_by_their_parent(shop: Workspace) -> None:
    whole = an_entry(shop, budget="2")
    splitting.split(whole, [Draft("One"), Draft("Two")], by=ANA)
    assert matches(shop, "parent:1") == [2, 3] == matches(shop, "parent:#1")


def test_a_session_counts_from_the_start_of_a_span_and_not_at_its_end(shop: Workspace) -> None:
    noon = datetime(2026, 8, 4, 12, tzinfo=UTC)
    for n, ended_at in enumerate((noon - timedelta(minutes=1), noon, noon + timedelta(hours=1), noon + timedelta(hours=2))):
        Session.objects.create(
            id=f"sess_{n:020}",
            workspace=shop,
            entry=an_entry(shop),
            attempt=1,
            status="ended",
            outcome="failed",
            ended_at=ended_at,
        )
    assert matches(shop, "worked:2026-08-04T12:00Z..2026-08-04T14:00Z") == [2, 3]
    assert matches(shop, "worked:2026-08-04") == [1, 2, 3, 4]
    Session.objects.filter(pk=f"sess_{3:020}").update(ended_at=datetime(2026, 8, 4, 23, 59, 30, tzinfo=UTC))
    Session.objects.filter(pk=f"sess_{0:020}").update(ended_at=datetime(2026, 8, 5, tzinfo=UTC))
    assert matches(shop, "worked:2026-08-04") == [2, 3, 4]


def test_on_hold_are_those_that_a_person_blocked(shop: Workspace) -> None:
    for fields in (
        {"status": "blocked", "reason_code": "human_hold"}, {"status": "failed", "reason_code": "human_hold"},
        {"status": "blocked", "reason_code": "merge_conflict"}, {},
    ):  # fmt: skip
        Entry.objects.filter(pk=an_entry(shop).pk).update(**fields)
    assert (matches(shop, "held:yes"), matches(shop, "held:no")) == ([1], [2, 3, 4])


def test_a_name_is_whole_and_a_group_begins_at_its_slash(shop: Workspace) -> None:
    for who, group in (("ana", "Tax"), ("diana", "Tax / Deep / Er"), ("ANA", "Tax/Odd"), ("anabel", "Taxi / low")):
        Entry.objects.filter(pk=an_entry(shop).pk).update(created_by=who, group=group)
    assert (matches(shop, "by:ana"), matches(shop, group="Tax")) == ([1, 3], [1, 2])


def test_a_number_is_found_however_long_and_so_is_the_text_that_has_it(shop: Workspace) -> None:
    first, second = an_entry(shop, content="Undo 123456789012345"), an_entry(shop, content="Other")
    Entry.objects.filter(pk=second.pk).update(seq=123_456_789_012_345)
    assert matches(shop, "123456789012345") == [first.seq, 123_456_789_012_345]
    assert matches(shop, "#123456789012345") == [123_456_789_012_345] and matches(shop, "#1234567890123456") == []


def test_files_are_found_by_a_folder_with_and_without_its_slash_and_by_no_neighbour(shop: Workspace) -> None:
    for path in ("app/", "app", "app/mail.py", "app2/", "lib/app/mail.py", "apps"):
        Entry.objects.filter(pk=an_entry(shop).pk).update(paths=[path])
    assert matches(shop, "file:app/mail.py") == [1, 2, 3, 5]
    assert matches(shop, 'file:"app/grün.py"') == [1, 2]


def test_a_reason_that_is_not_stored_lists_those_whose_first_reason_it_is(shop: Workspace) -> None:
    need, waiter = an_entry(shop), an_entry(shop)
    dependencies.depend(waiter, need, by=ANA)
    an_entry(a_workspace(name="Other"))
    assert matches(shop, reason="no_worker_online") == [1]
    assert matches(shop, "reason:no_worker_online", reason="dependencies_pending") == []


def query_of(shop: Workspace, **query: str) -> lists.EntryQuery:
    return filters.read(page_request(shop, **query))


@pytest.mark.parametrize(
    ("query", "filtered", "apart_from_status", "words"),
    [
        ({}, False, False, ""),
        ({"done": "hide", "sort": "-seq", "view": "board"}, False, False, ""),
        ({"status": "blocked"}, True, False, "blocked"),
        ({"reason": "human_hold"}, True, False, "on hold"),
        ({"locked": "1"}, True, True, "with a locked budget"),
        ({"group": "Tax"}, True, True, "in the group Tax"),
        ({"q": "mail"}, True, True, "with “mail”"),
        ({"status": "open", "q": "spent:>1", "group": "Tax"}, True, True, "not done, in the group Tax, spent over $1.00"),
    ],
)
def test_what_narrows_the_list_is_in_its_sentence(
    shop: Workspace, query: dict[str, str], filtered: bool, apart_from_status: bool, words: str
) -> None:
    asked = query_of(shop, **query)
    assert (asked.filtered, asked.filtered_apart_from_status, asked.sentence) == (filtered, apart_from_status, words)


def test_of_any_status_has_no_reason_either_and_keeps_the_rest(shop: Workspace) -> None:
    asked = query_of(shop, status="blocked", reason="human_hold", group="Tax", locked="1", q="mail")
    assert asked.of_any_status == query_of(shop, group="Tax", locked="1", q="mail")


# The language


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("spent:>5", Term("spent", 5_000_000, ">", "spent over $5.00")),
        ("spent:<=$0.005", Term("spent", 5000, "<=", "spent at most $0.005")),
        ("rounds:>=2", Term("rounds", 2, ">=", "rounds at least 2")),
        ("score:0.5", Term("score", 0.5, "=", "best score 0.5")),
        ("dep:#07", Term("dep", 7, description="waiting for #7")),
        ("Status:pending", Term("status", "ready", description="ready")),
        ("held:1", Term("held", True, description="on hold")),
        ("locked:FALSE", Term("locked", False, description="without a locked budget")),
        ('group:"a b"', Term("group", "a b", description="in the group a b")),
        ("priority:High", Term("priority", "high", description="of high priority")),
        ("worked:24h", Term("worked", "24h", description="worked on in the last 24 hours")),
    ],
)
def test_a_qualifier_is_read_with_its_words(text: str, term: Term) -> None:
    assert parse(text).terms == (term,) and parse(text).has_criteria and parse(text).ignored == ()


@pytest.mark.parametrize(
    "text",
    ["rounds:1.5", "spent:-1", "spent:1000000001", "spent:x", "spent:1e-13", "dep:x", "dep:1234567890123456", "status:dancing",
     "reason:nothing", "locked:maybe", "priority:top", "worked:9d", "worked:2026-08-04T10:00Z..2026-08-04T10:00Z", "spent:", "spent:²"],
)  # fmt: skip
def test_what_is_no_value_of_a_qualifier_is_named_and_left_out(text: str) -> None:
    assert (parse(text).terms, parse(text).words, parse(text).ignored) == ((), (), (text,))


def test_words_and_terms_have_bounds_and_what_is_beyond_is_named() -> None:
    words = parse(" ".join(f"w{n}" for n in range(14)))
    assert (len(words.words), words.ignored) == (12, ("w12", "w13"))
    terms = parse(" ".join(f"dep:{n}" for n in range(1, 23)))
    assert (len(terms.terms), terms.ignored) == (20, ("waiting for #21", "waiting for #22"))
    assert parse("dep:1 dep:1").terms == parse("dep:1").terms and parse("x" * 401).words == ("x" * 400,)
    assert parse('"two words" app:main http://x').words == ("two words", "app:main", "http://x")
    assert parse("spent:1000000000 spent:1e-12").ignored == () and not parse(' "" ').has_criteria


# The CSV


def test_a_line_of_the_csv_has_what_its_head_shows(shop: Workspace) -> None:
    first = an_entry(shop, budget="9", content="Sort\n\nmore", files=["a.py", "b.py"])
    second = an_entry(shop, budget="2")
    dependencies.depend(second, first, by=ANA)
    a_charge(first, "1")
    caps.toggle_lock(first.account, by=ANA)
    Entry.objects.filter(pk=first.pk).update(group="Tax", requires=["gpu"], score=0.5, rounds_completed=1)
    early = datetime(2026, 8, 4, tzinfo=UTC)
    Entry.objects.filter(pk=first.pk).update(created_at=early, updated_at=early + timedelta(hours=2))
    Account.objects.filter(pk=first.pk).update(held=2_000_000)
    gone = an_entry(shop)
    Entry.objects.filter(pk=gone.pk).update(deleted_at=now())
    asked: list[dict[str, Any]] = [
        dict(zip(csv_rows.HEAD, line, strict=True))
        for line in csv_rows.lines(page_request(shop), [second.pk, "gone", gone.pk, first.pk])
    ]
    two, single = asked
    expected = {"entry_id": first.pk, "number": 1, "title": "Sort", "rounds": 1, "best_score": 0.5, "budget_usd": 9, "spent_usd": 1,
                "held_usd": 2, "budget_locked": True, "priority": "medium", "files": "a.py; b.py", "created_by": "ana", "group": "Tax",
                "requires": "gpu", "needs": 0, "needs_done": 0, "rounds_allowed": first.budget_rounds, "status": "ready",
                "created_at": early, "updated_at": early + timedelta(hours=2), "since": early}  # fmt: skip
    assert {name: single[name] for name in expected} == expected
    assert (two["needs"], two["needs_done"], two["reason"]) == (1, 0, "dependencies_pending") and "#1" in two["why"]
    assert usd(9) == first.account.budget


def test_the_csv_is_in_the_order_of_the_list_and_named_by_what_narrows_it(shop: Workspace) -> None:
    for n in range(3):
        an_entry(shop, content=f"Entry {n}")
    Entry.objects.filter(workspace=shop, seq=2).update(priority=Entry.Priority.HIGH)

    def export(**query: str) -> tuple[list[str], str]:
        request = page_request(shop, **query)
        response = csv_rows.export(request, filters.read(request))
        lines = b"".join(response.streaming_content).decode().splitlines()[1:]  # type: ignore[arg-type]
        return [line.split(",")[1] for line in lines], response["Content-Disposition"].split('"')[1][:-21]

    assert export(sort="priority") == (["2", "1", "3"], "entries")
    assert export(sort="-priority") == (["3", "1", "2"], "entries")
    assert export(status="ready", q="entry") == (["1", "2", "3"], "entries-ready-filtered")
    assert export(reason="human_hold", group="x") == ([], "entries-human_hold")
