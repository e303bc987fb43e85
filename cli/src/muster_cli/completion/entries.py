"""Entries by number, and sessions and runs by id: each with the title of its work."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import typer

from muster_cli.completion.quiet import Candidate, Completion, option, quiet, server, transport
from muster_cli.output import Output
from muster_cli.run import Run
from muster_client.api.executor import executor_get_workers
from muster_client.api.runs import runs_list
from muster_client.api.todo import todo_get

MOST = 1500
Source = Callable[[Run, str], Iterator[Candidate]]


def _completion(*sources: Source) -> Completion:
    @quiet
    def complete(context: typer.Context, incomplete: str) -> Iterator[Candidate]:
        run = Run(option(context, "profile"), option(context, "workspace"), Output(), transport(context))
        run.server = server(context)
        for source in sources:
            yield from source(run, incomplete)

    return complete


def _entries(run: Run, incomplete: str) -> Iterator[Candidate]:
    if incomplete == "" or incomplete.isdigit():
        for row in _rows(run):
            yield str(row["seq"]), _title(row)
    elif incomplete.startswith("e"):
        for row in _rows(run):
            yield row["id"], _title(row)


def _sessions(run: Run, incomplete: str) -> Iterator[Candidate]:
    """All of them, once a person types one: there may be many."""
    if incomplete.startswith("s"):
        for row in _rows(run):
            for key in row["session_ids"]:
                yield key, f"{row['seq']} {_title(row)}"


def _sessions_at_work(run: Run, incomplete: str) -> Iterator[Candidate]:
    if "sess_".startswith(incomplete[:5]):
        for row in run.server.call(executor_get_workers.request(run.workspace))["workers"]:
            yield row["sessionID"], row["phase"]


def _runs(run: Run, incomplete: str) -> Iterator[Candidate]:
    if incomplete.startswith("r"):
        yield from _newest_runs(run, incomplete)


def _newest_runs(run: Run, incomplete: str) -> Iterator[Candidate]:
    for row in run.server.call(runs_list.request(run.workspace))["runs"]:
        yield row["id"], f"{row['role']}: {row['goal'] or row['status']}"


def _rows(run: Run) -> Iterator[dict[str, Any]]:
    """The first entries: a longer list would not be quick."""
    return islice(run.server.pages(todo_get.request(run.workspace), "entries"), MOST)


def _title(row: dict[str, Any]) -> str:
    return str(row["content"]).strip().partition("\n")[0]


entries = _completion(_entries)
runs = _completion(_newest_runs)
entries_and_runs = _completion(_entries, _runs)
at_work = _completion(_entries, _sessions_at_work)
stoppable = _completion(_entries, _sessions_at_work, _runs)
with_logs = _completion(_entries, _sessions, _runs)
