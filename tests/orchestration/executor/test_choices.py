"""The record of a claim's choice: which agents there were, what they would reserve, and why one of them."""

from dataclasses import replace
from datetime import UTC, datetime

from orchestration.executor.agent_choice import Agents, Terms, Trouble, logged
from tests.orchestration.executor.troubles import KEY, OTHER, with_fallback

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
CEILINGS = {"": 500, "other": 90}


def choice(
    agents: Agents, chosen: str = "", own: str = "", step: tuple[int, int, str] = (1, 1, ""), effort: str = ""
) -> dict[str, object]:
    closed = agents.why_none(own, ())
    return logged(agents, closed, own=own, chosen=chosen, ceilings=CEILINGS, step=step, effort=effort, at=NOON)


def test_an_agent_without_an_alternative_is_no_choice() -> None:
    assert choice(Agents()) == choice(with_fallback(60.0), chosen="other", own="other") == {}


def test_it_names_each_agent_with_its_reservation_and_its_trouble() -> None:
    assert choice(with_fallback(wait_s=8400.0), chosen="other") == {
        "agent": "other",
        "effort": "",
        "step": 1,
        "steps": 1,
        "considered": [
            {"agent": "default", "reservation": 500, "code": "rate_limited", "until": "2026-11-30T14:20:00Z"},
            {"agent": "other", "reservation": 90},
        ],
        "why": "Not default until 30 Nov 2026, 14:20 UTC: The provider limits the rate.",
    }


def test_the_first_agent_of_several_is_taken_where_nothing_keeps_it() -> None:
    agents = replace(with_fallback(0.0), troubles={OTHER: Trouble("quota", "No credit.", 60.0)})
    seen = choice(agents)
    assert (seen["agent"], seen["why"]) == ("default", "The first of 2 agents.")
    assert seen["considered"] == [
        {"agent": "default", "reservation": 500},
        {"agent": "other", "reservation": 90, "code": "quota", "until": "2026-11-30T12:01:00Z"},
    ]


def test_an_agent_that_another_session_tries_is_passed_over() -> None:
    agents = with_fallback(wait_s=0.0)
    seen = logged(
        agents,
        agents.why_none("", {""}),
        own="",
        chosen="other",
        ceilings=CEILINGS,
        step=(1, 1, ""),
        effort="",
        at=NOON,
    )
    assert seen["why"] == "Not default while one session tries it: The provider limits the rate."
    assert seen["considered"][0] == {"agent": "default", "reservation": 500, "code": "rate_limited", "until": None}


def test_a_step_has_the_reason_of_its_start() -> None:
    agents = Agents({"": Terms(needed=frozenset({KEY}))})
    seen = choice(agents, step=(2, 3, "step 1 failed 2 rounds"), effort="high")
    assert (seen["step"], seen["steps"], seen["effort"]) == (2, 3, "high")
    assert seen["why"] == "Step 2 of 3: step 1 failed 2 rounds."
    assert choice(agents, step=(1, 3, ""))["why"] == "Step 1 of 3."
