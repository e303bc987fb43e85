"""A command beside a first start waits for the database, for as long as somebody prepares it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError

from config import prepared


class Start:
    """The clock, the migrations that are missing at each look, and whether `up` works."""

    def __init__(self) -> None:
        self.now, self.is_up, self.serves = 0.0, False, False
        self.lacking: Callable[[float], int] = lambda now: 0

    def look(self) -> int:
        return self.lacking(self.now)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Iterator[Start]:
    start = Start()
    settings.DATA_DIR = tmp_path
    (tmp_path / "bootstrapped").touch()
    monkeypatch.setattr(prepared.time, "monotonic", lambda: start.now)
    monkeypatch.setattr(prepared.time, "sleep", lambda seconds: setattr(start, "now", start.now + seconds))
    monkeypatch.setattr(prepared.problems, "lacking", start.look)
    monkeypatch.setattr(prepared.hosts, "is_taken", lambda folder: folder == tmp_path and start.is_up)
    monkeypatch.setattr(prepared, "_serves", lambda: start.serves)
    return start


def refusal() -> str:
    with pytest.raises(SystemExit) as ended:
        prepared.wait()
    return str(ended.value.code)


def test_a_prepared_database_is_not_waited_for(start: Start) -> None:
    prepared.wait()
    assert start.now == 0


def test_alone_it_gives_up_after_three_seconds_without_a_step(start: Start) -> None:
    start.lacking = lambda now: 5
    assert refusal() == prepared.ABSENT and prepared.ALONE_S < start.now < prepared.ALONE_S + 1
    start.now = 0.0
    start.lacking = lambda now: max(20 - int(now), 0)  # a migration each second, elsewhere
    prepared.wait()
    assert 19 < start.now < 21


def test_during_up_it_waits_for_two_minutes_and_names_the_logs(
    start: Start, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    start.is_up, start.lacking = True, lambda now: 5
    assert str(tmp_path / "logs") in refusal() and prepared.UP_S < start.now < prepared.UP_S + 1
    assert capsys.readouterr().err.count(prepared.STARTS) == 1, "it reports once"


def test_an_older_up_at_work_is_named_at_once(start: Start) -> None:
    start.lacking, start.is_up, start.serves = lambda now: 1, True, True
    assert (refusal(), start.now) == (prepared.OTHER, 0.0)


def test_during_a_first_up_it_waits_for_the_owner_too(start: Start, tmp_path: Path) -> None:
    (tmp_path / "bootstrapped").unlink()
    prepared.wait()
    start.is_up = True
    assert "is not done" in refusal()


def test_a_database_that_does_not_answer_is_named(start: Start) -> None:
    def fail(now: float) -> int:
        raise DatabaseError("database is locked\nmore")

    start.lacking = fail
    assert refusal() == prepared.SILENT.format(problem="database is locked")


@pytest.mark.parametrize(
    ("arguments", "is_up", "waits"),
    [
        (["shell"], False, True),
        (["doctor"], False, False),
        (["restore", "b.tar"], True, False),
        ([], False, False),
        (["ledger", "--help"], False, False),
        (["--traceback", "ledger"], False, True),
        (["migrate"], False, False),
        (["migrate"], True, True),
        (["upgrade"], False, False),
        (["upgrade"], True, True),
    ],
)
def test_only_commands_that_need_the_database_wait(
    start: Start, monkeypatch: pytest.MonkeyPatch, arguments: list[str], is_up: bool, waits: bool
) -> None:
    waited: list[int] = []
    monkeypatch.setattr(prepared, "wait", lambda: waited.append(1))
    start.is_up = is_up
    prepared.wait_for(arguments)
    assert bool(waited) is waits
