"""`diff`, `approve` and `send-back`: work that is done, before it lands."""

import re
import sys
from typing import Annotated, Any

import typer

from muster_cli.completion.entries import entries
from muster_cli.confirming import YesOption, confirm
from muster_cli.entry_names import EntryArgument, entry, entry_id
from muster_cli.errors import Problem, Usage
from muster_cli.output import Column, table, time_of, tinted_diff, usd, write
from muster_cli.run import Run, command
from muster_cli.sentences.counting import counted
from muster_client.api.landing import approvals_approve, approvals_get, approvals_send_back
from muster_client.api.todo import todo_entry_diff, todo_entry_rounds_get
from muster_client.models import ApproveIn, SendBackIn

OptionalEntry = Annotated[
    str | None, typer.Argument(metavar="ENTRY", help="Its number or its id.", show_default=False, autocompletion=entries)
]
CommitOption = Annotated[
    str | None, typer.Option("--commit", metavar="C", help="Only if exactly this commit waits. Its first 7 digits are enough.")
]
RoundsOption = Annotated[bool, typer.Option("--rounds", help="Verdict, cost and size of each round instead; so with JSON.")]
NoteArgument = Annotated[str, typer.Argument(metavar="NOTE|-", help="What should change. - reads stdin.", show_default=False)]

WHOLE_COMMIT = r"[0-9a-f]{40}|[0-9a-f]{64}"

WAITING: list[Column] = [
    ("#", lambda row: row["seq"]),
    ("COMMIT", lambda row: row["commit"][:12]),
    ("SINCE", lambda row: time_of(row["since"])),
    ("ENTRY", lambda row: row["title"]),
    ("WHY", lambda row: row["why"]),
]
ROUNDS: list[Column] = [
    ("ROUND", lambda row: row["number"]),
    ("VERDICT", lambda row: row["verdict"]),
    ("SCORE", lambda row: row["score"]),
    ("COST", lambda row: usd(row["cost_usd"])),
    ("COMMIT", lambda row: (row["commit"] or "")[:12]),
    ("CHANGES", lambda row: _changes(row["diffstat"])),
]


def diff(run: Run, name: EntryArgument, rounds: RoundsOption = False) -> None:
    """Print the changes of an entry as a patch, or with --rounds what each of its rounds came to."""
    key = entry_id(run, name)
    if rounds or run.output.is_for_programs:
        rows = list(run.server.pages(todo_entry_rounds_get.request(run.workspace, key), "rounds"))
        run.output.show({"rounds": rows}, rows, lambda: table(rows, ROUNDS, empty="No round yet."))
        return
    for line in run.server.lines(todo_entry_diff.request(run.workspace, key)):
        write(tinted_diff(line), as_it_is=True)


def approve(run: Run, name: OptionalEntry = None, commit: CommitOption = None, yes: YesOption = False) -> None:
    """Let exactly the commit that waits land. Without an entry: list what waits."""
    if name is None:
        rows = run.server.call(approvals_get.request(run.workspace))["approvals"]
        run.output.show({"approvals": rows}, rows, lambda: table(rows, WAITING, empty="Nothing waits for approval."))
        return
    key = entry_id(run, name)
    if commit is None:
        waiting = _waiting(run, key)
        commit = waiting["commit"]
        confirm(f"Entry {waiting['seq']}, {waiting['title']}: {waiting['why'].rstrip('.')}. Let {commit[:12]} land?", yes=yes)
    else:
        commit = _whole(run, key, commit)
    document = run.server.call(approvals_approve.request(run.workspace, key, body=ApproveIn(commit)))
    run.output.show(document, None, lambda: [f"Approved {document['commit'][:12]}. It lands next: muster entries {name}"])


def send_back(run: Run, name: EntryArgument, text: NoteArgument, commit: CommitOption = None) -> None:
    """Send work back: the note is the first finding of the next round."""
    key = entry_id(run, name)
    words = sys.stdin.read().strip() if text == "-" else text
    body = SendBackIn(_whole(run, key, commit) if commit else _waiting(run, key)["commit"], note=words)
    document = run.server.call(approvals_send_back.request(run.workspace, key, body=body))
    run.output.show(document, None, lambda: [f"Sent back with {counted(document['findings'], 'finding')}."])


def register(app: typer.Typer) -> None:
    command(app, "diff")(diff)
    command(app, "approve")(approve)
    command(app, "send-back")(send_back)


def _whole(run: Run, key: str, commit: str) -> str:
    """The commit that waits, if it begins so. The server compares one that is whole."""
    if re.fullmatch(WHOLE_COMMIT, commit):
        return commit
    if not re.fullmatch(r"[0-9a-fA-F]{7,63}", commit):
        raise Usage(f"--commit: {commit} is no commit, nor its first 7 digits or more.")
    waiting = _waiting(run, key)
    whole: str = waiting["commit"]
    if not whole.startswith(commit.lower()):
        raise Problem(f"The commit {whole[:12]} of entry {waiting['seq']} waits, not {commit}.")
    return whole


def _waiting(run: Run, key: str) -> dict[str, Any]:
    rows = run.server.call(approvals_get.request(run.workspace))["approvals"]
    for row in rows:
        if row["entry_id"] == key:
            waiting: dict[str, Any] = row
            return waiting
    number = entry(run, key)["seq"]
    raise Problem(f"No work of entry {number} waits for approval.")


def _changes(diffstat: dict[str, Any]) -> str:
    files, added, removed = (diffstat.get(key, 0) for key in ("files", "insertions", "deletions"))
    return f"{counted(files, 'file')}, +{added} -{removed}" if files else ""
