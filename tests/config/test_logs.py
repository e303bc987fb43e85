"""What processes write: a line for people with its traceback below, or one JSON object a line."""

import json
import logging
import logging.config
from collections.abc import Iterator

import pytest
import structlog

from config import logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    yield
    structlog.configure(**before)
    logging.root.handlers[:], logging.root.level = handlers, level


def written(kind: str, capsys: pytest.CaptureFixture[str]) -> str:
    logging.config.dictConfig(logs.configure("INFO", kind))
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger("test").exception("session.crashed", session="sess_1")
    logging.getLogger("library").warning("hello %s", "there")
    return capsys.readouterr().err


def test_a_traceback_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    first, *traceback, library = written("text", capsys).splitlines()
    assert "level='error' event='session.crashed' session='sess_1'" in first
    assert traceback[0].startswith("Traceback") and traceback[-1] == "ValueError: broken"
    assert "event='hello there'" in library


def test_as_json_each_line_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    crashed, library = map(json.loads, written("json", capsys).splitlines())
    assert (crashed["message"], crashed["session"], crashed["level"]) == ("session.crashed", "sess_1", "error")
    assert crashed["exception"].endswith("ValueError: broken")
    assert (library["message"], library["logger"]) == ("hello there", "library")
