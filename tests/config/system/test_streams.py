"""With JSON logs each line of a process is one record: what libraries print, and an error that ends it or one of its threads."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest

from config.system import streams

Records = Callable[[], list[dict[str, Any]]]


@contextmanager
def json_lines() -> Iterator[Records]:
    """Installs them for a while. Gives what reads the records on stderr since. No fixture: pytest sets its own streams before a test's body."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("stdout", "stderr", "__stdout__", "__stderr__"):
            patch.setattr(sys, name, StringIO())
        for module in (sys, threading):
            patch.setattr(module, "excepthook", module.excepthook)
        patch.setenv("MUSTER_LOG_FORMAT", "json")
        written = sys.stderr
        assert streams.install() and isinstance(written, StringIO)

        def read() -> list[dict[str, Any]]:
            lines = written.getvalue().splitlines()
            written.seek(0)
            written.truncate()
            return [{key: value for key, value in json.loads(line).items() if key != "timestamp"} for line in lines]

        yield read


def ends(error: BaseException, begun: str = "") -> None:
    def work() -> None:
        print(begun, end="", file=sys.stderr)
        raise error

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_an_error_that_ends_a_thread_is_one_critical_record_after_the_line_that_it_began() -> None:
    with json_lines() as records:
        ends(ZeroDivisionError("by\nzero"), "begun")
        begun, error = records()
        assert begun == {"level": "warning", "message": "begun"}
        trace = error.pop("exception")
        assert error == {"level": "critical", "message": "ZeroDivisionError: by\nzero"}
        assert trace.startswith("Traceback") and "in work" in trace and trace.endswith("ZeroDivisionError: by\nzero\n")


def test_an_error_that_ends_the_process_is_one_critical_record() -> None:
    with json_lines() as records:
        sys.excepthook(ValueError, ValueError("the end"), None)
        assert records() == [{"level": "critical", "message": "ValueError: the end", "exception": "ValueError: the end\n"}]


def test_a_thread_that_exits_by_itself_is_no_error() -> None:
    with json_lines() as records:
        ends(SystemExit(3))
        assert records() == []


def test_a_line_is_a_record_however_it_is_cut_and_an_object_stays() -> None:
    with json_lines() as records:
        for text in ("a ban", "ner  \n\n \n", '{"level": "error", "message": "own"}\n{broken\n[1]\n', "not yet"):
            assert sys.stderr.write(text) == len(text)
        warnings = [{"level": "warning", "message": message} for message in ("a banner", "{broken", "[1]")]
        assert records() == [warnings[0], {"level": "error", "message": "own"}, *warnings[1:]]


def test_lines_of_threads_do_not_mix() -> None:
    with json_lines() as records:
        sys.stderr.write("mine ")
        thread = threading.Thread(target=sys.stderr.write, args=("theirs\n",))
        thread.start()
        thread.join()
        sys.stderr.write("too\n")
        assert [line["message"] for line in records()] == ["theirs", "mine too"]


def test_what_is_printed_is_information_at_once_and_in_its_own_letters() -> None:
    with json_lines() as records:
        assert (sys.__stdout__, sys.__stderr__) == (sys.stdout, sys.stderr) and records() == []
        printed = sys.stdout._stream  # type: ignore[attr-defined]
        seen: list[str] = []
        printed.flush = lambda: seen.append(printed.getvalue())
        print("Größe")
        [line] = seen
        assert "Größe" in line and json.loads(line)["level"] == "info"
        assert (sys.stdout.isatty(), sys.stdout.writable(), sys.stdout.encoding) == (False, True, "utf-8")


def test_a_line_of_a_signals_handler_goes_past_the_streams(capfd: pytest.CaptureFixture[str]) -> None:
    streams.write_at_once(" stopping\n", 15, None)
    out, err = capfd.readouterr()
    line = json.loads(err)
    assert (out, err.count("\n"), line.pop("timestamp")[-1], line) == ("", 1, "Z", {"level": "info", "message": "stopping"})


def test_a_copy_of_a_process_installs_nothing_anew() -> None:
    with json_lines():
        before = (sys.stdout, sys.stderr, sys.excepthook, threading.excepthook)
        assert streams.install() and (sys.stdout, sys.stderr, sys.excepthook, threading.excepthook) == before


def test_as_text_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = (sys.stdout, sys.stderr, sys.excepthook, threading.excepthook)
    monkeypatch.setenv("MUSTER_LOG_FORMAT", "text")
    assert not streams.install() and (sys.stdout, sys.stderr, sys.excepthook, threading.excepthook) == before
