"""The pairs and the invariants of `python -m bench seams`, on hand-made values."""

from itertools import combinations

import pytest

from bench.seams import dimensions, invariants, pairs
from bench.seams.invariants import Asked, Seen, Watch

TABLE = {"a": ("1", "2", "3"), "b": ("1", "2"), "c": ("1", "2")}


def not_twice_two(value: pairs.Value, other: pairs.Value) -> str:
    return "two and two are too many" if {value[1], other[1]} == {"2"} and "c" in (value[0], other[0]) else ""


def test_each_required_pair_meets_in_some_case_and_no_excluded_one_does() -> None:
    cases = pairs.cases(TABLE, not_twice_two, seed=1)
    met = set().union(*map(pairs.pairs, cases))
    assert met == pairs.required(TABLE, not_twice_two)
    assert cases == pairs.cases(TABLE, not_twice_two, seed=1) and len(cases) < 12


@pytest.mark.parametrize("name", dimensions.TABLES)
def test_the_tables_have_all_their_pairs_in_few_cases(name: str) -> None:
    table = dimensions.TABLES[name]
    cases = pairs.cases(table, dimensions.excluded, seed=1)
    assert pairs.required(table, dimensions.excluded) == set().union(*map(pairs.pairs, cases))
    largest, other = max(combinations([len(values) for values in table.values()], 2), key=lambda each: each[0] * each[1])
    assert len(cases) <= 1.4 * largest * other


def test_a_case_is_its_number() -> None:
    for case in pairs.cases(TABLE, not_twice_two, seed=2):
        assert pairs.numbered(TABLE, pairs.number(TABLE, case)) == case


def test_a_smaller_case_is_plain_in_one_dimension_more() -> None:
    smaller = list(pairs.smaller(TABLE, not_twice_two, {"a": "3", "b": "2", "c": "1"}))
    assert smaller == [{"a": "1", "b": "2", "c": "1"}, {"a": "3", "b": "1", "c": "1"}]


def watched(*moments: Seen) -> list[str]:
    monitor = Watch()
    for seen in moments:
        monitor.look(seen)
    return monitor.broken


def test_an_entry_that_could_start_and_does_not_is_named_after_five_seconds() -> None:
    moments = [Seen(at, could_start=["entry 1"], free_slots=1) for at in range(8)]
    assert watched(*moments[:5]) == []
    assert watched(*moments) == ["4: entry 1 could start for 5 s with 1 slots free; the product says nothing"]
    assert watched(*moments[:4], Seen(4, free_slots=1), *moments[5:]) == [], "it had started meanwhile"
    assert watched(*(Seen(at, could_start=["entry 1"], free_slots=1, is_disturbed=at == 3) for at in range(8))) == []


def test_requests_that_wait_for_money_that_would_pay_them_are_named() -> None:
    assert watched(*(Seen(at, waits_for_money=["s"]) for at in range(8)))[0].startswith("4: s waits for money for 5 s")


def test_a_reason_that_is_not_true_is_named() -> None:
    false = [Seen(at, reasons={"e": "files_locked"}, blocked_by={"e": {"agent_unavailable"}}) for at in range(4)]
    assert watched(*false) == ["3: e waits, and for 3 s the product says files_locked; true is: agent_unavailable"]
    true = Seen(2, reasons={"e": "files_locked"}, blocked_by={"e": {"files_locked"}})
    assert watched(*false[:2], true, *false[3:]) == []


@pytest.mark.parametrize(
    ("booked", "unknown", "counted", "broken"),
    [(5, 0, (5, 5), 0), (5, 2, (7, 7), 0), (5, 0, (4, 6), 0), (6, 0, (5, 5), 1), (5, 1, (7, 7), 1), (9, 0, (9, 9), 1)],
)
def test_the_ledger_with_what_is_unknown_is_never_less_than_the_providers_count(
    booked: int, unknown: int, counted: tuple[int, int], broken: int
) -> None:
    seen = Seen(0, booked=booked, unknown=unknown, counted=counted, cap=8)
    assert len(watched(seen, seen)) == broken


def test_at_the_end_the_ledger_is_the_providers_count() -> None:
    assert not list(invariants.books_at_the_end(7, 0, 7, is_exact=True))
    assert list(invariants.books_at_the_end(5, 2, 7, is_exact=True))
    assert not list(invariants.books_at_the_end(5, 2, 7, is_exact=False))


def test_starts_without_an_answer_are_counted() -> None:
    assert not list(invariants.needless_starts({"e": [False, False, True]}, 2))
    assert len(list(invariants.needless_starts({"e": [False] * 3, "f": [True]}, 2))) == 1


def test_a_refused_key_is_not_asked_before_its_reset() -> None:
    refused = Asked("k", 10.0, is_answered=False, is_refused=True, resets_at=15.0)
    early = [Asked("k", 10.0 + n / 10, is_answered=True) for n in range(1, 4)]
    assert not list(invariants.needless_requests([refused, *early], most=9, at_once=3))
    assert list(invariants.needless_requests([refused, *early], most=9, at_once=2))
    assert list(invariants.needless_requests(early, most=2, at_once=3))


def test_a_key_without_a_known_reset_is_asked_six_times_a_minute() -> None:
    asked = [Asked("k", 5.0 * n, is_answered=False, is_refused=True) for n in range(10)]
    assert not list(invariants.needless_requests(asked[:8], most=0, at_once=2))
    assert list(invariants.needless_requests(asked, most=0, at_once=2))


def test_what_is_at_rest_is_quiet() -> None:
    assert not list(invariants.noise(0.01, {"events": 0}))
    assert len(list(invariants.noise(0.03, {"events": 2}))) == 2
