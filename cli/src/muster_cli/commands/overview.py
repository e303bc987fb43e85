"""`status`, `entries` and `why`: how things are."""

from typing import Annotated, Any, Literal

import typer

from muster_cli.entry_names import EntryArgument, entry, title
from muster_cli.output import Column, table, usd
from muster_cli.run import Run, command
from muster_client.api.budget import budget_get_status
from muster_client.api.executor import executor_explain, executor_get_status, executor_get_workers
from muster_client.api.landing import approvals_get, landing_get
from muster_client.api.todo import todo_get, todo_questions_unanswered
from muster_client.models import TodoGetStatusType0
from muster_client.types import UNSET

Status = Literal["pending", "in_progress", "blocked", "done", "failed"]
OptionalEntry = Annotated[
    str | None, typer.Argument(metavar="ENTRY", help="Its number or its id: all of it.", show_default=False)
]
StatusOption = Annotated[Status | None, typer.Option("--status", help="Only these.", show_default=False)]
ReasonOption = Annotated[str | None, typer.Option("--reason", metavar="CODE", help="Only those that wait for it.")]
SearchOption = Annotated[str | None, typer.Option("--search", "-q", metavar="WORDS", help="Only those with these words.")]

ENTRY_COLUMNS: list[Column] = [
    ("#", lambda row: row["seq"]),
    ("STATUS", lambda row: row["status"]),
    ("PRIORITY", lambda row: row["priority"]),
    ("SPENT", lambda row: usd(row["spent_usd"])),
    ("BUDGET", lambda row: usd(row["budget_usd"])),
    ("WAITS FOR", lambda row: ", ".join(reason["code"] for reason in row["reasons"])),
    ("ENTRY", title),
]


def status(run: Run) -> None:
    """Show the executor, its sessions, and what waits for a person."""
    server, workspace = run.server, run.workspace
    document = {
        "workspace": workspace,
        "executor": server.call(executor_get_status.request(workspace)),
        "workers": server.call(executor_get_workers.request(workspace))["workers"],
        "approvals": server.call(approvals_get.request(workspace))["approvals"],
        "questions": server.call(todo_questions_unanswered.request(workspace))["questions"],
        "landing": server.call(landing_get.request(workspace)),
        "budget": server.call(budget_get_status.request(workspace))["global"],
    }
    run.output.show(document, None, lambda: _status_lines(document))


def list_entries(
    run: Run, name: OptionalEntry = None, status: StatusOption = None, reason: ReasonOption = None, search: SearchOption = None
) -> None:
    """List the backlog, or show one entry."""
    if name is not None:
        row = entry(run, name)
        run.output.show(row, None, lambda: _entry_lines(row))
        return
    chosen = TodoGetStatusType0(status) if status else UNSET
    request = todo_get.request(run.workspace, status=chosen, reason=reason or UNSET, q=search or UNSET)
    rows = list(run.server.pages(request, "entries"))
    empty = "No entry is like this." if status or reason or search else 'No entries yet: muster add "The task"'
    run.output.show({"entries": rows}, rows, lambda: table(rows, ENTRY_COLUMNS, empty=empty))


def why(run: Run, name: EntryArgument) -> None:
    """Explain why an entry waits: every check of the scheduler, with what it saw and what it needs."""
    row = entry(run, name)
    explained = run.server.pages(executor_explain.request(run.workspace), "entries")
    document = next((each for each in explained if each["entry_id"] == row["id"]), None)
    document = document or {"entry_id": row["id"], "why": None, "checks": []}
    run.output.show(document, None, lambda: _why_lines(row, document))


def register(app: typer.Typer) -> None:
    command(app, "status", refreshes=True)(status)
    command(app, "entries", refreshes=True)(list_entries)
    command(app, "why", refreshes=True)(why)


def _status_lines(document: dict[str, Any]) -> list[str]:
    money, landing = document["budget"], document["landing"]
    lines = [
        f"Executor: {document['executor']['state']}, {document['executor']['activeWorkers']} sessions at work",
        f"Budget: {usd(money['total_spent_usd'])} spent of {usd(money['max_project_spend_usd'])}",
        f"Landing: {landing['branch']} is {landing['state']}" + (f": {landing['message']}" if landing["message"] else ""),
    ]
    columns: list[Column] = [
        ("SESSION", lambda row: row["sessionID"]),
        ("ENTRY", lambda row: row["entryID"]),
        ("PHASE", lambda row: row["phase"]),
        ("STATUS", lambda row: row["status"]),
    ]
    if document["workers"]:
        lines += ["", *table(document["workers"], columns, empty="")]
    for row in document["approvals"]:
        lines.append(f"Entry {row['seq']} waits for approval: muster approve {row['seq']}")
    for row in document["questions"]:
        lines.append(f"Entry {row['seq']} asks: muster answer {row['id']}")
    return lines


def _entry_lines(row: dict[str, Any]) -> list[str]:
    return [
        f"Entry {row['seq']} ({row['id']}): {row['status']}.{_origin(row)}",
        f"Spent {usd(row['spent_usd'])} of {usd(row['budget_usd'])}, priority {row['priority']}",
        f"{row['rounds_completed']} of {row['budget_rounds']} rounds",
        *(f"{reason['code']}: {reason['message']}" for reason in row["reasons"]),
        "",
        *str(row["content"]).splitlines(),
    ]


def _why_lines(row: dict[str, Any], document: dict[str, Any]) -> list[str]:
    columns: list[Column] = [
        ("", lambda check: "ok" if check["passed"] else "waits"),
        ("CHECK", lambda check: check["code"]),
        ("OBSERVED", lambda check: check["observed"]),
        ("NEEDED", lambda check: check["needed"]),
        ("", lambda check: check["message"]),
    ]
    head = f"Entry {row['seq']} is {row['status']}."
    if document["why"]:
        head += f" {document['why']}"
    head += _origin(row)
    return [head, *(table(document["checks"], columns, empty="") if document["checks"] else [])]


def _origin(row: dict[str, Any]) -> str:
    """A sentence about the trigger that added the entry by itself; empty: a person or a program did."""
    name = (row["created_by"] or "").partition("trigger:")[2]
    return f" The trigger {name} added it: muster triggers." if name else ""
