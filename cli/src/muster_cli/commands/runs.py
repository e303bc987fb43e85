"""`plan` and `runs`: agents that propose entries, and what becomes of their proposals."""

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from muster_cli.completion.entries import runs
from muster_cli.confirming import YesOption, confirm
from muster_cli.errors import Problem, Refused, Usage
from muster_cli.output import Column, note, one_line, table, time_of, usd
from muster_cli.run import Run, command
from muster_cli.sentences.counting import counted
from muster_client.api.runs import (
    plan_runs_create,
    runs_apply,
    runs_get,
    runs_list,
    runs_proposals,
    runs_reject,
    runs_stop,
    runs_undo,
)
from muster_client.models import ChoiceIn, PlanIn

GoalArgument = Annotated[str, typer.Argument(metavar="GOAL|FILE|-", help="A text, a file, or stdin.", show_default=False)]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Leave the proposals open.")]
RunArgument = Annotated[
    str | None, typer.Argument(metavar="RUN", help="Its id: its proposals.", show_default=False, autocompletion=runs)
]
ApplyOption = Annotated[bool, typer.Option("--apply", help="Add the entries that it proposes.")]
RejectOption = Annotated[bool, typer.Option("--reject", help="Refuse them.")]
UndoOption = Annotated[bool, typer.Option("--undo", help="Take its entries off the backlog again.")]

POLL_S = 1.0
RUNS: list[Column] = [
    ("RUN", lambda row: row["id"]),
    ("ROLE", lambda row: row["role"]),
    ("STATUS", lambda row: row["status"]),
    ("COST", lambda row: usd(row["cost_usd"])),
    ("REQUESTED", lambda row: time_of(row["requested_at"])),
    ("GOAL", lambda row: row["goal"]),
]
PROPOSALS: list[Column] = [
    ("", lambda row: row["number"]),
    ("KIND", lambda row: row["kind"]),
    ("STATE", lambda row: row["state"]),
    ("ENTRY", lambda row: _proposed(row)),
]


def plan(run: Run, goal: GoalArgument, dry_run: DryRunOption = False, yes: YesOption = False) -> None:
    """Ask the planner for entries, and you before they are added. Ctrl-C stops the run."""
    if goal == "-" and not (yes or dry_run):
        raise Usage("With - this needs --yes or --dry-run.")
    created = run.server.call(plan_runs_create.request(run.workspace, body=PlanIn(_goal(goal))))
    note(f"Run {created['id']} is planning.")
    try:
        ended = _wait(run, created["id"])
    except KeyboardInterrupt:
        _stop(run, created["id"])
        raise
    rows = _proposals(run, created["id"])
    if not rows:
        raise Problem(f"Run {created['id']} proposes nothing: {ended['stop_reason'] or ', '.join(map(str, ended['problems']))}")
    if dry_run:
        run.output.show({"run": ended, "proposals": rows}, rows, lambda: table(rows, PROPOSALS, empty=""))
        return
    for line in [] if yes else table(rows, PROPOSALS, empty=""):
        note(line)
    confirm(f"Cost so far {usd(ended['cost_usd'])}. Add these entries?", yes=yes)
    _apply(run, created["id"])


def list_runs(
    run: Run, name: RunArgument = None, apply: ApplyOption = False, reject: RejectOption = False, undo: UndoOption = False
) -> None:
    """List runs, or show the proposals of one and decide about them."""
    if apply + reject + undo > 1 or (name is None and apply + reject + undo):
        raise Usage("Name a run, and one of --apply, --reject and --undo.")
    if name is None:
        rows = list(run.server.pages(runs_list.request(run.workspace), "runs"))
        run.output.show({"runs": rows}, rows, lambda: table(rows, RUNS, empty="No runs."))
    elif apply:
        _apply(run, name)
    else:
        if reject:
            rows = run.server.call(runs_reject.request(run.workspace, name, body=ChoiceIn()))["proposals"]
        elif undo:
            rows = run.server.call(runs_undo.request(run.workspace, name))["proposals"]
        else:
            rows = _proposals(run, name)
        run.output.show({"proposals": rows}, rows, lambda: table(rows, PROPOSALS, empty="No proposals."))


def register(app: typer.Typer) -> None:
    command(app, "plan")(plan)
    command(app, "runs", refreshes=True)(list_runs)


def _goal(goal: str) -> str:
    if goal == "-":
        return sys.stdin.read().strip()
    try:
        is_file = Path(goal).is_file()
    except (OSError, ValueError):  # too long for a name
        is_file = False
    return Path(goal).read_text(encoding="utf-8") if is_file else goal


def _wait(run: Run, key: str) -> dict[str, Any]:
    while True:
        row: dict[str, Any] = run.server.call(runs_get.request(run.workspace, key))
        if row["ended_at"]:
            return row
        time.sleep(POLL_S)


def _stop(run: Run, key: str) -> None:
    with suppress(Refused):  # it has just ended
        run.server.call(runs_stop.request(run.workspace, key))
    note(f"Stopped run {key}.")


def _proposals(run: Run, key: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = run.server.call(runs_proposals.request(run.workspace, key))["proposals"]
    return rows


def _apply(run: Run, key: str) -> None:
    document = run.server.call(runs_apply.request(run.workspace, key, body=ChoiceIn()))
    sentence = f"Added {counted(len(document['applied']), 'entry', 'entries')}"
    if document["outdated"]:
        sentence += f", {len(document['outdated'])} outdated"
    run.output.show(document, None, lambda: [f"{sentence}."])


def _proposed(row: dict[str, Any]) -> str:
    text = row["entry"].get("content") if isinstance(row["entry"], dict) else None
    return one_line(text or row["reason"] or row["note"] or row["subject_id"])
