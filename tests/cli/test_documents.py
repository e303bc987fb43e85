"""`-o json` of each command, as `muster schema` describes it."""

import json

import jsonschema
import pytest

from orchestration.dialogue import questions
from orchestration.models import Question, Run
from orchestration.sessions.logs import chunks
from tests.cli import test_runs
from tests.cli.terminal import URL, Terminal
from tests.factories import a_session, a_token, a_trigger, an_entry, ended
from tests.orchestration.approval.asked import asked
from tests.orchestration.proposals.made import PLANNER, a_running_run
from workspaces.models import Workspace

pytestmark = pytest.mark.shop(planner=PLANNER)


def shape(muster: Terminal, *arguments: str) -> int:
    """The place of the shape that a command's document has, among those of its schema."""
    from muster_cli.documents import DOCUMENTS, schema

    described = schema(arguments[0])
    shapes = described["anyOf"] if len(DOCUMENTS[arguments[0]]) > 1 else [described]
    document = muster.json(*arguments)
    whole = [{**each, "$defs": described["$defs"]} for each in shapes]
    return next(n for n, each in enumerate(whole) if jsonschema.Draft202012Validator(each).is_valid(document))


def test_every_command_has_a_schema_but_those_that_print_what_they_are_given(muster: Terminal) -> None:
    from muster_cli.documents import DOCUMENTS, schema
    from muster_cli.main import app, register

    register([])
    assert set(DOCUMENTS) == {command.name for command in app.registered_commands} - {"api", "schema"}
    for name in DOCUMENTS:
        jsonschema.Draft202012Validator.check_schema(schema(name))
        assert json.loads(muster("schema", name).out) == schema(name)
    assert muster("schema").out.split() == list(DOCUMENTS)
    assert muster("schema", "api").code == 2


def test_entries_and_their_money_are_as_their_schemas(muster: Terminal, workspace: Workspace) -> None:
    assert shape(muster, "add", "More") == 0
    assert [shape(muster, "entries"), shape(muster, "entries", "1")] == [0, 1]
    assert shape(muster, "why", "1") == shape(muster, "edit", "1", "--priority", "high") == 0
    assert [shape(muster, "budget"), shape(muster, "budget", "--cap", "80"), shape(muster, "budget", "1", "2")] == [0, 1, 2]
    assert [shape(muster, "ask", "1"), shape(muster, "ask", "1", "Mind the sign")] == [0, 1]
    assert shape(muster, "open", "1") == shape(muster, "remove", "1", "--yes") == 0


def test_the_executor_is_as_its_schemas(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace)
    assert shape(muster, "status") == shape(muster, "workspaces") == shape(muster, "whoami") == 0
    assert [shape(muster, "pause"), shape(muster, "start"), shape(muster, "start")] == [0, 1, 0]
    assert [shape(muster, "pause", "1"), shape(muster, "start", "1")] == [1, 2]


def test_what_was_stopped_is_as_its_schemas(muster: Terminal, workspace: Workspace) -> None:
    run, session = a_running_run(workspace), a_session(an_entry(workspace))
    assert [shape(muster, "stop", run.pk), shape(muster, "stop", session.pk, "--kill")] == [0, 1]
    for each in (run, session):
        ended(each)
    assert shape(muster, "stop") == 0


def test_questions_and_approvals_are_as_their_schemas(muster: Terminal, workspace: Workspace) -> None:
    questions.ask(a_session(an_entry(workspace)), "1", "Tabs or spaces?")
    assert [shape(muster, "answer"), shape(muster, "answer", str(Question.objects.get().pk), "Tabs")] == [0, 1]
    entry = asked(workspace).entry
    assert shape(muster, "diff", entry.pk) == 0
    assert [shape(muster, "approve"), shape(muster, "approve", entry.pk, "--yes")] == [0, 1]
    assert shape(muster, "send-back", asked(workspace).entry.pk, "Shorter") == 0


def test_triggers_are_as_their_schemas(muster: Terminal, workspace: Workspace) -> None:
    trigger = a_trigger(workspace).pk
    assert [shape(muster, "triggers", *words) for words in ([], [trigger], ["fire", trigger])] == [0, 1, 2]


def test_logins_are_as_their_schemas(stranger: Terminal, workspace: Workspace) -> None:
    from muster_cli.documents import schema

    login = stranger("login", URL, "--with-token", "-o", "json", stdin=a_token())
    assert shape(stranger, "profiles") == 0
    for name, outcome in (("login", login), ("logout", stranger("logout", "-o", "json"))):
        jsonschema.validate(json.loads(outcome.out), schema(name))


def test_each_line_of_a_log_is_as_its_schema(muster: Terminal, workspace: Workspace) -> None:
    from muster_cli.documents import schema

    writer = chunks.Writer(a_session(an_entry(workspace)), limit=1_000)
    writer.add("stdout", "first")
    writer.flush()
    for line in muster("logs", "1", "-o", "jsonl").out.splitlines():
        jsonschema.validate(json.loads(line), schema("logs"))


def test_runs_are_as_their_schemas(muster: Terminal, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from muster_cli.commands import runs

    monkeypatch.setattr(runs.time, "sleep", lambda _: test_runs.answered())
    assert shape(muster, "plan", "Make it better", "--dry-run") == 1
    key = Run.objects.get().pk
    assert [shape(muster, "runs"), shape(muster, "runs", key), shape(muster, "runs", key, "--apply")] == [0, 1, 2]
