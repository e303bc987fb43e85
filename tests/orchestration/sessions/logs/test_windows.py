"""Reading a log from any position, and searching it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orchestration.models import LogChunk, Session
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.logs import search as log_search
from orchestration.sessions.logs import windows as log_windows
from orchestration.sessions.logs.levels import MARKERS, level
from tests.dashboard.seeds import entries as seed

pytestmark = pytest.mark.django_db


@pytest.fixture
def session() -> Session:
    workspace = seed.busy()
    LogChunk.objects.filter(session__workspace=workspace).delete()
    return Session.objects.filter(workspace=workspace, status="running").order_by("id")[0]


def write(session: Session, chunks: int, each: int, *, first: int = 1) -> None:
    LogChunk.objects.bulk_create(
        LogChunk(
            session=session,
            first_seq=start,
            lines=[[seq * 10, "stdout", f"line {seq}"] for seq in range(start, start + each)],
            size=each * 10,
        )
        for start in range(first, first + chunks * each, each)
    )


def numbers(window: log_windows.Window) -> list[int]:
    return [line.seq for line in window.lines]


def test_the_end_of_a_log_and_from_there_backwards_to_its_beginning(session: Session) -> None:
    write(session, 50, 70)
    seen: list[int] = []
    window = log_windows.before(session)
    assert not window.later
    while True:
        seen = numbers(window) + seen
        assert len(window.lines) <= 1000
        if not window.earlier:
            break
        window = log_windows.before(session, window.first)
        assert window.later
    assert seen == list(range(1, 3501))


@pytest.mark.parametrize("each", [1, 7, 900, 3500])
def test_reading_forwards_skips_no_line_and_repeats_none(session: Session, each: int) -> None:
    write(session, 3500 // each, each)
    seen: list[int] = []
    window = log_windows.after(session, 0)
    while window.lines:
        seen += numbers(window)
        window = log_windows.after(session, window.last)
    assert seen == list(range(1, 3500 // each * each + 1)) and not window.later


def test_a_dropped_middle_is_skipped(session: Session) -> None:
    write(session, 2, 100)
    write(session, 2, 100, first=9001)
    assert numbers(log_windows.after(session, 150))[:51] == [*range(151, 201), 9001]
    assert numbers(log_windows.before(session, 9001))[-1] == 200
    assert log_windows.find_line(session, 5000) is None
    result = log_windows.find_line(session, 9005)
    assert result is not None and result.text == "line 9005"


def test_a_line_is_shown_in_the_middle_of_its_neighbours(session: Session) -> None:
    write(session, 50, 70)
    window = log_windows.around(session, 1204)
    assert numbers(window) == list(range(704, 1704)) and window.earlier and window.later


@pytest.mark.parametrize("chunks", [40, 2000])
def test_a_hundred_thousand_lines_take_no_more_statements_than_a_few(session: Session, chunks: int) -> None:
    write(session, chunks, 50)
    for read in (
        lambda: log_windows.before(session),
        lambda: log_windows.before(session, 1500),
        lambda: log_windows.after(session, 30),
        lambda: log_windows.around(session, 1000),
    ):
        with CaptureQueriesContext(connection) as seen:
            read()
        assert len(seen) <= 5


def test_long_lines_make_a_window_shorter_not_heavier(session: Session) -> None:
    text = "x" * 20_000
    for first in range(1, 401):
        LogChunk.objects.create(session=session, first_seq=first, lines=[[0, "stdout", text]], size=20_000)
    assert len(log_windows.before(session).lines) == 100 and log_windows.before(session).earlier
    assert len(log_windows.after(session, 0).lines) <= 102 and log_windows.after(session, 0).later


def test_searching_finds_every_line_whatever_its_case_and_colours(session: Session) -> None:
    write(session, 1000, 100)
    LogChunk.objects.create(session=session, first_seq=100_001, lines=[[0, "stdout", "a \x1b[31mLi\x1b[0mNE 7 again"]], size=20)
    result = log_search.find_text(session, "line 7 again")
    assert result.hits == [100_001] and not result.cut
    assert log_search.find_text(session, "line 99999").hits == [99_999]
    every = log_search.find_text(session, "line")
    assert every.cut and len(every.hits) == log_search.MAX_HITS and every.nearest(every.hits[3]) == 4


def test_a_long_log_is_searched_from_its_end_and_marked_as_cut(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_search, "MAX_BYTES", 1000)
    monkeypatch.setattr(log_search, "PORTION_BYTES", 1000)
    write(session, 100, 50)
    assert log_search.find_text(session, "line 1").cut
    assert log_search.find_text(session, "line 4999").hits == [4999]


def test_a_filter_shows_the_newest_lines_that_fit(session: Session) -> None:
    write(session, 30, 100)
    lines = [[0, "stdout", "E   assert 1 == 2"], [0, "tests:stderr", "warning: slow"], [0, "stdout", "fine"]]
    LogChunk.objects.create(session=session, first_seq=3001, lines=lines, size=50)
    for shown, expected in {"error": [3001], "warn": [3001, 3002], "stderr": [3002], "checks": [3002]}.items():
        fits = log_search.line_filter(shown)
        assert fits is not None
        assert numbers(log_search.before(session, None, fits, limit=1000)[0]) == expected, shown


def test_the_writer_remembers_the_first_line_with_an_error(session: Session) -> None:
    writer = log_chunks.Writer(session, limit=100_000)
    for text in ("collecting", "\x1b[31mE   assert 300 == 7500\x1b[0m", "Error: again"):
        writer.add("stdout", text)
    assert writer.first_error == 2
    writer.flush()
    assert writer.first_error == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("E   assert 300 == 7500", "error"),
        ("Traceback (most recent call last):", "error"),
        ("ValueError: no such thing", "error"),
        ("src/a.c:3:5: error: expected ;", "error"),
        ("error[E0308]: mismatched types", "error"),
        ("2026-01-01 [ERROR] it broke", "error"),
        ("FAILED tests/test_a.py::test_b", "error"),
        ("=== 2 failed, 8 passed in 0.3s ===", "error"),
        ('{"type": "failure", "code": "auth"}', "error"),
        ("=== 10 passed, 0 failed ===", ""),
        ("0 errors", ""),
        ("tests/test_error.py ....", ""),
        ("reading errors.py", ""),
        ('{"type": "text", "text": "an error was found"}', ""),
        ("warning: unused variable", "warn"),
        ("DeprecationWarning: old", "warn"),
    ],
)
def test_the_level_of_a_line(text: str, expected: str) -> None:
    assert level(text) == expected
    assert not expected or any(marker in text.casefold() for marker in MARKERS)
