"""Windows and searches at the ends of a log, next to the log of another session."""

import pytest

from orchestration.models import LogChunk, Session
from orchestration.sessions.logs import search, windows
from tests.factories import a_session, a_workspace, an_entry

pytestmark = pytest.mark.django_db
STREAMS = ("stdout", "stderr", "tests:stdout", "tests:stderr", "muster")


@pytest.fixture
def session() -> Session:
    """Beside it another session has a longer log with the same words."""
    shop = a_workspace()
    other = a_session(an_entry(shop))
    write(other, 30, each=10)
    return a_session(an_entry(shop))


def write(session: Session, count: int, *, each: int, stream: str = "stdout") -> None:
    for first in range(1, count + 1, each):
        lines = [[seq, stream, f"line {seq}"] for seq in range(first, min(first + each, count + 1))]
        LogChunk.objects.create(session=session, first_seq=first, lines=lines, size=len(lines))


def seen(window: windows.Window) -> tuple[list[int], bool, bool]:
    return [line.seq for line in window.lines], window.earlier, window.later


@pytest.mark.parametrize("each", [1, 3, 10])
def test_each_window_of_ten_lines_has_these_and_claims_no_others(session: Session, each: int) -> None:
    assert seen(windows.before(session, limit=4)) == seen(windows.after(session, 0, limit=4)) == ([], False, False)
    write(session, 10, each=each)
    assert seen(windows.before(session, limit=4)) == ([7, 8, 9, 10], True, False)
    assert seen(windows.before(session, limit=10)) == (list(range(1, 11)), False, False)
    assert seen(windows.before(session, 5, limit=4)) == ([1, 2, 3, 4], False, True)
    assert seen(windows.before(session, 6, limit=4)) == ([2, 3, 4, 5], True, True)
    assert seen(windows.before(session, 1, limit=4)) == ([], False, True)
    assert seen(windows.before(session, 10, limit=4)) == ([6, 7, 8, 9], True, True)
    assert seen(windows.before(session, 11, limit=4)) == ([7, 8, 9, 10], True, False)
    assert seen(windows.after(session, 0, limit=4)) == ([1, 2, 3, 4], False, True)
    assert seen(windows.after(session, 1, limit=4)) == ([2, 3, 4, 5], True, True)
    assert seen(windows.after(session, 6, limit=4)) == ([7, 8, 9, 10], True, False)
    assert seen(windows.after(session, 10, limit=4)) == ([], True, False)
    assert seen(windows.around(session, 1, limit=4)) == ([1, 2], False, True)
    assert seen(windows.around(session, 5, limit=4)) == ([3, 4, 5, 6], True, True)
    assert seen(windows.around(session, 10, limit=4)) == ([8, 9, 10], True, False)
    lines = [windows.find_line(session, seq) for seq in (0, 1, 10, 11)]
    assert [line and line.text for line in lines] == [None, "line 1", "line 10", None]


def test_too_many_hits_are_the_newest_and_it_is_known_that_they_were_cut(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(session, 10, each=4)
    monkeypatch.setattr(search, "MAX_HITS", 3)
    result = search.find_text(session, "LINE")
    assert (result.hits, result.cut) == ([8, 9, 10], True)
    assert [result.nearest(seq) for seq in (1, 8, 9, 10, 11)] == [1, 1, 2, 3, 3]
    few = search.find_text(session, "line 1")
    assert (few.hits, few.cut, few.nearest(2), few.nearest(11)) == ([1, 10], False, 2, 2)
    assert search.find_text(session, "line 27") == search.SearchResult() and search.SearchResult().nearest(1) == 0


def test_a_chunk_as_large_as_a_portion_ends_no_search(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "PORTION_BYTES", 2)
    write(session, 12, each=4)
    assert search.find_text(session, "line").hits == list(range(1, 13))


@pytest.mark.parametrize(("limit", "hits", "cut"), [(11, [5, 6, 7, 8, 9, 10], True), (12, list(range(1, 11)), False)])
def test_a_log_up_to_its_limit_is_searched_whole(
    session: Session, monkeypatch: pytest.MonkeyPatch, limit: int, hits: list[int], cut: bool
) -> None:
    monkeypatch.setattr(search, "PORTION_CHUNKS", 1)
    for first, size in ((1, 4), (5, 6), (9, 6)):
        lines = [[seq, "stdout", f"line {seq}"] for seq in range(first, min(first + 4, 11))]
        LogChunk.objects.create(session=session, first_seq=first, lines=lines, size=size)
    monkeypatch.setattr(search, "MAX_BYTES", limit)
    result = search.find_text(session, "line")
    assert (result.hits, result.cut) == (hits, cut)


@pytest.mark.parametrize("sign", ["\x01", "\b", "\x0c", "\x7f", "\x9b"])
def test_a_control_character_within_a_word_hides_it_from_no_search(session: Session, sign: str) -> None:
    LogChunk.objects.create(session=session, first_seq=1, lines=[[0, "stdout", f"re{sign}ady"]], size=9)
    assert search.find_text(session, "ready").hits == [1]


def test_a_search_below_a_line_begins_there(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MAX_BYTES", 4)
    monkeypatch.setattr(search, "PORTION_CHUNKS", 1)
    write(session, 12, each=4)
    window, is_cut = search.before(session, 5, lambda line: True, limit=9)
    assert ([line.seq for line in window.lines], is_cut) == ([1, 2, 3, 4], False)


def test_text_that_colours_or_a_carriage_return_hide_is_searched_as_it_is_shown(session: Session) -> None:
    lines = [
        [0, "stdout", "a \x1b[31mre\x1b[0mady"],
        [0, "stdout", "lost\rready"],
        [0, "stdout", "ready\rlost"],
        [0, "stdout", "x"],
    ]
    LogChunk.objects.create(session=session, first_seq=1, lines=lines, size=9)
    assert search.find_text(session, "ready").hits == [1, 2]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("stderr", ["stderr", "tests:stderr"]),
        ("agent", ["stdout", "stderr", "muster"]),
        ("checks", ["tests:stdout", "tests:stderr"]),
    ],
)
def test_a_filter_of_streams_shows_all_of_them_below_a_line(session: Session, shown: str, expected: list[str]) -> None:
    lines = [[0, stream, "text"] for stream in STREAMS]
    LogChunk.objects.create(session=session, first_seq=1, lines=lines, size=9)
    LogChunk.objects.create(session=session, first_seq=6, lines=lines, size=9)
    fits = search.line_filter(shown)
    assert fits is not None and search.line_filter("all") is None
    window, is_cut = search.before(session, 6, fits, limit=9)
    assert ([line.stream for line in window.lines], window.earlier, window.later, is_cut) == (expected, False, True, False)
    newest, _ = search.before(session, None, fits, limit=1)
    assert ([line.stream for line in newest.lines], newest.earlier, newest.later) == (expected[-1:], True, False)
    assert [line.seq for line in search.before(session, 2, fits, limit=9)[0].lines] == [1] * (shown == "agent")


def test_lines_of_a_level_are_warnings_and_worse(session: Session) -> None:
    texts = ("warning: slow", "\x1b[31mValueError: it broke\x1b[0m", "fine", f'{{"text": "{"x" * 3900}", "is_error": true}}')
    LogChunk.objects.create(session=session, first_seq=1, lines=[[0, "stdout", text] for text in texts], size=9)
    for shown, expected in (("warn", [1, 2, 4]), ("error", [2, 4])):
        fits = search.line_filter(shown)
        assert fits is not None
        assert [line.seq for line in search.before(session, None, fits, limit=9)[0].lines] == expected
