"""A part of a log: which lines, what is known of those around, and the matches of a search, with gaps and filters; and what agents' lines mean."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils.timezone import now

from dashboard.sessions import ansi, log_lines, log_page
from orchestration.models import LogChunk, Session
from orchestration.sessions.logs import sentences
from orchestration.sessions.logs.chunks import Line
from orchestration.sessions.logs.search import SearchResult
from tests.dashboard.page_requests import page_request
from tests.factories import a_session, a_workspace, an_entry

LINES = {
    1: ("stdout", "begins"), 2: ("stderr", "a warning: odd"), 3: ("tests:stdout", "E   assert 1 == 2"), 4: ("tests:stderr", "plain"),
    6: ("stdout", "after a gap"), 7: ("stdout", "ends"),
}  # fmt: skip


@pytest.fixture
def session(db: None) -> Session:
    """Lines 1 to 4, and after a gap 6 and 7; another session has more."""
    shop = a_workspace(max_workers=9)
    session, neighbour = a_session(an_entry(shop)), a_session(an_entry(shop))
    for first, count in ((1, 4), (6, 2)):
        stored = [[1000 * n, *LINES[n]] for n in range(first, first + count)]
        LogChunk.objects.create(session=session, first_seq=first, lines=stored, size=100)
    LogChunk.objects.create(session=neighbour, first_seq=1, lines=[[0, "stdout", "theirs"]] * 99, size=100)
    return session


def batch(session: Session, **query: str) -> dict[str, Any]:
    return log_page.batch(page_request(session.workspace, **query), session)


def numbers(context: dict[str, Any]) -> list[int]:
    return [n for n in range(1, 100) if f' id="L{n}"' in context["lines"]]


@pytest.mark.parametrize(
    ("query", "shown", "last", "newest", "gaps"),
    [
        ({}, [1, 2, 3, 4, 6, 7], 7, 7, 1),
        ({"after": "4"}, [6, 7], 7, 7, 1),
        ({"after": "5"}, [6, 7], 7, 7, 0),
        ({"after": "7"}, [], 7, 7, 0),
        ({"before": "4"}, [1, 2, 3], 3, 7, 0),
        ({"at": "3"}, [1, 2, 3, 4, 6, 7], 7, 7, 1),
        ({"level": "error"}, [3], 7, 7, 0),
        ({"level": "warn"}, [2, 3], 7, 7, 0),
        ({"level": "stderr"}, [2, 4], 7, 7, 1),
        ({"level": "agent"}, [1, 2, 6, 7], 7, 7, 1),
        ({"level": "checks"}, [3, 4], 7, 7, 0),
        ({"level": "checks", "before": "4"}, [3], 7, 7, 0),
        ({"level": "agent", "after": "2"}, [6, 7], 7, 7, 0),
        ({"level": "checks", "after": "4"}, [], 7, 7, 0),
        ({"count": "1", "after": "1"}, [], 7, 7, 0),
    ],
)
def test_a_part_has_its_lines_and_where_the_log_ends(
    session: Session, query: dict[str, str], shown: list[int], last: int, newest: int, gaps: int
) -> None:
    seen = batch(session, **query)
    assert (numbers(seen), seen["last"], seen["newest"], seen["lines"].count('class="gap"')) == (shown, last, newest, gaps)


def test_an_open_page_asks_for_what_is_new_with_its_level(session: Session) -> None:
    seen = batch(
        session, live="log:abc", build=settings.BUILD, log_after="2", log_level="checks", at="1", q="begins", level="error"
    )
    assert (numbers(seen), seen["search_result"], seen["ignored"]) == ([3, 4], None, [])
    seen = batch(session, live="log:abc", build=settings.BUILD, log_after="2", log_count="1")
    assert (numbers(seen), seen["newest"]) == ([], 7)


def test_a_search_marks_its_matches_and_is_not_run_for_the_script(session: Session) -> None:
    seen = batch(session, q="PLAIN")
    assert seen["search_result"].hits == [4] and "<mark>plain</mark>" in seen["lines"]
    assert batch(session, q="plain", fragment="log")["search_result"] is None
    assert log_page.hits(page_request(session.workspace, q="  "), session)["search_result"].hits == []
    assert "at=" not in batch(session, q="s", at="4", line="2", count="1", level="warn")["kept"]


@pytest.mark.parametrize(
    ("at", "context"),
    [
        ("", (1, 5, 0, 9)), ("5", (1, 5, 0, 9)), ("6", (2, 9, 5, 20)), ("9", (2, 9, 5, 20)), ("20", (3, 20, 9, 0)), ("99", (3, 20, 9, 0)),
    ],
)  # fmt: skip
def test_a_match_leads_to_the_one_before_and_after_it(at: str, context: tuple[int, ...]) -> None:
    seen = log_page._search_context(SearchResult([5, 9, 20]), {"at": int(at) if at else ""})
    assert (seen["hit"], seen["hit_at"], seen["hit_before"], seen["hit_after"]) == context


def test_without_a_match_there_is_none_to_go_to() -> None:
    for at in (0, 7):
        seen = log_page._search_context(SearchResult([]), {"at": at})
        assert (seen["hit"], seen["hit_at"], seen["hit_before"], seen["hit_after"]) == (0, 0, 0, 0)


def test_the_first_error_is_shown_in_the_words_of_its_agent(session: Session) -> None:
    assert batch(session)["first_error"] is None
    for seq, words in ((3, "E   assert 1 == 2"), (7, "ends"), (5, None), (99, None)):
        session.first_error = seq
        error = batch(session)["first_error"]
        assert (error and error[1]) == words
    text = json.dumps({"type": "failure", "code": "auth", "message": "401"})
    LogChunk.objects.create(session=session, first_seq=8, lines=[[0, "stdout", text], [0, "stdout", "x" * 300]], size=100)
    for seq, words in ((8, "auth: 401"), (9, "x" * 200)):
        session.first_error = seq
        assert batch(session)["first_error"][1] == words


def test_a_log_is_kept_so_many_days_after_the_end(session: Session, settings: Any) -> None:
    settings.KEEP_LOGS_DAYS = 9
    for ended_at, days in ((None, None), (now() - timedelta(days=8, hours=23), None), (now() - timedelta(days=9, minutes=1), 9)):
        session.ended_at = ended_at
        assert batch(session)["removed_after"] == days


# Lines


def html(text: str, words: str = "", **more: Any) -> str:
    return log_lines.html([Line(7, 1_764_000_000_000, "stdout", text)], base="/log/", words=words, **more)


def test_a_line_at_the_bound_is_whole_and_beyond_it_is_cut() -> None:
    assert "show all" not in html("x" * 2000) and "show all, 1 more characters" in html("x" * 2001)
    whole = log_lines.full_line(Line(7, 0, "stdout", "x" * 2001))
    assert "x" * 2001 in whole and "show all" not in whole
    event = json.dumps({"type": "text", "text": "<b>" + "y" * 2100})
    assert "&lt;b&gt;" in html(event) and f"show all, {len(event) - 2000:,} more characters" in html(event)
    assert "<details" not in log_lines.full_line(Line(7, 0, "stdout", event))


def test_a_match_is_text_and_takes_the_colours_of_its_line_alone() -> None:
    line = "\x1b[31mred\x1b[0m a.c <i>"
    assert "a-red" in html(line) and "a-red" in html(line, words="nothing") and "a-red" not in html(line, words="A.C")
    assert "<mark>a.c</mark> &lt;i&gt;" in html(line, words="A.C") and "<mark>" not in html("abc", words="a.c")
    assert "&lt;b&gt; <mark>x</mark>" in html("<b> x", words="x")
    long = html("<b>" + "x" * 2000, words="<b>")
    assert "<mark>&lt;b&gt;</mark>" in long and "show all, 3 more characters" in long


def test_a_job_and_its_words_are_text() -> None:
    seen = log_lines.row(Line(1, 0, "<b>:stderr", "x"), base="")
    assert '<b class="job">&lt;b&gt;</b>' in seen and 'class="line stderr"' in seen
    assert 'class="line muster"' in log_lines.row(Line(1, 0, "muster", "x"), base="")


def test_gaps_are_reported_from_the_line_before_and_none_at_the_start() -> None:
    lines = [Line(5, 0, "stdout", "a"), Line(7, 0, "stdout", "b")]
    assert log_lines.html(lines, base="").count("not shown") == 1 == log_lines.html(lines, base="", previous=4).count("not shown")
    assert "3 lines not shown" in log_lines.html(lines, base="", previous=1) and "1 line not shown" in log_lines.html(
        lines, base=""
    )
    elsewhere = log_lines.html(lines, base="/log/", here=False)
    assert 'href="/log/?at=5#L5"' in elsewhere and ' id="L5"' not in elsewhere


@pytest.mark.parametrize(
    "text", ["== 3 passed in 0.12s ==", "Tests: 1 failed, 2 passed", "test result: ok. 4 passed", "Ran 5 tests in 0.1s"]
)
def test_the_result_of_tests_stands_out(text: str) -> None:
    assert '<strong class="tests">' in html(text) and '<strong class="tests">' not in html(f"maybe {text[:9]}")


@pytest.mark.parametrize(
    ("codes", "classes"),
    [("1;31;22", "a-red"), ("2;31;22", "a-red"), ("4;31;24", "a-red"), ("1;31;39", "a-bold"), ("1;31;0;32", "a-green"), ("97", "a-white"),
     ("30", "a-black"), ("38;5;9", "a-red"), ("38;5;15", "a-white"), ("38;5;196", "a-red"), ("38;5;46", "a-green"), ("38;2;0;0;0", "a-black"),
     ("38;2;80;80;255", "a-blue"), ("38:5:46", "a-green"), ("31;45", "a-red"), ("31;38;9", "a-red"), ("31;7", "a-red")],
)  # fmt: skip
def test_a_style_ends_with_its_code(codes: str, classes: str) -> None:
    assert ansi.html(f"\x1b[{codes}mword") == f'<span class="{classes}">word</span>'


ITEM = "item.completed"


@pytest.mark.parametrize(
    ("line", "kind", "summary"),
    [
        ({"type": "usage", "cost_usd": 0.5, "input_tokens": 1, "output_tokens": 2000}, "cost", "Request · no model named · $0.5 reported · 1 input · 2,000 output"),
        ({"type": "usage", "model": "m", "input_tokens": True, "output_tokens": -1}, "cost", "Request · m"),
        ({"type": "waiting", "message": "429"}, "trouble", "Waits: 429"),
        ({"type": "verdict", "passed": True}, "result", "Verdict: passed"),
        ({"type": "verdict", "passed": "true"}, "result", "Verdict: not passed"),
        ({"type": "score", "score": 0.5}, "result", "Score 0.5"),
        ({"type": "result", "summary": "no", "ok": False}, "ends", "Not done: no"),
        ({"type": "system", "subtype": "init", "model": "m"}, "begins", "Session begins, m"),
        ({"message": {"content": [{"type": "text", "text": " "}, {"type": "thinking", "thinking": "hm"}]}}, "says", "Thinks: hm"),
        ({"message": {"content": [{"type": "text", "text": "first"}, {"type": "text", "text": "second"}]}}, "says", "first"),
        ({"message": {"content": [{"type": "tool_use", "name": "Bash", "input": {"description": "d", "command": "ls"}}]}}, "shell", "Bash ls"),
        ({"message": {"content": [{"type": "tool_result", "content": [{"text": "a"}, {"text": "b"}]}]}}, "result", "a b"),
        ({"message": {"content": [{"type": "tool_result", "is_error": True}]}}, "trouble", "It failed"),
        ({"message": {"content": [{"type": "tool_result"}]}}, "result", "No response"),
        ({"type": ITEM, "item": {"type": "command_execution", "command": "ls", "exit_code": 0}}, "result", "Exit 0: ls"),
        ({"type": "item.started", "item": {"type": "command_execution", "command": "ls", "exit_code": None}}, "shell", "ls"),
        ({"type": ITEM, "item": {"type": "agent_message", "text": "t"}}, "says", "t"),
        ({"type": ITEM, "item": {"type": "file_change", "changes": [{"path": "a"}, {"path": "b"}]}}, "edit", "Changed a, b"),
        ({"type": ITEM, "item": {"type": "error", "message": "m"}}, "trouble", "m"),
        ({"type": "text", "part": {"text": "t"}}, "says", "t"),
        ({"type": "tool_use", "part": {"tool": "edit", "state": {"status": "error", "input": {"filePath": "f"}}}}, "trouble", "edit f"),
        ({"type": "tool_use", "part": {"tool": "write", "state": {"status": "ok", "input": {"filePath": "f"}}}}, "edit", "write f"),
        ({"type": "step_finish", "part": {"reason": "stop"}}, "cost", "Step ends: stop"),
        ({"type": "error", "error": {"data": {"message": "m"}}}, "trouble", "m"),
        ({"type": "error", "message": "plain"}, "trouble", "plain"),
        ({"type": "init", "model": ""}, "begins", "Session begins, model not named"),
        ({"type": "tool_result", "status": "error", "output": "o"}, "trouble", "o"),
        ({"type": "tool_result", "status": "success", "output": "o"}, "result", "o"),
        ({"type": "message", "role": "assistant", "content": "c"}, "says", "c"),
        ({"type": "thread.started"}, "begins", "Thread begins"),
        ({"type": "turn.completed"}, "ends", "Turn ends"),
        ({"type": "turn.failed", "error": {"message": "m"}}, "trouble", "m"),
        ({"type": "turn.failed"}, "trouble", "The turn failed"),
        ({"type": "result", "result": "r"}, "ends", "r"),
        ({"type": "result", "status": "error"}, "trouble", "It failed"),
        ({"type": "result"}, "ends", "Done"),
        ({"type": "text", "text": "x" * 500}, "says", "x" * 300 + "…"),
    ],
)  # fmt: skip
def test_each_line_of_an_agent_has_a_kind_and_a_sentence(line: dict[str, Any], kind: str, summary: str) -> None:
    assert sentences.read(json.dumps(line)) == sentences.LogSentence(kind, summary)


@pytest.mark.parametrize(
    "line", [{"type": "message", "role": "user", "content": "c"}, {"type": "score", "score": "high"}, {"type": "usage"}]
)
def test_what_no_reader_knows_is_no_sentence(line: dict[str, Any]) -> None:
    assert sentences.read(json.dumps(line)) is None
