"""`logs`: the output of a session or a run."""

import json
import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from muster_cli.completion.entries import with_logs
from muster_cli.entries.log_lines import Log
from muster_cli.entries.log_parts import heading, part_of
from muster_cli.entries.standing import ends_a_follow, reason_code, standing
from muster_cli.entry_names import entry
from muster_cli.errors import Problem, Unreachable, Usage
from muster_cli.output import note, write
from muster_cli.run import Run, command
from muster_cli.sentences.absence import Absence

NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="ENTRY|SESSION|RUN", help="An entry: its newest session.", show_default=False, autocompletion=with_logs
    ),
]
FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Wait for more, until it has ended or a person must act.")]
AfterOption = Annotated[int, typer.Option("--after", metavar="LINE", min=0, help="Begin after this line.")]
RawOption = Annotated[
    bool,
    typer.Option(
        "--raw", help="Each line as it was written, not as a sentence, and in a pipe with its control characters; so with JSON."
    ),
]
ExitOption = Annotated[
    bool,
    typer.Option(
        "--exit-status", help="With -f: exit code 1 where the entry failed or is blocked, or the session or run did not pass."
    ),
]

POLL_S = 0.5
PATIENCE_S = 60.0
"""The time that a follow waits for a server that does not answer."""


def logs(
    run: Run,
    name: NameArgument,
    follow: FollowOption = False,
    after: AfterOption = 0,
    raw: RawOption = False,
    exit_status: ExitOption = False,
) -> None:
    """Print what an agent wrote, in sentences. With -f an entry is followed from session to session, until it has ended or a person must act."""
    if exit_status and not follow:
        raise Usage("--exit-status needs -f.")
    sources = iter([name]) if name.startswith(("sess_", "run_")) else _sessions(run, name, follow=follow)
    for source in sources:
        part, log = "", Log(run, source, with_sentences=not (raw or run.output.is_for_programs))
        for line in _followed(log, after) if follow else log.lines(after):
            if (following := part_of(line["stream"], part)) != part and not log.is_of_run:
                _head(run, heading(following))
            part = following
            _print(run, line, raw=raw)
        after = 0
    sys.stdout.flush()
    if exit_status and not _is_well(run, name):
        raise typer.Exit(Problem.code)


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


def _is_well(run: Run, name: str) -> bool:
    """True if it passed, or is an entry that neither failed nor is blocked: a decision of a person may be all that it lacks."""
    if name.startswith(("sess_", "run_")):
        return bool(Log(run, name, with_sentences=False).state()["status"] == "passed")
    return entry(run, name)["status"] not in ("failed", "blocked")


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


def _followed(log: Log, after: int) -> Iterator[dict[str, Any]]:
    """Its lines until it has ended. The state is read before the lines: none comes after the last."""
    absence = Absence(PATIENCE_S)
    while True:
        try:
            has_ended = bool(log.state().get("ended_at"))
            for line in log.lines(after):
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


def _head(run: Run, title: str) -> None:
    """The beginning of a part, for people."""
    if not run.output.is_for_programs:
        note(f"-- {title}")


def _print(run: Run, line: dict[str, Any], *, raw: bool) -> None:
    if run.output.is_for_programs:
        sys.stdout.write(json.dumps(line) + "\n")
    else:
        write(line["text"], as_it_is=raw)
