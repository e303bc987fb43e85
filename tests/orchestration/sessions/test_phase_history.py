"""A session's phases over time."""

from datetime import UTC, datetime, timedelta

from orchestration.sessions.tracing import phase_history

NINE = datetime(2026, 11, 25, 9, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


def test_each_phase_lasts_until_the_next_and_the_last_until_now() -> None:
    phases = phase_history.entered(phase_history.started("starting", at(0)), "implementation", at(1))
    first, second = phase_history.spans(phases, at(5))
    assert (first.phase, first.end, second.phase, second.end) == ("starting", at(1), "implementation", at(5))


def test_the_current_phase_is_not_entered_again() -> None:
    phases = phase_history.started("implementation", at(0))
    assert phase_history.entered(phases, "implementation", at(1)) == phases


def test_a_wait_interrupts_its_phase_and_names_it() -> None:
    phases = phase_history.started("implementation", at(0))
    phases = phase_history.waited(phases, "implementation", at(2), waits=True)
    phases = phase_history.waited(phases, "implementation", at(3), waits=True)  # it tries again: still the same wait
    phases = phase_history.waited(phases, "implementation", at(4), waits=False)
    spans = phase_history.spans(phases, None)
    assert [(span.phase, span.within) for span in spans] == [
        ("implementation", ""),
        ("waiting", "implementation"),
        ("implementation", ""),
    ]
    assert spans[1].end == at(4) and spans[2].end is None


def test_many_waits_become_one_long_one() -> None:
    phases = phase_history.started("implementation", at(0))
    for n in range(1000):
        phases = phase_history.waited(phases, "implementation", at(n), waits=n % 2 == 0)
    assert len(phases) == phase_history.MAX_PHASES
    assert len(phase_history.entered(phases, "verification", at(1001))) == phase_history.MAX_PHASES + 1


def test_unreadable_phases_are_left_out() -> None:
    assert phase_history.spans([["implementation", "yesterday"], 7, None, ["verification"], ["x", "2026-11-25"]], None) == []
    assert phase_history.spans({"no": "list"}, None) == []
