"""The program of a command is found without running it."""

import pytest

from orchestration.models import Session
from orchestration.worker import host_faults

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
