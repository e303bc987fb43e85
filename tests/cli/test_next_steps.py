"""The command to type next, where work goes on only after it."""

import pytest

from orchestration.dialogue import questions
from orchestration.executor import stopping
from orchestration.models import Entry, Executor, Question
from tests.cli.terminal import Terminal
from tests.factories import CLOSED, a_session, an_entry
from workspaces.models import Workspace


@pytest.fixture
def stopped(workspace: Workspace) -> None:
    Executor.objects.update(state="stopped")


def test_a_new_entry_names_the_command_that_starts_a_stopped_executor(muster: Terminal, stopped: None) -> None:
    assert muster("add", "A").err == "The executor is stopped: muster start\n"
    assert muster("add", "B", "-o", "json").err == ""
    muster("start")
    assert muster("add", "C").err == ""


def test_an_entry_that_is_pending_already_names_what_it_waits_for(muster: Terminal, workspace: Workspace, stopped: None) -> None:
    an_entry(workspace)
    assert muster("start", "1").err == "muster: Entry 1 is pending already. The executor is stopped: muster start\n"
    muster("start")
    assert muster("start", "1").err == "muster: Entry 1 is pending already. What it waits for: muster why 1\n"


def test_a_reopened_entry_without_money_names_its_budget(muster: Terminal, workspace: Workspace) -> None:
    entry = an_entry(workspace, budget="2")
    muster("pause", "1")
    type(entry.account).objects.filter(pk=entry.account_id).update(spent=entry.account.budget)
    outcome = muster("start", "1")
    assert (outcome.out, outcome.err) == (
        "Entry 1 is blocked.\n",
        "Entry 1 has spent its budget of $2.00: muster budget 1 USD\n",
    )


def test_a_stopped_entry_names_its_start(muster: Terminal, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    a_session(an_entry(workspace))
    monkeypatch.setattr(stopping, "wait_for_ends", lambda *_, **__: [])
    assert muster("stop", "1").out == "Stopped. Entry 1 is on hold until: muster start 1\n"


def test_a_message_to_an_entry_that_is_done_names_what_reopens_it(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace)
    Entry.objects.update(**CLOSED)
    outcome = muster("ask", "1", "And the tests?")
    assert outcome.code == 1 and "reopen it first with muster start 1" in outcome.err
    assert muster("start", "1").code == 0 and muster("ask", "1", "And the tests?").code == 0


def test_an_answer_to_an_entrys_number_names_its_question(muster: Terminal, workspace: Workspace) -> None:
    assert "No agent asks anything." in muster("answer", "8", "Yes").err
    questions.ask(a_session(an_entry(workspace)), "1", "Tabs or spaces?")
    number = Question.objects.get().pk
    outcome = muster("answer", "99999", "Yes")
    assert outcome.code == 1 and f"Entry 1 asks question {number}: muster answer {number} TEXT\n" in outcome.err


def test_an_empty_backlog_names_its_first_command(muster: Terminal) -> None:
    assert muster("entries").out == 'No entries yet: muster add "The task"\n'
    assert muster("entries", "--reason", "foo").out == "No entry is like this.\n"
