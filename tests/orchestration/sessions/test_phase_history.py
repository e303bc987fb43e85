"""How a session passed through its phases."""

from datetime import UTC, datetime, timedelta

from orchestration.sessions import phase_history

NINE = datetime(2026, 11, 25, 9, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


def test_each_phase_lasts_until_the_next_and_the_last_until_now() -> None:
    told = phase_history.entered(phase_history.started("starting", at(0)), "implementation", at(1))
    first, second = phase_history.spans(told, at(5))
    assert (first.phase, first.end, second.phase, second.end) == ("starting", at(1), "implementation", at(5))


def test_a_phase_that_it_is_in_is_not_entered_again() -> None:
    told = phase_history.started("implementation", at(0))
    assert phase_history.entered(told, "implementation", at(1)) == told


def test_a_wait_interrupts_its_phase_and_says_which() -> None:
    told = phase_history.started("implementation", at(0))
    told = phase_history.waited(told, "implementation", at(2), waits=True)
    told = phase_history.waited(told, "implementation", at(3), waits=True)  # it tries again: still the same wait
    told = phase_history.waited(told, "implementation", at(4), waits=False)
    found = phase_history.spans(told, None)
    assert [(one.phase, one.within) for one in found] == [
        ("implementation", ""),
        ("waiting", "implementation"),
        ("implementation", ""),
    ]
    assert found[1].end == at(4) and found[2].end is None


def test_many_waits_become_one_long_one() -> None:
    told = phase_history.started("implementation", at(0))
    for n in range(1000):
        told = phase_history.waited(told, "implementation", at(n), waits=n % 2 == 0)
    assert len(told) == phase_history.MAX_PHASES
    assert len(phase_history.entered(told, "verification", at(1001))) == phase_history.MAX_PHASES + 1


def test_what_cannot_be_read_is_left_out() -> None:
    assert phase_history.spans([["implementation", "yesterday"], 7, None, ["verification"], ["x", "2026-11-25"]], None) == []
    assert phase_history.spans({"no": "list"}, None) == []
