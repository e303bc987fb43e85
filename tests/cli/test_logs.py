"""`muster logs`: every line once, however many, until the end."""

import json
from collections.abc import Callable, Iterator

import httpx2
import pytest

from orchestration.models import Entry, Session
from orchestration.sessions.logs import chunks
from tests.cli.terminal import InProcess, Terminal
from tests.factories import CLOSED, a_session, an_entry, ended
from workspaces.models import Workspace

MANY = 100_000


@pytest.fixture
def session(workspace: Workspace) -> Session:
    return a_session(an_entry(workspace))


@pytest.fixture
def writer(session: Session) -> chunks.Writer:
    return chunks.Writer(session, limit=100_000_000)


def write(writer: chunks.Writer, *texts: str) -> None:
    for text in texts:
        writer.add("stdout", text)
        if writer.is_full:
            writer.flush()
    writer.flush()


@pytest.fixture
def while_it_waits(monkeypatch: pytest.MonkeyPatch, muster: Terminal) -> Callable[..., None]:
    """Each wait of a follow does the next of these steps instead. Ctrl-C after the last."""

    def plan(*steps: Callable[[], object]) -> None:
        remaining: Iterator[Callable[[], object]] = iter(steps)

        def wait(_: float) -> None:
            step = next(remaining, None)
            if step is None:
                raise KeyboardInterrupt
            step()

        from muster_cli.commands import logs

        monkeypatch.setattr(logs.time, "sleep", wait)

    return plan


def test_the_newest_session_of_an_entry_is_printed(muster: Terminal, session: Session, writer: chunks.Writer) -> None:
    write(writer, "first", "", "a\u2028b\x0bc", "last")
    assert muster("logs", "1").out == "first\n\na\u2028b\x0bc\nlast\n"
    assert muster("logs", session.pk, "--after", "3").out == "last\n"
    rows = [json.loads(line) for line in muster("logs", session.pk, "-o", "jsonl").out.splitlines()]
    assert [row["seq"] for row in rows] == [1, 2, 3, 4]


def test_many_lines_arrive_whole(muster: Terminal, session: Session, writer: chunks.Writer) -> None:
    write(writer, *(f"line {number}" for number in range(1, MANY + 1)))
    assert muster("logs", session.pk).out.splitlines() == [f"line {number}" for number in range(1, MANY + 1)]


def test_a_follow_ends_with_the_session(
    muster: Terminal, session: Session, writer: chunks.Writer, while_it_waits: Callable[..., None]
) -> None:
    write(writer, "one")

    def last_line() -> None:
        write(writer, "three")
        ended(session)

    while_it_waits(lambda: write(writer, "two"), last_line)
    outcome = muster("logs", session.pk, "-f")
    assert (outcome.code, outcome.out) == (0, "one\ntwo\nthree\n")


def test_an_entry_is_followed_into_its_next_session(
    muster: Terminal, session: Session, writer: chunks.Writer, while_it_waits: Callable[..., None]
) -> None:
    write(writer, "one")

    def next_session() -> None:
        following = a_session(session.entry)
        write(chunks.Writer(following, limit=1000), "two")
        ended(following, outcome="passed")

    while_it_waits(lambda: ended(session), next_session, lambda: Entry.objects.update(**CLOSED))
    outcome = muster("logs", "1", "-f")
    assert (outcome.code, outcome.out) == (0, "one\ntwo\n")


def test_ctrl_c_ends_a_follow_without_a_word(
    muster: Terminal, session: Session, writer: chunks.Writer, while_it_waits: Callable[..., None]
) -> None:
    write(writer, "one")
    while_it_waits()
    outcome = muster("logs", session.pk, "-f")
    assert (outcome.code, outcome.out, outcome.err) == (130, "one\n", "")


def test_a_follow_survives_a_server_that_restarts(
    muster: Terminal,
    session: Session,
    writer: chunks.Writer,
    while_it_waits: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(writer, "one")
    answer = InProcess.handle_request

    def away(*_: object) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    def back() -> None:
        monkeypatch.setattr(InProcess, "handle_request", answer)
        write(writer, "two")
        ended(session)

    while_it_waits(lambda: monkeypatch.setattr(InProcess, "handle_request", away), lambda: None, lambda: None, back)
    outcome = muster("logs", session.pk, "-f")
    assert (outcome.code, outcome.out) == (0, "one\ntwo\n")
    assert outcome.err.splitlines() == [
        "muster: No Muster answers at http://testserver: refused. Trying again.",
        "muster: The server answers again.",
    ]


def test_a_server_that_is_not_there_is_named(muster: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    monkeypatch.setattr(InProcess, "handle_request", away)
    outcome = muster("logs", "1")
    assert (outcome.code, outcome.err) == (1, "muster: No Muster answers at http://testserver: refused\n")


def test_an_entry_without_a_session_has_no_log(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace)
    outcome = muster("logs", "1")
    assert (outcome.code, outcome.err) == (1, "muster: Entry 1 has had no session yet.\n")
