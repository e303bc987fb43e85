"""How a session passed through its phases."""

from datetime import UTC, datetime, timedelta

from orchestration import passages

NINE = datetime(2026, 11, 25, 9, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


def test_each_phase_lasts_until_the_next_and_the_last_until_now() -> None:
    told = passages.entered(passages.begun("starting", at(0)), "implementation", at(1))
    first, second = passages.spans(told, at(5))
    assert (first.phase, first.end, second.phase, second.end) == ("starting", at(1), "implementation", at(5))


def test_a_phase_that_it_is_in_is_not_entered_again() -> None:
    told = passages.begun("implementation", at(0))
    assert passages.entered(told, "implementation", at(1)) == told


def test_a_wait_interrupts_its_phase_and_says_which() -> None:
    told = passages.begun("implementation", at(0))
    told = passages.waited(told, "implementation", at(2), waits=True)
    told = passages.waited(told, "implementation", at(3), waits=True)  # it tries again: still the same wait
    told = passages.waited(told, "implementation", at(4), waits=False)
    found = passages.spans(told, None)
    assert [(one.phase, one.within) for one in found] == [
        ("implementation", ""),
        ("waiting", "implementation"),
        ("implementation", ""),
    ]
    assert found[1].end == at(4) and found[2].end is None


def test_many_waits_become_one_long_one() -> None:
    told = passages.begun("implementation", at(0))
    for n in range(1000):
        told = passages.waited(told, "implementation", at(n), waits=n % 2 == 0)
    assert len(told) == passages.MOST
    assert len(passages.entered(told, "verification", at(1001))) == passages.MOST + 1


def test_what_cannot_be_read_is_left_out() -> None:
    assert passages.spans([["implementation", "yesterday"], 7, None, ["verification"], ["x", "2026-11-25"]], None) == []
    assert passages.spans({"no": "list"}, None) == []
