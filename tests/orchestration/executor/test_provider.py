"""An unavailable provider: which entries wait, for how long, and why."""

import pytest

from orchestration.configuration.circuit_breaker import wait_s
from orchestration.executor.plan import Capacity, CycleInput, Running, Start, Waiting, common, plan, reason
from orchestration.facts.waits import MOST_BREAK_S
from tests.orchestration.executor.troubles import in_trouble, with_fallback


def a_cycle_input(**more: object) -> CycleInput:
    return CycleInput(
        **{
            "state": "running",
            "max_workers": 4,
            "worker_slots": 8,
            "free_slots": 4,
            "headroom": 10**9,
            "min_round": 1,
            "round_ceiling": 10**6,
            **more,
        }
    )  # type: ignore[arg-type]


def an_entry(n: int = 1, **more: object) -> Waiting:
    return Waiting(**{"id": f"entry_{n}", "seq": n, "headroom": 10**9, **more})  # type: ignore[arg-type]


def test_an_entry_with_an_unavailable_provider_waits_with_a_time() -> None:
    why = reason(an_entry(wait_s=42.4), Capacity(a_cycle_input()))
    assert why and (why.code, why.message) == (
        "agent_unavailable",
        "Its agent's provider was unavailable: tried again in 42 s",
    )


def test_other_entries_start_meanwhile() -> None:
    assert reason(an_entry(), Capacity(a_cycle_input())) is None


def test_an_open_circuit_breaker_stops_all_entries_with_its_reason() -> None:
    cycle_input = a_cycle_input(agents=in_trouble("auth", "The provider refused the key.", 600.0))
    why = reason(an_entry(), Capacity(cycle_input))
    assert why and why.message == "The provider refused the key. Tried again in 10 min."


def test_after_its_time_one_session_is_tried() -> None:
    cycle_input = a_cycle_input(agents=in_trouble("auth", "The provider refused the key."))
    decisions = plan(cycle_input, [an_entry(1), an_entry(2)])
    assert [type(decision).__name__ for decision in decisions] == ["Start", "Wait"]


def test_no_session_tries_the_provider_while_another_runs() -> None:
    cycle_input = a_cycle_input(agents=in_trouble("auth", "It is so."), running=(Running("entry_9"),))
    assert reason(an_entry(), Capacity(cycle_input)) is not None


def test_verification_needs_no_provider() -> None:
    cycle_input = a_cycle_input(agents=in_trouble("auth", "It is so.", 60.0))
    assert reason(an_entry(verify_only=True), Capacity(cycle_input)) is None


@pytest.mark.parametrize(("times", "seconds"), [(0, 5), (1, 5), (2, 10), (3, 20), (7, MOST_BREAK_S), (10**6, MOST_BREAK_S)])
def test_waits_double_up_to_a_limit(times: int, seconds: float) -> None:
    assert wait_s(times) == seconds


def test_a_fallback_takes_the_work_of_an_agent_that_its_provider_limits() -> None:
    cycle_input = a_cycle_input(agents=with_fallback(wait_s=1200.0))
    starts = [decision for decision in plan(cycle_input, [an_entry(1), an_entry(2)]) if isinstance(decision, Start)]
    assert [(start.agent, start.instead) for start in starts] == [("other", "The provider limits the rate.")] * 2


def test_after_its_time_one_session_tries_the_limited_agent_and_the_fallback_takes_the_others() -> None:
    starts = plan(a_cycle_input(agents=with_fallback(wait_s=0.0)), [an_entry(1), an_entry(2)])
    assert [start.agent for start in starts if isinstance(start, Start)] == ["", "other"]


def test_an_agent_without_trouble_goes_on_while_another_waits() -> None:
    cycle_input = a_cycle_input(agents=with_fallback(wait_s=60.0, other_wait_s=None))
    decisions = plan(cycle_input, [an_entry(1, agent="other")])
    assert [decision.agent for decision in decisions if isinstance(decision, Start)] == ["other"]
    assert common(Capacity(cycle_input)) and all(check.passed for check in common(Capacity(cycle_input)))


def test_where_all_agents_of_an_entry_are_limited_the_reason_names_each_with_its_time() -> None:
    capacity = Capacity(a_cycle_input(agents=with_fallback(wait_s=1200.0, other_wait_s=7200.0)))
    why = reason(an_entry(), capacity)
    assert why and why.message == (
        "default: The provider limits the rate. Tried again in 20 min. other: No credit. Tried again in 2 h."
    )
    assert why.common and reason(an_entry(agent="other"), capacity) is not None
