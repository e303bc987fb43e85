"""A line of a log as it is shown: colours by classes, agents' own tellings as rows, and whatever is hostile inert."""

import json

import pytest
from django.utils import timezone

from dashboard.sessions import ansi, log_lines
from orchestration.sessions.logs import sentences
from orchestration.sessions.logs.chunks import Line


def shown(text: str, stream: str = "stdout", words: str = "") -> str:
    return log_lines.html([Line(7, 1_764_000_000_000, stream, text)], base="/log/", words=words)


def test_a_line_has_the_time_of_who_looks_at_it() -> None:
    for zone, clock in (("UTC", "16:00:00"), ("Asia/Kathmandu", "21:45:00"), ("UTC", "16:00:00")):
        with timezone.override(zone):
            assert f">{clock}</time>" in shown("a line")


@pytest.mark.parametrize(
    ("codes", "classes"),
    [
        ("31", "a-red"),
        ("1;92", "a-green a-bold"),
        ("2;90", "a-black a-dim"),
        ("4;36", "a-cyan a-underline"),
        ("38;5;208", "a-yellow"),
        ("38;5;21", "a-blue"),
        ("38;5;244", "a-black"),
        ("38;5;252", "a-white"),
        ("38;2;255;90;200", "a-magenta"),
        ("48;5;196;32", "a-green"),
        ("48;2;1;2;3;35", "a-magenta"),
    ],
)
def test_colours_become_the_nearest_of_eight(codes: str, classes: str) -> None:
    assert ansi.html(f"\x1b[{codes}mword\x1b[0m rest") == f'<span class="{classes}">word</span> rest'


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[999999999999m",
        "\x1b[;;;m",
        "\x1b[38;5m",
        "\x1b[38m",
        "\x1b[2J\x1b[1;1H",
        "\x1b]0;title\x07",
        "\x1b[" + "1;" * 9000 + "m",
    ],
)
def test_other_escapes_leave_nothing(text: str) -> None:
    assert "\x1b" not in ansi.html(f"a{text}b") and ansi.html(f"a{text}\x1b[0mb").count("b") >= 1


def test_markup_in_colours_stays_text() -> None:
    seen = shown("\x1b[31m<img src=x onerror=alert(1)>\x1b[0m\x00\x08 \"'&")
    assert "<img" not in seen and "&lt;img" in seen and "\x00" not in seen and "\x1b" not in seen


def test_of_a_progress_bar_its_last_state() -> None:
    assert ">100 %<" in shown("10 %\r50 %\r\x1b[2K100 %\r")


def test_long_lines_are_cut_and_lead_to_the_whole() -> None:
    seen = shown("x" * 5000)
    assert len(seen) < 2500 and 'href="/log/?line=7"' in seen and "3,000 more characters" in seen


def test_a_job_is_named_before_its_lines() -> None:
    assert '<b class="job">tests</b> ' in shown("collected", "tests:stdout") and "stderr" in shown("oh", "tests:stderr")


def test_what_is_searched_is_marked_and_still_escaped() -> None:
    assert "&lt;b&gt;<mark>Needle</mark>&lt;/b&gt;" in shown("<b>Needle</b>", words="needle")
    assert "<mark>&lt;b&gt;</mark>" in shown("<b>Needle</b>", words="<B>")


CLAUDE = {"type": "assistant", "message": {"content": [{"type": "tool_use", "name": "Edit", "input": {"file_path": "a.py"}}]}}
ERROR = {"type": "user", "message": {"content": [{"type": "tool_result", "is_error": True, "content": "no such file"}]}}
CODEX = {"type": "item.completed", "item": {"type": "command_execution", "command": "pytest -q", "exit_code": 1}}
OPENCODE = {"type": "tool_use", "part": {"tool": "bash", "state": {"status": "completed", "title": "runs the tests"}}}


@pytest.mark.parametrize(
    ("line", "kind", "summary"),
    [
        ({"type": "text", "text": "reading  the\ntests"}, "says", "reading the tests"),
        ({"type": "usage", "id": "1", "model": "m", "input_tokens": 1200}, "cost", "Request · m · 1,200 input"),
        ({"type": "result", "summary": "done", "ok": True}, "ends", "Done: done"),
        ({"type": "failure", "code": "auth", "message": "401"}, "trouble", "auth: 401"),
        (CLAUDE, "edit", "Edit a.py"),
        (ERROR, "trouble", "no such file"),
        (CODEX, "trouble", "Exit 1: pytest -q"),
        (OPENCODE, "shell", "bash runs the tests"),
        ({"type": "tool_use", "tool_name": "read_file", "parameters": {"path": "x"}}, "tool", "read_file x"),
        ({"type": "result", "is_error": True, "result": "quota"}, "trouble", "quota"),
        ({"type": "started", "can_go_on": True, "agent": "Tiny 1.2", "model": "m"}, "begins", "Tiny 1.2 begins, m"),
        ({"type": "tool", "title": "pytest", "kind": "execute", "status": "in_progress"}, "shell", "pytest in progress"),
        ({"type": "permission", "title": "rm x", "kind": "reject_once"}, "trouble", "Not allowed: rm x"),
        ({"type": "cost", "total": 0.5, "currency": "USD"}, "cost", "The conversation has cost 0.5 USD"),
        ({"type": "error", "step": "session/new", "message": "log in"}, "trouble", "session/new: log in"),
    ],
)
def test_an_agents_line_is_a_row_with_its_raw_text_inside(line: dict[str, object], kind: str, summary: str) -> None:
    text = json.dumps(line)
    assert sentences.read(text) == sentences.LogSentence(kind, summary)
    assert f"event t-{kind}" in shown(text) and "&quot;type&quot;" in shown(text)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        "[1]",
        '{"type": 7}',
        '{"type": {"a": 1}}',
        '{"item": []}',
        '{"message": {"content": [7, null]}}',
        "{" * 5000,
        '{"type": "text"}',
    ],
)
def test_unknown_json_is_shown_as_it_is(text: str) -> None:
    assert sentences.read(text) is None and "<details" not in shown(text)


def test_agent_lines_are_escaped() -> None:
    seen = shown(json.dumps({"type": "text", "text": "</summary><script>alert(1)</script>"}))
    assert "<script" not in seen and seen.count("</summary>") == 1


def test_gaps_in_the_log_are_reported() -> None:
    seen = log_lines.html([Line(5, 0, "stdout", "a"), Line(900, 0, "stdout", "b")], base="/", previous=4)
    assert seen.count("not shown") == 1 and "894 lines" in seen
