"""`edit` and `remove`: entries that are in the backlog already."""

import sys
from typing import Annotated, Any

import typer

from muster_cli.commands.backlog.adding import Priority
from muster_cli.commands.backlog.editor import edited
from muster_cli.completion.entries import entries
from muster_cli.confirming import YesOption, confirm
from muster_cli.entry_names import EntryArgument, entry, entry_id, title
from muster_cli.errors import Problem, Usage
from muster_cli.output import usd
from muster_cli.run import Run, command
from muster_cli.sentences.next_steps import note_cap, note_next_steps
from muster_cli.sentences.typed_names import typed_to_edit
from muster_client.api.budget import budget_edit
from muster_client.api.todo import todo_entry_delete, todo_entry_priority, todo_entry_rounds, todo_entry_update
from muster_client.models import EntryBudgetChange, EntryChange, PriorityIn, PriorityInPriority, RoundsIn

TextOption = Annotated[str | None, typer.Option("--text", metavar="TEXT|-", help="The task from now on. - reads stdin.")]
TitleOption = Annotated[str | None, typer.Option("--title", metavar="LINE", help="Only the first line of the task.")]
PriorityOption = Annotated[Priority | None, typer.Option("--priority", help="Its place in line.", show_default=False)]
BudgetOption = Annotated[float | None, typer.Option("--budget", metavar="USD", min=0, help="The most that it may spend.")]
RoundsOption = Annotated[int | None, typer.Option("--rounds", min=1, help="How many rounds it may make in all.")]
AfterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--after",
        metavar="ENTRY",
        help='It waits for this entry, and no other. Repeatable; "": for none.',
        autocompletion=entries,
    ),
]
EditsOption = Annotated[
    list[str] | None, typer.Option("--edits", metavar="PATH", help='The file that it locks. Repeatable; "": none.')
]
RequiresOption = Annotated[
    list[str] | None, typer.Option("--requires", metavar="LABEL", help='A label of the host that runs it. Repeatable; "": none.')
]
AgentOption = Annotated[str | None, typer.Option("--agent", metavar="NAME", help='A named agent; "": the usual one.')]
GroupOption = Annotated[
    str | None, typer.Option("--group", metavar="NAME", help='The heading that it is listed under; "": none.')
]

PARTS = {
    "content": "task",
    "spec": "files",
    "depends_on": "what it waits for",
    "priority": "priority",
    "budget_usd": "budget",
    "budget_rounds": "rounds",
    "agent": "agent",
    "group": "group",
    "requires": "labels",
}
"""The words for what a change has changed."""


def edit(
    run: Run,
    name: EntryArgument,
    text: TextOption = None,
    title: TitleOption = None,
    priority: PriorityOption = None,
    budget: BudgetOption = None,
    rounds: RoundsOption = None,
    after: AfterOption = None,
    edits: EditsOption = None,
    agent: AgentOption = None,
    group: GroupOption = None,
    requires: RequiresOption = None,
) -> None:
    """Change an entry: what is named, or without options its task in your editor. A list replaces the one before."""
    if text is not None and title is not None:
        raise Usage("Name either --text or --title.")
    named = {"agent": agent, "group": group, "requires": _listed(requires)}
    change: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    row = entry(run, name)
    if text is not None:
        change["content"] = sys.stdin.read().strip() if text == "-" else text
    if title is not None:
        change["content"] = _with_title(row["content"], title)
    if after is not None:
        change["depends_on"] = [entry_id(run, each) for each in _listed(after) or ()]
    if edits is not None:
        change["spec"] = _with_files(row["spec"], _listed(edits))
    if not change and priority is None and budget is None and rounds is None:
        _edit_text(run, row)
        return
    _send(run, row, change)
    if priority is not None:
        body = PriorityIn(PriorityInPriority(priority))
        run.server.call(todo_entry_priority.request(run.workspace, row["id"], body=body))
    if rounds is not None:
        run.server.call(todo_entry_rounds.request(run.workspace, row["id"], body=RoundsIn(rounds)), typed_to_edit)
    if budget is not None:
        run.server.call(budget_edit.request(run.workspace, row["id"], body=EntryBudgetChange(budget)), typed_to_edit)
    _show(run, row, with_cap=budget is not None)


def remove(run: Run, name: EntryArgument, yes: YesOption = False) -> None:
    """Take an entry off the backlog, which cannot be undone. Its sessions and what it cost stay on record."""
    row = entry(run, name)
    spent = f" It has cost {usd(row['spent_usd'])}." if row["spent_usd"] else ""
    confirm(f"Entry {row['seq']}, {title(row)}: {row['status']}.{spent} Remove it?", yes=yes)
    document = run.server.call(todo_entry_delete.request(run.workspace, row["id"]))
    run.output.show(document, None, lambda: [f"Removed entry {row['seq']}."])


def register(app: typer.Typer) -> None:
    command(app, "edit")(edit)
    command(app, "remove")(remove)


def _listed(values: list[str] | None) -> list[str] | None:
    """The values of an option that is repeated, where an empty one stands for an empty list."""
    return None if values is None else [value for value in values if value]


def _with_title(content: str, line: str) -> str:
    if not line.strip() or "\n" in line:
        raise Usage("--title: one line, and not an empty one.")
    lines = content.strip().split("\n")
    return "\n".join([line.strip(), *lines[1:]])


def _with_files(spec: dict[str, Any], files: list[str] | None) -> dict[str, Any]:
    others = {key: value for key, value in spec.items() if key != "files_to_modify"}
    return others | ({"files_to_modify": files} if files else {})


def _edit_text(run: Run, row: dict[str, Any]) -> None:
    with edited(row["content"]) as text:
        if not text:
            raise Problem("A task without words: nothing was changed.")
        if text != row["content"].strip():
            _send(run, row, {"content": text})
    _show(run, row, with_cap=False)


def _send(run: Run, row: dict[str, Any], change: dict[str, Any]) -> None:
    """Send the change as it is: the server knows best what is wrong with it. A change by another person since is not overwritten."""
    if change:
        body = {**change, **({"version": row["version"]} if "version" in row else {})}  # older servers have none
        request = todo_entry_update.request(run.workspace, row["id"], body=EntryChange())
        run.server.call({**request, "json": body}, typed_to_edit)


def _show(run: Run, before: dict[str, Any], *, with_cap: bool) -> None:
    row = entry(run, before["id"])
    parts = ", ".join(words for key, words in PARTS.items() if before[key] != row[key])
    sentence = f"Changed entry {row['seq']}: {parts}." if parts else f"Entry {row['seq']} is as it was."
    run.output.show(row, None, lambda: [sentence])
    note_next_steps(run, [row])
    if with_cap:
        note_cap(run, [row])
