"""A log beyond its limit keeps its head and its newest half; what is written is masked, cut and counted."""

import pytest

from orchestration.models import LogChunk, Session
from orchestration.sessions.logs import chunks
from tests.factories import a_session, a_workspace, an_entry
from workspaces.secrets.masking import Mask

pytestmark = pytest.mark.django_db


def texts(session: Session, *, after: int = 0) -> list[tuple[int, str]]:
    return [(line.seq, line.text) for line in chunks.read(session, after=after)]


def test_the_middle_of_a_long_log_is_dropped(session: Session) -> None:
    writer = chunks.Writer(session, limit=1000)
    for number in range(100):
        writer.add("stdout", f"{number:03} {'x' * 46}")
        writer.flush()
    kept = [line.text[:3] for line in chunks.read(session)]
    assert kept[:10] == [f"{number:03}" for number in range(10)] and kept[-10:] == [f"{number:03}" for number in range(90, 100)]
    assert sum(LogChunk.objects.filter(session=session).values_list("size", flat=True)) <= 1000


def test_the_head_ends_where_it_is_full_and_the_newest_chunk_stays_however_large(session: Session) -> None:
    """A small chunk that would still fit belongs to the tail: the head has no gaps."""
    writer = chunks.Writer(session, limit=1000)
    for size, kept in ((300, [300]), (400, [300, 400]), (100, [300, 400, 100]), (1, [300, 100, 1]), (900, [300, 900])):
        writer.add("stdout", "x" * size)
        assert writer.flush()
        sizes = LogChunk.objects.filter(session=session).order_by("first_seq").values_list("size", flat=True)
        assert list(sizes) == kept, size


def test_a_line_is_masked_before_it_is_cut(session: Session) -> None:
    writer = chunks.Writer(session, limit=10**6, mask=Mask({"PASSWORD": "correct-horse-battery"}))
    token = f"muster_{'t' * 40}"
    for text in ("x" * chunks.MAX_LINE, "x" * (chunks.MAX_LINE + 1), f"by correct-horse-battery and {token}"):
        writer.add("stdout", text)
    at_the_cut = "y" * (chunks.MAX_LINE - 8)
    writer.add("stdout", f"{at_the_cut}correct-horse-battery")
    writer.flush()
    whole, cut, masked, last = (text for _, text in texts(session))
    assert whole == "x" * chunks.MAX_LINE
    assert cut == "x" * chunks.MAX_LINE + " … 1 more characters"
    assert masked == "by [secret PASSWORD] and [secret token]"
    assert last == f"{at_the_cut}[secret  … 9 more characters"


def test_the_last_words_are_those_of_the_last_line_that_a_person_can_read(session: Session) -> None:
    writer = chunks.Writer(session, limit=10**6)
    assert writer.last_words == ""
    writer.add("stdout", f"  {'w' * 400}  ")
    assert writer.last_words == "w" * 300
    for text in ("no such option: --x ", "", "   ", '{"type": "result"}'):
        writer.add("stderr", text)
    assert writer.last_words == "no such option: --x"


def test_the_first_error_is_counted_over_all_chunks(session: Session) -> None:
    writer = chunks.Writer(session, limit=10**6)
    for text in ("one", "two"):
        writer.add("stdout", text)
    writer.flush()
    for text in ("three", "\x1b[31mValueError: it broke\x1b[0m", "TypeError: again"):
        writer.add("stdout", text)
    assert writer.first_error == 4
    writer.flush()
    assert [seq for seq, text in texts(session) if "it broke" in text] == [4]


def test_a_chunk_is_full_by_its_lines_or_its_size_and_empty_once_it_is_written(session: Session) -> None:
    writer = chunks.Writer(session, limit=10**7)
    assert not writer.flush()
    for _ in range(4):
        writer.add("stdout", "x" * 16_000)
    assert not writer.is_full
    writer.add("stdout", "x")
    assert writer.is_full and writer.flush() and not writer.is_full and not writer.flush()
    for _ in range(1000):
        writer.add("stdout", "")
    assert not writer.is_full
    writer.add("stdout", "")
    assert writer.is_full


def test_reading_goes_on_after_a_line_of_its_own_session(session: Session) -> None:
    other = a_session(an_entry(a_workspace(name="Other")))
    for each, sizes in ((session, (2, 3, 1)), (other, (1, 1, 1, 1, 1, 1, 1))):
        writer = chunks.Writer(each, limit=10**6)
        for n in sizes:
            for _ in range(n):
                writer.add("stdout", each.pk)
            writer.flush()
    every = [(seq, session.pk) for seq in range(1, 7)]
    for after in range(8):
        assert texts(session, after=after) == every[after:]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10 %\r50 %\r100 %", "100 %"),
        ("done\r", "done"),
        ("done\r\r", "done"),
        ("a\tb", "a\tb"),
        ("\x1b]0;title\x07text\x1b[2K\x9b", "text"),
    ],
)
def test_of_a_line_that_was_overwritten_the_last_state_is_shown(text: str, shown: str) -> None:
    assert chunks.plain(text) == shown
