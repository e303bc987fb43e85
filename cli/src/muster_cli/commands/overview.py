"""`status`, `entries` and `why`: how things are."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import typer

from muster_cli.completion.entries import entries
from muster_cli.entries.standing import next_command, reason_code, standing, words
from muster_cli.entry_names import EntryArgument, absent, checked, entry, title
from muster_cli.errors import Refused
from muster_cli.output import Column, table, usd
from muster_cli.run import Run, command
from muster_cli.server import UNKNOWN_CALL
from muster_client.api.budget import budget_get_status
from muster_client.api.executor import executor_explain, executor_get_status, executor_get_workers, executor_summary
from muster_client.api.landing import approvals_get, landing_get
from muster_client.api.todo import todo_entry_rounds_get, todo_get, todo_questions_unanswered
from muster_client.models import TodoGetStatusType0
from muster_client.types import UNSET

Status = Literal["pending", "in_progress", "blocked", "done", "failed"]
OptionalEntry = Annotated[
    str | None,
    typer.Argument(metavar="ENTRY", help="Its number or its id: all of it.", show_default=False, autocompletion=entries),
]
StatusOption = Annotated[Status | None, typer.Option("--status", help="Only these.", show_default=False)]
ReasonOption = Annotated[str | None, typer.Option("--reason", metavar="CODE", help="Only those that wait for it.")]
SearchOption = Annotated[str | None, typer.Option("--search", "-q", metavar="WORDS", help="Only those with these words.")]
FilterOption = Annotated[
    str | None,
    typer.Option("--filter", "-f", metavar="SEARCH", help="Only those of this search, as on the page: 'spent:>5 by:ana'."),
]
SortOption = Annotated[
    str | None,
    typer.Option(
        "--sort",
        metavar="ORDER",
        help="-cost (most expensive first), budget, left, rounds, score, priority, updated, open or seq.",
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="The checks that let it pass too.")]

ENTRY_COLUMNS: list[Column] = [
    ("#", lambda row: row["seq"]),
    ("STATUS", lambda row: row["status"]),
    ("PRIORITY", lambda row: row["priority"]),
    ("SPENT", lambda row: usd(row["spent_usd"])),
    ("BUDGET", lambda row: usd(row["budget_usd"])),
    ("WAITS FOR", reason_code),
    ("ENTRY", title),
]
PASSED = {
    "pending": "status",
    "dependencies_pending": "dependencies",
    "split_asked": "splitting",
    "waiting_for_answer": "questions",
    "rounds_exhausted": "rounds",
    "budget_exceeded": "its budget",
    "executor_running": "executor",
    "no_worker_online": "session workers",
    "no_host_fits": "host",
    "repository_unavailable": "repository",
    "agent_unavailable": "agent's provider",
    "integration_red": "integration branch",
    "project_budget_exceeded": "workspace's money",
    "files_locked": "files",
    "concurrency_limit": "room to work",
}
"""The name of a check that lets an entry pass, by the code that it has when it does not."""


def status(run: Run) -> None:
    """Show the executor, its sessions, and what waits for a person."""
    document = {"workspace": run.workspace, **_summary(run)}
    run.output.show(document, None, lambda: _status_lines(run, document))


def list_entries(
    run: Run,
    name: OptionalEntry = None,
    status: StatusOption = None,
    reason: ReasonOption = None,
    search: SearchOption = None,
    filter_: FilterOption = None,
    sort: SortOption = None,
) -> None:
    """List the backlog, or show one entry."""
    if name is not None:
        row = entry(run, name)
        run.output.show(row, None, lambda: _entry_lines(run, row))
        return
    chosen = TodoGetStatusType0(status) if status else UNSET
    request = todo_get.request(
        run.workspace, status=chosen, reason=reason or UNSET, q=search or UNSET, search=filter_ or UNSET, sort=sort or UNSET
    )
    rows = list(run.server.pages(request, "entries"))
    empty = "No entry is like this." if status or reason or search or filter_ else 'No entries yet: muster add "The task"'
    run.output.show({"entries": rows}, rows, lambda: table(rows, ENTRY_COLUMNS, empty=empty))


def why(run: Run, name: EntryArgument, all_: AllOption = False) -> None:
    """Explain why an entry waits: what to do, and each check of the scheduler that keeps it, with what it saw and what it needs."""
    row, explained = _explained(run, name)
    document = next((each for each in explained if each["entry_id"] == row["id"]), None)
    document = document or {"entry_id": row["id"], "why": None, "checks": []}
    run.output.show(document, None, lambda: _why_lines(run, row, document, with_all=all_))


def _summary(run: Run) -> dict[str, Any]:
    """In one call where the server has it."""
    try:
        answer: dict[str, Any] = run.server.call(executor_summary.request(run.workspace))
    except Refused as refusal:
        if refusal.status not in UNKNOWN_CALL:
            raise
        return _summary_of_older(run)
    return answer


def _summary_of_older(run: Run) -> dict[str, Any]:
    """The same from a server that has no summary, without the numbers of entries."""
    server, workspace = run.server, run.workspace
    workers = server.call(executor_get_workers.request(workspace))["workers"]
    rows = server.pages(todo_get.request(workspace, status=TodoGetStatusType0.IN_PROGRESS), "entries") if workers else ()
    entries = {row["id"]: {"seq": row["seq"], "title": title(row)} for row in rows}
    approvals = server.call(approvals_get.request(workspace))["approvals"]
    questions = list(server.pages(todo_questions_unanswered.request(workspace), "questions"))
    return {
        "executor": server.call(executor_get_status.request(workspace)),
        "workers": [worker | entries.get(worker["entryID"], {"seq": 0, "title": worker["entryID"]}) for worker in workers],
        "approvals": approvals,
        "approvals_total": len(approvals),
        "questions": questions,
        "questions_total": len(questions),
        "landing": server.call(landing_get.request(workspace)),
        "budget": server.call(budget_get_status.request(workspace))["global"],
    }


def _explained(run: Run, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The entry and its checks, in one call where the server has that."""
    named = checked(name)
    try:
        answer = run.server.call(executor_explain.request(run.workspace, entry=named))
    except Refused as refusal:
        if refusal.status == 404 and not named.startswith("entry_"):
            raise absent(named) from None
        if refusal.status != 400:
            raise
        # an older server refuses a parameter that it does not know
        return entry(run, name), list(run.server.pages(executor_explain.request(run.workspace), "entries"))
    return answer["entry"], answer["entries"]


def register(app: typer.Typer) -> None:
    command(app, "status", refreshes=True)(status)
    command(app, "entries", refreshes=True)(list_entries)
    command(app, "why", refreshes=True)(why)


def _status_lines(run: Run, document: dict[str, Any]) -> list[str]:
    money, landing = document["budget"], document["landing"]
    lines = [
        f"Executor: {document['executor']['state']}, {document['executor']['activeWorkers']} sessions at work",
        f"Budget: {usd(money['total_spent_usd'])} spent of {usd(money['max_project_spend_usd'])}",
        f"Landing: {landing['branch']} is {landing['state']}" + (f": {landing['message']}" if landing["message"] else ""),
        *_stuck_lines(run, document["executor"]),
    ]
    if document["workers"]:
        columns: list[Column] = [
            ("SESSION", lambda row: row["sessionID"]),
            ("PHASE", lambda row: row["phase"]),
            ("STATUS", lambda row: row["status"]),
            ("ENTRY", lambda row: f"#{row['seq']} {row['title']}" if row["seq"] else row["title"]),
        ]
        lines += ["", *table(document["workers"], columns, empty="")]
    for row in document["approvals"]:
        lines.append(f"Entry {row['seq']} waits for approval: muster approve {row['seq']}")
    if further := document["approvals_total"] - len(document["approvals"]):
        lines.append(f"{further} more for approval: muster approve")
    for row in document["questions"]:
        lines.append(f"Entry {row['seq']} asks: muster answer {row['id']}")
    if further := document["questions_total"] - len(document["questions"]):
        lines.append(f"{further} more with a question: muster answer")
    return lines


def _stuck_lines(run: Run, executor: dict[str, Any]) -> Iterator[str]:
    """A line for the entries of each status that a person may have to move."""
    state = executor["state"]
    if "entries" not in executor:
        yield from _stuck_lines_of_older(run, state)
        return
    for status in ("blocked", "failed", "pending"):
        alike = [row for row in executor["entries"] if row["status"] == status]
        number = sum(row["number"] for row in alike)
        reasons = ", ".join(words(row["reason"]) for row in alike if row["reason"]) if status != "pending" else ""
        next_ = "start" if status == "pending" and state != "running" else f"entries --status {status}"
        if number:
            yield f"{number} {status}{f' ({reasons})' if reasons else ''}: muster {next_}"


def _stuck_lines_of_older(run: Run, state: str) -> Iterator[str]:
    """The same, from a server that does not count them."""
    for status in (TodoGetStatusType0.BLOCKED, TodoGetStatusType0.FAILED):
        rows = list(run.server.pages(todo_get.request(run.workspace, status=status), "entries"))
        reasons = ", ".join(dict.fromkeys(words(reason_code(row)) for row in rows if row["reasons"]))
        if rows:
            yield f"{len(rows)} {status}{f' ({reasons})' if reasons else ''}: muster entries --status {status}"
    pending = run.server.call(todo_get.request(run.workspace, status=TodoGetStatusType0.PENDING))
    if number := len(pending["entries"]):
        command = "entries --status pending" if state == "running" else "start"
        yield f"{number}{' or more' if pending['next_cursor'] else ''} pending: muster {command}"


def _entry_lines(run: Run, row: dict[str, Any]) -> list[str]:
    command = next_command(run, row)
    reasons = dict.fromkeys(f"{reason['code']}: {reason['message']}" for reason in row["reasons"])
    return [
        f"Entry {row['seq']} ({row['id']}): {row['status']}.{_origin(row)}",
        *([standing(run, row)] if row["status"] == "done" else []),
        f"Spent {usd(row['spent_usd'])} of {usd(row['budget_usd'])}, priority {row['priority']}",
        f"{row['rounds_completed']} of {row['budget_rounds']} rounds",
        *(_verdict_lines(run, row) if row["status"] in ("blocked", "failed") else []),
        *reasons,
        *([f"Next: {command}"] if command else []),
        "",
        *str(row["content"]).splitlines(),
    ]


def _verdict_lines(run: Run, row: dict[str, Any]) -> list[str]:
    """The verdict of its last round, with its first finding."""
    rounds = [
        each for each in run.server.pages(todo_entry_rounds_get.request(run.workspace, row["id"]), "rounds") if each["verdict"]
    ]
    if not rounds:
        return []
    last = rounds[-1]
    finding = next(iter(last["findings"]), "")
    return [f"Round {last['number']}: {words(last['verdict'])}" + (f": {finding}" if finding else "")]


def _why_lines(run: Run, row: dict[str, Any], document: dict[str, Any], *, with_all: bool) -> list[str]:
    columns: list[Column] = [
        ("", lambda check: "ok" if check["passed"] else "waits"),
        ("CHECK", lambda check: PASSED.get(check["code"], words(check["code"])) if check["passed"] else check["code"]),
        ("OBSERVED", lambda check: check["observed"]),
        ("NEEDED", lambda check: check["needed"]),
    ]
    failed = [check for check in document["checks"] if not check["passed"]]
    rows = document["checks"] if with_all else failed
    messages = dict.fromkeys(check["message"] for check in failed if check["message"])
    also = [f"It waits for this too: {message}" for message in list(messages)[1:]] if row["status"] == "pending" else []
    return [standing(run, row) + _origin(row), *also, *(["", *table(rows, columns, empty="")] if rows else [])]


def _origin(row: dict[str, Any]) -> str:
    """A sentence about the trigger that added the entry by itself; empty: a person or a program did."""
    name = (row["created_by"] or "").partition("trigger:")[2]
    return f" The trigger {name} added it: muster triggers." if name else ""
