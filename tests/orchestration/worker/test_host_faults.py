"""The program of a command is found without running it, and a host is unfit only without one that each session needs."""

import pytest

from orchestration.models import Session
from orchestration.worker import host_faults
from tests.factories import a_workspace

CRASHED = Session.Outcome.CRASHED


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("mine --fast", "mine"),
        (["mine", "--fast"], "mine"),
        ("KEY=1 OTHER=2 mine KEY=3", "mine"),
        ("/opt/a=b/mine --fast", "/opt/a=b/mine"),
        ("KEY=/opt/x mine", "mine"),
        ("< in mine", ""),
        (">out mine", ""),
        ("(cd src; mine)", ""),
        ("mine 'unclosed", ""),
        ("KEY=1", ""),
        ("", ""),
        ([], ""),
    ],
)
def test_a_command_starts_with_its_first_word_that_sets_no_variable(command: str | list[str], program: str) -> None:
    assert host_faults.program_of(command) == program


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("agents", "config", "lacks"),
    [
        (["no-such", "true"], {}, ""),
        (["true", "no-such"], {}, ""),
        (["no-such", "no-such-either"], {}, "no-such,"),
        (["true", "true"], {"verifier": "no-such"}, "no-such,"),
        (["true", "true"], {"interceptor": "no-such"}, "no-such,"),
        (["true", "true"], {"planner": "no-such"}, ""),
    ],
)
def test_a_host_lacks_a_program_that_each_session_needs(agents: list[str], config: dict[str, str], lacks: str) -> None:
    roles = {role: {"agent": {"command": command}} for role, command in config.items()}
    usual, named = ({"command": command} for command in agents)
    workspace = a_workspace(agent=usual, agents={"named": named}, sandbox={"mode": "none"}, **roles)
    sentence = host_faults.problem(workspace)
    assert lacks in sentence and bool(sentence) == bool(lacks)
