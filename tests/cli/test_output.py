"""Answers for people and for programs."""

import io
import json
import os
import re
import sys

import httpx2
import pytest

from orchestration.models import Entry
from tests.cli.terminal import Terminal
from tests.factories import an_entry
from tests.orchestration.approval.asked import asked
from workspaces.machine import release
from workspaces.models import Workspace


def test_fields_are_picked(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace)
    assert muster("entries", "--json", "seq,status").json == [{"seq": 1, "status": "pending"}]
    assert muster("entries", "1", "--json", "seq").json == {"seq": 1}
    unknown = muster("entries", "--json", "seq,nope")
    assert unknown.code == 2 and "no field nope" in unknown.err and "budget_usd" in unknown.err


def test_an_unknown_field_is_refused_before_anything_is_changed(muster: Terminal, workspace: Workspace) -> None:
    refused = muster("add", "Once", "--json", "seq,nope")
    assert refused.code == 2 and "no field nope. There are: " in refused.err and not Entry.objects.exists()
    assert muster("add", "Once", "--json", "seq").json == [{"seq": 1}]


def test_json_lines_have_a_row_each(muster: Terminal, workspace: Workspace) -> None:
    for content in ("A", "B"):
        an_entry(workspace, content=content)
    lines = muster("entries", "-o", "jsonl", "--json", "content").out.splitlines()
    assert [json.loads(line) for line in lines] == [{"content": "A"}, {"content": "B"}]


def test_jq_filters_where_it_is_installed(muster: Terminal, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jq", None)
    outcome = muster("entries", "--jq", ".entries")
    assert outcome.code == 1 and "muster-cli[jq]" in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [("nope",), ("entries", "--status", "nope"), ("entries", "-o", "xml"), ("add",), ("add", "x", "--budget", "-1"), ("why",)],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(muster: Terminal, arguments: tuple[str, ...]) -> None:
    assert muster(*arguments).code == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", ""), "The task: "),
        (("add", "x", "--budget", "1e12"), "--budget: must be at most"),
        (("add", "x", "--edits", "/etc/x"), "--edits: '/etc/x'"),
        (("add", "x", "--edits", ""), "--edits: "),
        (("add", "x", "--after", "entry_x"), "--after: "),
        (("budget", "1", "1e13"), "The budget: must be at most"),
        (("ask", "1", ""), "The text: "),
        (("-w", "nope", "status"), "There is no workspace nope. There are: Shop"),
    ],
)
def test_a_refusal_names_what_was_typed(
    muster: Terminal, workspace: Workspace, arguments: tuple[str, ...], sentence: str
) -> None:
    an_entry(workspace)
    assert muster(*arguments).err.startswith(f"muster: {sentence}")


def test_a_refused_file_is_named_by_its_properties(muster: Terminal) -> None:
    assert "entries.1.content: " in muster("add", "--from", "-", stdin='[{"content": "A"}, {"content": ""}]').err


def test_nothing_is_coloured_without_a_terminal(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace)
    assert "\x1b" not in muster("entries").out + muster("--help").out


class Screen(io.StringIO):
    """A terminal of this width; 0: it does not know."""

    def __init__(self, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        monkeypatch.setattr("os.get_terminal_size", lambda _: os.terminal_size((columns, 24)))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setattr("sys.stdout", self)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1


@pytest.mark.parametrize(("columns", "end"), [(0, "Count the days"), (20, "…"), (200, "Count the days")])
def test_a_table_fits_the_terminal(
    muster: Terminal, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, columns: int, end: str
) -> None:
    from muster_cli import main

    an_entry(workspace, content="Count the days")
    screen = Screen(columns, monkeypatch)
    assert main.run(["entries"], muster.transport) == 0
    head, row = screen.getvalue().splitlines()
    assert head.startswith("\x1b[1m#") and row.endswith(end)


TASK = "Note the retry header in the docs of the client"


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_a_narrow_terminal_shows_the_task(
    muster: Terminal, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    from muster_cli import main

    asked(workspace)
    Entry.objects.update(content=TASK)
    for arguments in (["entries"], ["budget"], ["approve"]):
        screen = Screen(columns, monkeypatch)
        assert main.run(arguments, muster.transport) == 0
        lines = screen.getvalue().splitlines()
        assert TASK[:19] in lines[-1] and len(lines[-1]) <= columns + len("\x1b[32m\x1b[0m"), lines


@pytest.mark.parametrize("columns", [60, 100])
def test_a_narrow_terminal_shows_a_message_rather_than_its_sender(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    from muster_cli.commands.dialogue import MESSAGES
    from muster_cli.output import table

    Screen(columns, monkeypatch)
    sender = "token:dev, muster-cli/0.2.0 at 127.0.0.1"
    row = {"sent_at": "2026-12-01T13:50:00Z", "sent_by": sender, "state": "delivered", "text": TASK}
    head, line = table([row], MESSAGES, empty="")
    assert "STATE" in head and "delivered" in line and TASK[:19] in line and len(line) <= columns
    assert sender not in line


def test_a_reason_gives_way_before_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    from muster_cli.widths import fitting

    titles = ["#", "STATUS", "PRIORITY", "WAITS FOR", "ENTRY"]
    cells = [["1", "pending", "medium", "dependencies_pending, project_budget_exceeded", TASK]]
    assert fitting(titles, cells, 100) == {0: 1, 1: 7, 2: 8, 3: 29, 4: 47}
    assert fitting(titles, cells, 70) == {0: 1, 1: 7, 2: 8, 3: 20, 4: 26}
    assert fitting(titles, cells, 60) == {0: 1, 1: 7, 3: 20, 4: 26}


def test_no_color_is_kept_to(muster: Terminal, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from muster_cli import main

    screen = Screen(80, monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    assert main.run(["entries"], muster.transport) == 0 and "\x1b" not in screen.getvalue()


def test_times_have_their_zone(muster: Terminal, workspace: Workspace) -> None:
    asked(workspace)
    assert re.search(r"  \d{4}-\d\d-\d\d \d\d:\d\d UTC  ", muster("approve").out)


def test_numbers_have_the_noun_that_fits() -> None:
    from muster_cli.sentences.counting import counted

    assert [counted(number, "entry", "entries") for number in (0, 1, 2)] == ["0 entries", "1 entry", "2 entries"]
    assert counted(2, "finding") == "2 findings"


def test_texts_of_agents_steer_no_terminal() -> None:
    from muster_cli.output import one_line, printable

    hostile = "a\x1b]0;title\x07b\x1b[2Jc\x1b[31mred\x1b[0m\x9b1m\rd\x08"
    assert printable(hostile) == "abc\x1b[31mred\x1b[0m1md"
    assert one_line("a\nb\x1b[2J") == "a b"


def test_json_on_a_terminal_is_ascii(muster: Terminal, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from muster_cli import output

    an_entry(workspace, content="a\x9b1m\u202eb")
    monkeypatch.setattr(output.sys.stdout, "isatty", lambda: True)
    outcome = muster("entries", "-o", "json")
    assert outcome.out.isascii() and outcome.json["entries"][0]["content"] == "a\x9b1m\u202eb"


def test_a_newer_server_is_announced_once(muster: Terminal, workspace: Workspace) -> None:
    muster.transport.version = "99.0.0"  # type: ignore[attr-defined]
    outcome = muster("status")
    assert outcome.code == 0 and outcome.err.count("\n") == 1 and "newer than this command" in outcome.err


def test_a_server_that_differs_in_its_last_number_is_not(muster: Terminal, workspace: Workspace) -> None:
    muster.transport.version = f"{release.NUMBER.rpartition('.')[0]}.99"  # type: ignore[attr-defined]
    assert muster("status").err == ""


def test_an_older_server_explains_a_call_that_it_does_not_know(muster: Terminal, workspace: Workspace) -> None:
    muster.transport.version = "0.1.0"  # type: ignore[attr-defined]
    outcome = muster("approve", "entry_00000000000000000000", "--commit", "a" * 40)
    assert outcome.code == 1 and "older than this command" in outcome.err


def test_help_needs_no_server(stranger: Terminal) -> None:
    outcome = stranger("--help")
    assert outcome.code == 0 and "send-back" in outcome.out
    assert stranger("--version").out.startswith("muster-cli ")
    assert stranger("logs", "--help").code == 0


def test_the_list_of_commands_has_whole_sentences(stranger: Terminal) -> None:
    commands = stranger("--help").out.partition("Commands:")[2]
    assert "..." not in commands and "Revoke the token of a login at its server, and forget the profile." in " ".join(
        commands.split()
    )


def test_the_usage_has_an_optional_argument_in_brackets_once(stranger: Terminal) -> None:
    from muster_cli.main import app, register

    register([])
    for command in app.registered_commands:
        usage = stranger(command.name or "", "--help").out.splitlines()[0]
        assert "[[" not in usage and "[]" not in usage


def test_json_without_fields_names_where_they_are_listed(muster: Terminal) -> None:
    outcome = muster("add", "A", "--json")
    assert outcome.code == 2 and outcome.err.endswith("muster schema add\n") and muster.json("entries") == {"entries": []}


def test_a_reader_that_has_gone_ends_it_quietly(muster: Terminal, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from muster_cli import run

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(run, "_drop_output", lambda: None)
    monkeypatch.setattr("sys.stdout", Gone())
    from muster_cli import main

    assert main.run(["status"], muster.transport) == 141


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (httpx2.Response(200, text="<html>"), "not as a Muster does"),
        (httpx2.Response(301, headers={"Location": "https://muster.example"}), "refers to https://muster.example"),
        (httpx2.Response(502, text="<html>"), "answered 502 to GET /api/v1/workspaces"),
    ],
    ids=["a page", "a redirect", "a gateway"],
)
def test_what_is_no_muster_is_named(
    stranger: Terminal, monkeypatch: pytest.MonkeyPatch, answer: httpx2.Response, sentence: str
) -> None:
    stranger.transport = httpx2.MockTransport(lambda _: answer)
    outcome = stranger("login", "https://a.example", "--with-token", stdin="token")
    assert outcome.code == 1 and sentence in outcome.err and not stranger.config.exists()


def test_a_proxy_that_does_not_answer_is_named(stranger: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    stranger.set("HTTPS_PROXY", "http://ana:secret@proxy.example:3128")
    stranger.transport = httpx2.MockTransport(away)
    outcome = stranger("login", "https://a.example", "--with-token", stdin="token")
    assert "https://a.example by the proxy proxy.example:3128: refused" in outcome.err
