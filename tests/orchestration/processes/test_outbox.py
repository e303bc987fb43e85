"""A shim keeps an agent's output while its worker is slow: events all, text as far as there is room, in order."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.processes.frames import FrameReader
from orchestration.processes.shim import shim_output
from orchestration.processes.shim.shim_output import CUT, STATUS, STDERR, STDOUT, Journal, LineBuffer, Outbox, split_events


def sent(outbox: Outbox) -> list[tuple[bytes, bytes]]:
    """All that it sends to one who reads at once."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    reader, frames = FrameReader(), []
    while outbox:
        outbox.send(writing)
        frames += reader.feed(os.read(reading, 2**20))
    os.close(reading)
    os.close(writing)
    return frames


def test_text_and_events_are_sent_in_the_order_in_which_they_came() -> None:
    outbox = Outbox()
    assert not outbox and sent(outbox) == []
    frames = [(STDOUT, b"one\n"), (STDOUT, b"{}\n"), (STDERR, b"two\n"), (STDOUT, b'{"a": 1}\n'), (STATUS, b"{}")]
    for kind, lines in frames:
        (outbox.event if lines.startswith(b"{") else outbox.text)(kind, lines)
    assert sent(outbox) == frames and not outbox and outbox.dropped_bytes == 0


def test_of_too_much_text_the_oldest_that_waits_is_dropped_and_the_gap_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shim_output, "TEXT_LIMIT_BYTES", 2 * (10 + shim_output.ITEM_OVERHEAD_BYTES))
    outbox = Outbox()
    for n in range(5):
        outbox.event(STDOUT, b"{%d}\n" % n)
        outbox.text(STDERR, b"text %d...\n" % n)
    note = (STDERR, b"[muster: 30 bytes of output dropped here]\n")
    events = [(STDOUT, b"{%d}\n" % n) for n in range(5)]
    assert outbox.dropped_bytes == 30
    assert sent(outbox) == [*events[:4], note, (STDERR, b"text 3...\n"), events[4], (STDERR, b"text 4...\n")]
    outbox.text(STDERR, b"later\n")
    assert sent(outbox) == [(STDERR, b"later\n")]


def test_events_are_never_dropped_and_congest_beyond_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shim_output, "EVENT_LIMIT_BYTES", 3 * (10 + shim_output.ITEM_OVERHEAD_BYTES))
    outbox = Outbox()
    for n in range(4):
        assert not outbox.congested
        outbox.event(STDOUT, b"{%06d}\n." % n)
        assert outbox.congested is (n == 3)
    assert len(sent(outbox)) == 4 and not outbox.congested


def test_a_full_pipe_is_gone_on_with_where_it_was() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    outbox, reader = Outbox(), FrameReader()
    lines = [b"%d " % n * 30_000 + b"\n" for n in range(4)]
    for text in lines:
        outbox.text(STDOUT, text)
    frames = []
    while outbox:
        outbox.send(writing)
        frames += reader.feed(os.read(reading, 2**16))
    while len(frames) < len(lines):
        frames += reader.feed(os.read(reading, 2**16))
    assert frames == [(STDOUT, text) for text in lines]
    outbox.text(STDOUT, b"x\n")
    outbox.event(STDOUT, b"{}\n")
    outbox.clear()
    assert not outbox
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        outbox.text(STDOUT, b"x\n")
        outbox.send(writing)
    os.close(writing)


@pytest.mark.parametrize(
    ("lines", "runs"),
    [
        (b"", []),
        (b"text\nmore\n", [(False, b"text\nmore\n")]),
        (b"{}\n \t{1}\n", [(True, b"{}\n \t{1}\n")]),
        (b"a\n{}\n{}\nb\nc\n{}\n", [(False, b"a\n"), (True, b"{}\n{}\n"), (False, b"b\nc\n"), (True, b"{}\n")]),
        (b"x {}\n", [(False, b"x {}\n")]),
        (b"\n{}\n", [(False, b"\n"), (True, b"{}\n")]),
    ],
)
def test_runs_of_events_are_apart_from_other_text(lines: bytes, runs: list[tuple[bool, bytes]]) -> None:
    assert list(split_events(lines)) == runs


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shim_output, "MAX_LINE_BYTES", 10)
    monkeypatch.setattr(shim_output, "MAX_EVENT_LINE_BYTES", 20)


@pytest.mark.parametrize(
    ("output", "lines", "cut", "events_cut", "dropped"),
    [
        (b"one\ntwo\n", b"one\ntwo\n", 0, 0, 0),
        (b"0123456789\n", b"0123456789\n", 0, 0, 0),
        (b"0123456789a\nnext\n", b"0123456789" + CUT + b"next\n", 1, 0, 1),
        (b"{123456789012345678}\n", b"{123456789012345678}\n", 0, 0, 0),
        (b"{1234567890123456789abc}\nnext\n", b"{1234567890123456789" + CUT + b"next\n", 1, 1, 4),
        (b"0123456789" * 4 + b"\n{}\n", b"0123456789" + CUT + b"{}\n", 1, 0, 30),
        (b"no newline", b"no newline\n", 0, 0, 0),
        (b"0123456789" * 3, b"0123456789" + CUT, 1, 0, 20),
    ],
)
@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_a_line_is_cut_at_its_most_however_it_comes(
    short: None, output: bytes, lines: bytes, cut: int, events_cut: int, dropped: int, chunk: int
) -> None:
    buffer = LineBuffer()
    if chunk == 1000:  # one read has at most one line that is too long, its first
        chunk = 7 if len(output) > 25 else 1000
    read = b"".join(buffer.feed(output[at : at + chunk]) for at in range(0, len(output), chunk)) + buffer.finish()
    assert read == lines
    assert (buffer.cut, buffer.events_cut, buffer.dropped_bytes) == (cut, events_cut, dropped)
    assert buffer.finish() == b""


def test_events_and_text_of_a_journal_have_limits_of_their_own(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "journal"), 10)
    for lines, event in ((b"123456789\n", False), (b"x\n", False), (b"{234}\n", True), (b"{12}\n", True), (b"{1}\n", True)):
        journal.write(lines, event=event)
    journal.sync()
    assert (tmp_path / "journal").read_bytes() == b"123456789\n{234}\n{1}\n" and journal.error == ""
    again = Journal(str(tmp_path / "journal"), 10)
    again.write(b"again\n", event=False)
    assert (tmp_path / "journal").read_bytes().endswith(b"{1}\nagain\n")


@pytest.mark.parametrize("at", ["open", "write", "fsync"])
def test_a_journal_that_cannot_be_written_names_the_reason_and_ends_no_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    if at == "open":
        monkeypatch.setattr(shim_output.os, "open", full)
    journal = Journal(str(tmp_path / "journal"), 100)
    if at != "open":
        monkeypatch.setattr(shim_output.os, at, full)
    steps: list[Callable[[], None]] = [lambda: journal.write(b"x\n", event=True), journal.sync]
    for step in steps * 2:
        step()
    assert journal.error == "the journal could not be written: No space left on device"
