"""`budget`: what is spent, and what may be."""

from typing import Annotated, Any

import typer

from muster_cli.completion.entries import entries
from muster_cli.entry_names import entry, title
from muster_cli.errors import Usage
from muster_cli.output import Column, table, usd
from muster_cli.run import Run, command
from muster_cli.sentences.next_steps import note_cap
from muster_client.api.budget import budget_edit, budget_get_status, budget_lock, budget_update_global
from muster_client.api.todo import todo_entry_rounds, todo_get
from muster_client.models import EntryBudgetChange, GlobalBudgetChange, RoundsIn

NameArgument = Annotated[
    str | None, typer.Argument(metavar="ENTRY", help="Its number or its id.", show_default=False, autocompletion=entries)
]
AmountArgument = Annotated[float | None, typer.Argument(metavar="USD", min=0, help="Its budget from now on.", show_default=False)]
CapOption = Annotated[float | None, typer.Option("--cap", metavar="USD", min=0, help="The workspace's hard cap from now on.")]
RoundsOption = Annotated[int | None, typer.Option("--rounds", metavar="N", min=1, help="The rounds that it may make in all.")]
LockOption = Annotated[
    bool | None, typer.Option("--lock/--unlock", help="Keep the entry's budget, or let it be shared out again.")
]


def budget(
    run: Run,
    name: NameArgument = None,
    amount: AmountArgument = None,
    cap: CapOption = None,
    lock: LockOption = None,
    rounds: RoundsOption = None,
) -> None:
    """Show spend and budgets. With amounts: change the budget or the rounds of an entry, or the cap."""
    if cap is not None:
        if name is not None:
            raise Usage("--cap is of the workspace: name no entry.")
        document = run.server.call(budget_update_global.request(run.workspace, body=GlobalBudgetChange(cap)))
        run.output.show(document, None, lambda: _global_lines(document))
    elif name is None:
        if lock is not None or rounds is not None:
            raise Usage("--lock, --unlock and --rounds need an entry.")
        _show_all(run)
    else:
        _change(run, entry(run, name), amount, lock, rounds)
        row = entry(run, name)
        _show_entry(run, row)
        if amount is not None:
            note_cap(run, [row])


def register(app: typer.Typer) -> None:
    command(app, "budget", refreshes=True)(budget)


def _show_all(run: Run) -> None:
    document = run.server.call(budget_get_status.request(run.workspace))
    rows = document["entries"]
    if run.output.is_for_programs:
        run.output.show(document, rows if run.output.fields is not None or run.output.kind == "jsonl" else None, list)
        return
    entries = {row["id"]: row for row in run.server.pages(todo_get.request(run.workspace), "entries")}
    columns: list[Column] = [
        ("#", lambda row: entries[row["entryID"]]["seq"] if row["entryID"] in entries else row["entryID"]),
        ("SPENT", lambda row: usd(row["spent_usd"])),
        ("BUDGET", lambda row: usd(row["budget_usd"])),
        ("", lambda row: "locked" if row["budget_human_locked"] else ""),
        ("ROUNDS", lambda row: ", ".join(usd(each["cost"]) for each in row["rounds"])),
        ("ENTRY", lambda row: title(entries[row["entryID"]]) if row["entryID"] in entries else ""),
    ]
    lines = table(rows, columns, empty="No entries.", keeps=("SPENT", "BUDGET"))
    run.output.show(document, rows, lambda: [*_global_lines(document["global"]), "", *lines])


def _change(run: Run, row: dict[str, Any], amount: float | None, lock: bool | None, rounds: int | None) -> None:
    if amount is not None:
        run.server.call(budget_edit.request(run.workspace, row["id"], body=EntryBudgetChange(amount)))
        row = entry(run, row["id"])
    if lock is not None and lock != row["budget_human_locked"]:  # the call toggles
        run.server.call(budget_lock.request(run.workspace, row["id"]))
    if rounds is not None:
        run.server.call(todo_entry_rounds.request(run.workspace, row["id"], body=RoundsIn(rounds)))


def _show_entry(run: Run, row: dict[str, Any]) -> None:
    spend = run.server.call(budget_get_status.request(run.workspace))["entries"]
    document = next(each for each in spend if each["entryID"] == row["id"])
    locked = ", locked" if document["budget_human_locked"] else ""
    money = f"{usd(document['spent_usd'])} spent of {usd(document['budget_usd'])}{locked}"
    sentence = f"Entry {row['seq']}: {money}, {row['rounds_completed']} of {row['budget_rounds']} rounds"
    run.output.show(document, None, lambda: [sentence])


def _global_lines(money: dict[str, Any]) -> list[str]:
    parts = [(name, money[f"{name}_spent_usd"]) for name in ("entries", "orchestrator", "expansion", "interceptor")]
    spent, cap, total = (usd(money[f"{name}_usd"]) for name in ("total_spent", "max_project_spend", "total_budget"))
    return [
        f"Spent {spent} of {cap}, the cap. The budget is {total}.",
        ", ".join(f"{name} {usd(amount)}" for name, amount in parts),
    ]
