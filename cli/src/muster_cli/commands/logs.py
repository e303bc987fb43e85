"""`logs`: the output of a session or a run."""

import json
import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from muster_cli.entries.log_parts import heading, part_of
from muster_cli.entries.standing import ends_a_follow, reason_code, standing
from muster_cli.entry_names import entry
from muster_cli.errors import Problem, Unreachable
from muster_cli.output import note, printable
from muster_cli.run import Run, command
from muster_cli.sentences.absence import Absence
from muster_cli.server import Request
from muster_client.api.runs import runs_get, runs_log
from muster_client.api.sessions import session_get, session_log
from muster_client.models import RunsLogFormat, SessionLogFormat

NameArgument = Annotated[
    str, typer.Argument(metavar="ENTRY|SESSION|RUN", help="An entry: its newest session.", show_default=False)
]
FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Wait for more, until it has ended or a person must act.")]
AfterOption = Annotated[int, typer.Option("--after", metavar="LINE", min=0, help="Begin after this line.")]

POLL_S = 0.5
PATIENCE_S = 60.0
"""The time that a follow waits for a server that does not answer."""


def logs(run: Run, name: NameArgument, follow: FollowOption = False, after: AfterOption = 0) -> None:
    """Print what an agent wrote. With -f an entry is followed from session to session, until it has ended or a person must act."""
    sources = iter([name]) if name.startswith(("sess_", "run_")) else _sessions(run, name, follow=follow)
    for source in sources:
        part = ""
        for line in _followed(run, source, after) if follow else _lines(run, source, after):
            if (following := part_of(line["stream"], part)) != part and not source.startswith("run_"):
                _head(run, heading(following))
            part = following
            _print(run, line)
        after = 0
    sys.stdout.flush()


def register(app: typer.Typer) -> None:
    command(app, "logs")(logs)


def _sessions(run: Run, name: str, *, follow: bool) -> Iterator[str]:
    """The ids of the entry's sessions to print. At its end a sentence about the entry; a follow has one for each thing that it waits for."""
    row = entry(run, name)
    if not follow and not row["session_ids"]:
        raise Problem(f"Entry {row['seq']} has had no session yet.")
    seen = noted = ""
    while True:
        newest = row["session_ids"][-1] if row["session_ids"] else ""
        if newest and newest != seen:
            seen, noted = newest, ""
            _head(run, f"Entry {row['seq']}, session {newest}")
            yield newest
            row = _as_it_is_now(run, row) if follow else entry(run, row["id"])
            continue
        if ends_a_follow(row) or (not follow and row["status"] == "pending"):
            note(standing(run, row))
            return
        if not follow:
            return
        if (code := reason_code(row)) and code != noted:
            noted = code
            note(standing(run, row))
        sys.stdout.flush()
        time.sleep(POLL_S)
        row = _as_it_is_now(run, row)


def _as_it_is_now(run: Run, row: dict[str, Any]) -> dict[str, Any]:
    """The entry, once the server answers."""
    absence = Absence(PATIENCE_S)
    while True:
        try:
            row = entry(run, row["id"])
            absence.is_over()
            return row
        except Unreachable as problem:
            absence.goes_on(problem)
            time.sleep(POLL_S)


def _lines(run: Run, source: str, after: int) -> Iterator[dict[str, Any]]:
    for text in run.server.lines(_request(run, source, after)):
        if text:
            line: dict[str, Any] = json.loads(text)
            yield line


def _followed(run: Run, source: str, after: int) -> Iterator[dict[str, Any]]:
    """Its lines until it has ended. The state is read before the lines: none comes after the last."""
    absence = Absence(PATIENCE_S)
    while True:
        try:
            has_ended = bool(run.server.call(_state(run, source)).get("ended_at"))
            for line in _lines(run, source, after):
                after = line["seq"]
                yield line
            absence.is_over()
        except Unreachable as problem:
            absence.goes_on(problem)
            has_ended = False
        if has_ended:
            return
        sys.stdout.flush()
        time.sleep(POLL_S)


def _request(run: Run, source: str, after: int) -> Request:
    if source.startswith("run_"):
        return runs_log.request(run.workspace, source, after=after, format_=RunsLogFormat.JSONL)
    return session_log.request(run.workspace, source, after=after, format_=SessionLogFormat.JSONL)


def _state(run: Run, source: str) -> Request:
    return runs_get.request(run.workspace, source) if source.startswith("run_") else session_get.request(run.workspace, source)


def _head(run: Run, title: str) -> None:
    """The beginning of a part, for people."""
    if not run.output.is_for_programs:
        note(f"-- {title}")


def _print(run: Run, line: dict[str, Any]) -> None:
    if run.output.is_for_programs:
        sys.stdout.write(json.dumps(line) + "\n")
    else:
        sys.stdout.write((printable(line["text"]) if sys.stdout.isatty() else line["text"]) + "\n")
