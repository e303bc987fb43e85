"""An entry that its agent fails goes on with the next agent of its route."""

from collections.abc import Callable
from typing import Any

from orchestration import configuration
from orchestration.backlog import content
from orchestration.configuration.config.routes import RouteFor
from orchestration.models import Entry
from tests.orchestration.worker.sessions.shop import Shop, entry_of, rounds_of
from workspaces.access import Caller
from workspaces.models import Event

AGENTS = {"cheap": {"command": "date +%N > tried"}, "strong": {"command": "echo strong > ok"}}


def run_to_its_end(work: Shop, **draft: Any) -> Entry:
    session = work.run(**draft)
    while entry_of(session).status == "pending":
        session = work.run(entry_of(session))
    return entry_of(session)


def agents_of(entry: Entry) -> list[str]:
    return list(entry.sessions.order_by("attempt").values_list("agent_name", flat=True))


def test_the_next_step_works_after_the_failed_rounds_of_the_one_before(shop: Callable[..., Shop]) -> None:
    work = shop(agents=AGENTS, route="cheap 2 > strong")
    entry = run_to_its_end(work)
    assert (entry.status, agents_of(entry), work.merged("ok")) == ("done", ["cheap", "cheap", "strong"], "strong\n")
    event = Event.objects.get(verb="entry.stepped")
    assert (event.data["step"], event.data["of"], event.data["agent"]) == (2, 2, "strong")
    assert [session.choice["why"] for session in entry.sessions.order_by("attempt")] == [
        "Step 1 of 2.",
        "Step 1 of 2.",
        "Step 2 of 2: step 1 failed 2 rounds.",
    ]


def test_another_route_begins_without_the_reason_of_the_one_before(shop: Callable[..., Shop]) -> None:
    work = shop(agents=AGENTS, route="cheap > strong")
    route = RouteFor.model_validate({"group": "*", "route": "strong > cheap > strong"}).route
    entry = content.edit(entry_of(work.run()), content.Change(route=tuple(route)), by=Caller("ana"))
    assert work.claim(entry).choice["why"] == "Step 1 of 3."


def test_the_steps_of_a_group_are_counted(shop: Callable[..., Shop]) -> None:
    work = shop(agents=AGENTS, routes=[{"group": "db*", "route": "strong > cheap > strong"}])
    chosen = [work.claim(group=group).choice for group in ("db / index", "web")]
    assert [choice.get("why") for choice in chosen] == ["Step 1 of 3.", None]


def test_a_plateau_of_a_step_is_the_start_of_the_next_and_the_last_one_blocks(shop: Callable[..., Shop]) -> None:
    work = shop("date +%N > other", agents=AGENTS, route="cheap 9 > default 9", plateau={"rounds": 2})
    entry = run_to_its_end(work)
    assert (entry.status, entry.reason_code) == ("blocked", "no_improvement")
    assert agents_of(entry) == ["cheap", "cheap", "", ""]
    assert len(rounds_of(entry.sessions.get(attempt=1))) == 4


def test_a_session_has_the_effort_of_its_step(shop: Callable[..., Shop]) -> None:
    work = shop(agents={"codex": {"kind": "codex", "effort": "low"}}, route="codex high > codex")
    session = work.claim()
    config = configuration.of_session(session.workspace.executor.config, session.agent_name, session.effort)
    assert (session.agent_name, session.effort, config.agent.effort) == ("codex", "high", "high")
    assert configuration.of_session(session.workspace.executor.config, "codex").agent.effort == "low"
