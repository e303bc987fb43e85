"""Routes: how people write them, what a config refuses, and whose steps an entry follows."""

from contextlib import nullcontext
from typing import Any

import pytest
from pydantic import ValidationError

from orchestration.configuration import Config, Step, entry_routes, workspace_setup
from orchestration.configuration.config import routes
from orchestration.models import Entry
from tests.factories import ANA, a_worker, a_workspace, some_entries
from workspaces.errors import Invalid

AGENTS = {"cheap": {"kind": "codex"}, "strong": {"kind": "claude_code"}, "own": {"command": "true"}}


def read(text: str) -> list[Step]:
    return [Step.model_validate(step) for step in routes.parsed(text)]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("cheap", [Step(agent="cheap")]),
        ("cheap 2 > strong", [Step(agent="cheap", rounds=2), Step(agent="strong")]),
        (
            "cheap low 3>cheap high > default",
            [Step(agent="cheap", effort="low", rounds=3), Step(agent="cheap", effort="high"), Step()],
        ),
        ("", []),
    ],
)
def test_a_route_is_written_as_agents_with_effort_and_rounds(text: str, steps: list[Step]) -> None:
    assert read(text) == steps
    assert read(routes.written(steps)) == steps


@pytest.mark.parametrize("text", ["cheap >", "> strong", "cheap 0", "cheap huge", "cheap 2 low", "a b c d", "cheap 12345"])
def test_what_is_no_step_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"step \d, .* is no step: write the agent, its effort, its rounds"):
        routes.parsed(text)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"route": "cheap > gone"}, "route, step 2: the config has no agent 'gone'; it has: default, cheap, strong, own"),
        ({"route": [{"agent": "own", "effort": "high"}]}, "route, step 1: your command takes no effort"),
        ({"routes": [{"group": "db*", "route": "gone"}]}, r"routes 'db\*', step 1: the config has no agent 'gone'"),
        ({"route": []}, "at least 1 item"),
        ({"route": [{"agent": "cheap", "rounds": 0}]}, "greater than or equal to 1"),
        (
            {"agents": {"own": {"command": "true", "effort": "low"}}},
            "your command takes no effort; these do: aider, claude_code",
        ),
    ],
)
def test_a_config_refuses_a_route_that_cannot_be_followed_and_names_the_step(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Config.model_validate({"agents": AGENTS, **change})


@pytest.mark.parametrize(
    ("entry", "route"),
    [
        ({}, "cheap 2 > strong"),
        ({"group": "Web"}, "cheap 2 > strong"),
        ({"group": "db/tables"}, "strong"),
        ({"group": "db/tables", "agent": "own"}, "own"),
        ({"agent": "own", "route": [{"agent": "strong", "effort": "low"}]}, "strong low"),
    ],
)
def test_an_entry_follows_its_own_route_or_agent_then_that_of_its_group_then_the_workspaces(
    entry: dict[str, Any], route: str
) -> None:
    config = Config.model_validate(
        {
            "agents": AGENTS,
            "route": "cheap 2 > strong",
            "routes": [{"group": "db*", "route": "strong"}, {"group": "*s", "route": "own"}],
        }
    )
    assert routes.written(entry_routes.steps_of(Entry(**entry), config)) == route


def test_without_a_route_the_usual_agent_works() -> None:
    position = entry_routes.position_of(Entry(), Config())
    assert (position.agent, position.has_next, position.number) == ("", False, 1)


def test_a_route_that_became_shorter_goes_on_with_its_last_step() -> None:
    config = Config.model_validate({"agents": AGENTS, "route": "cheap > strong"})
    position = entry_routes.position_of(Entry(step=7, rounds_completed=4, step_since=3), config)
    assert (position.agent, position.has_next, position.number, position.rounds) == ("strong", False, 2, 1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("reports", "refused"),
    [
        ([], False),
        ([{"codex": "1", "sandbox": ""}], True),
        ([{"codex": "1"}, {"claude_code": "2"}], False),
        ([{"codex": "1"}, {}], False),
    ],
)
def test_a_step_whose_program_is_on_no_host_is_refused_once_all_hosts_have_looked(
    reports: list[dict[str, str]], refused: bool
) -> None:
    for n, report in enumerate(reports):
        a_worker(host=str(n), agents=report)
    shop = a_workspace(agents=AGENTS)
    with pytest.raises(Invalid, match="route, step 3: Claude Code of strong is on no host") if refused else nullcontext():
        workspace_setup.configure(shop, {"route": "own > cheap > strong"}, by=ANA)


@pytest.mark.django_db
def test_a_change_of_the_config_gives_waiting_entries_their_new_agent() -> None:
    shop = a_workspace(agents=AGENTS)
    usual, second, apart, own = some_entries(shop, "usual", "second", "apart", "own")
    Entry.objects.filter(pk=second.pk).update(step=1)
    Entry.objects.filter(pk=apart.pk).update(group="db")
    Entry.objects.filter(pk=own.pk).update(agent="own", next_agent="own")
    change = {"route": "cheap > strong high", "routes": [{"group": "db", "route": "strong"}]}
    workspace_setup.configure(shop, change, by=ANA)
    seen = {entry.pk: (entry.next_agent, entry.next_effort) for entry in Entry.objects.all()}
    assert seen == {usual.pk: ("cheap", ""), second.pk: ("strong", "high"), apart.pk: ("strong", ""), own.pk: ("own", "")}
    workspace_setup.configure(shop, {"route": None, "routes": None}, by=ANA)
    assert set(Entry.objects.exclude(pk=own.pk).values_list("next_agent", "next_effort")) == {("", "")}
