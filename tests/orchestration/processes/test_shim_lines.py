"""Lines of an agent's output: answers of some megabytes arrive whole, and what is cut is counted by what it may have said."""

import pytest

from orchestration.processes.shim.shim_output import CUT, MAX_EVENT_LINE_BYTES, MAX_LINE_BYTES, LineBuffer

CHUNK = 65_536
MB = 1_000_000


def read(output: bytes) -> tuple[bytes, LineBuffer]:
    buffer = LineBuffer()
    lines = b"".join(buffer.feed(output[at : at + CHUNK]) for at in range(0, len(output), CHUNK))
    return lines + buffer.finish(), buffer


@pytest.mark.parametrize("indent", [b"", b"  "])
def test_an_answer_of_three_megabytes_is_one_whole_line(indent: bytes) -> None:
    line = indent + b'{"type": "result", "summary": "' + b"x" * 3 * MB + b'", "cost_usd": 0.4}\n'
    lines, buffer = read(line + b"after\n")
    assert lines == line + b"after\n" and (buffer.cut, buffer.events_cut, buffer.dropped_bytes) == (0, 0, 0)


def test_an_event_that_is_too_long_counts_as_one_whose_cost_is_unknown() -> None:
    lines, buffer = read(b'{"x": "' + b"x" * 9 * MB + b'"}\nafter\n')
    assert lines.endswith(CUT + b"after\n") and len(lines) == MAX_EVENT_LINE_BYTES + len(CUT) + len(b"after\n")
    assert (buffer.cut, buffer.events_cut) == (1, 1)


def test_text_that_is_too_long_costs_nothing() -> None:
    lines, buffer = read(b"x" * 3 * MB + b"\nafter\n")
    assert lines == b"x" * MAX_LINE_BYTES + CUT + b"after\n"
    assert (buffer.cut, buffer.events_cut) == (1, 0)
