"""`add`: work for the backlog."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from muster_cli.commands.overview import ENTRY_COLUMNS
from muster_cli.completion.entries import entries
from muster_cli.entry_names import entry_id
from muster_cli.errors import Usage
from muster_cli.output import table
from muster_cli.run import Run, command
from muster_cli.sentences.next_steps import note_cap, note_next_steps
from muster_cli.sentences.typed_names import as_it_is, typed_to_add
from muster_client.api.todo import todo_entries_create
from muster_client.models import EntriesIn

Priority = Literal["critical", "high", "medium", "low"]
TextArgument = Annotated[str | None, typer.Argument(metavar="TEXT|-", help="The task. - reads stdin.", show_default=False)]
BudgetOption = Annotated[
    float | None,
    typer.Option(
        "--budget", metavar="USD", min=0, help="The most that it may spend. Without: a share of the workspace's budget."
    ),
]
RoundsOption = Annotated[int | None, typer.Option("--rounds", min=1, help="How many rounds it may make.")]
PriorityOption = Annotated[Priority | None, typer.Option("--priority", help="Its place in line.", show_default=False)]
AfterOption = Annotated[
    list[str] | None,
    typer.Option("--after", metavar="ENTRY", help="It waits for this entry. Repeatable.", autocompletion=entries),
]
EditsOption = Annotated[list[str] | None, typer.Option("--edits", metavar="PATH", help="A file that it locks. Repeatable.")]
AgentOption = Annotated[str | None, typer.Option("--agent", metavar="NAME", help="A named agent.")]
FromOption = Annotated[
    str | None, typer.Option("--from", metavar="FILE", help="Entries as the API takes them, JSON. - reads stdin.")
]


def add(
    run: Run,
    text: TextArgument = None,
    budget: BudgetOption = None,
    rounds: RoundsOption = None,
    priority: PriorityOption = None,
    after: AfterOption = None,
    edits: EditsOption = None,
    agent: AgentOption = None,
    from_file: FromOption = None,
) -> None:
    """Add an entry, or with --from several, all or none."""
    if (text is None) == (from_file is None):
        raise Usage("Name either the task, or a file with --from.")
    names = typed_to_add
    if from_file is not None:
        body, names = _from_file(from_file), as_it_is
    else:
        named = {
            "content": sys.stdin.read().strip() if text == "-" else text,
            "budget_usd": budget,
            "budget_rounds": rounds,
            "priority": priority,
            "depends_on": [entry_id(run, name) for name in after or ()] or None,
            "spec": {"files_to_modify": edits} if edits else None,
            "agent": agent,
        }
        body = {"entries": [{key: value for key, value in named.items() if value is not None}]}
    request = todo_entries_create.request(run.workspace, body=EntriesIn([]))
    document = run.server.call({**request, "json": body}, names)  # as it is: the server knows best what is wrong with it
    rows = document["entries"]
    run.output.show(document, rows, lambda: table(rows, ENTRY_COLUMNS, empty="Nothing to add."))
    note_next_steps(run, rows)
    if any("budget_usd" in each for each in body["entries"]):
        note_cap(run, rows)


def register(app: typer.Typer) -> None:
    command(app, "add")(add)


def _from_file(path: str) -> dict[str, Any]:
    try:
        content = json.loads(sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise Usage(f"{path} cannot be read: {problem}") from None
    entries = content.get("entries") if isinstance(content, dict) else content
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise Usage(f"{path}: a list of entries, or an object with entries.")
    return {"entries": entries}
