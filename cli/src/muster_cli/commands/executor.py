"""`start`, `pause` and `stop`: the executor, or one entry, session or run."""

from typing import Annotated, Any

import typer

from muster_cli.completion.entries import entries, stoppable
from muster_cli.entry_names import entry, entry_id
from muster_cli.errors import Problem, Refused, Usage
from muster_cli.run import Run, command
from muster_cli.sentences.next_steps import executor_sentence, note_next_steps
from muster_client.api.executor import (
    executor_get_status,
    executor_kill_worker,
    executor_pause,
    executor_resume,
    executor_start,
    executor_stop_all,
    executor_stop_worker,
)
from muster_client.api.runs import runs_stop
from muster_client.api.todo import todo_entry_status, todo_entry_stop
from muster_client.models import StatusIn, StatusInStatus

OptionalEntry = Annotated[
    str | None, typer.Argument(metavar="ENTRY", help="Only this entry.", show_default=False, autocompletion=entries)
]
TargetArgument = Annotated[
    str | None,
    typer.Argument(metavar="ENTRY|SESSION|RUN", help="Only this; else everything.", show_default=False, autocompletion=stoppable),
]
KillOption = Annotated[bool, typer.Option("--kill", help="A session: at once, without the grace.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why the entry is put on hold.", show_default=False)]


def start(run: Run, name: OptionalEntry = None) -> None:
    """Begin or resume dispatching. With an entry: take it off hold, or reopen it."""
    if name is not None:
        _start_entry(run, name)
        return
    is_paused = run.server.call(executor_get_status.request(run.workspace))["paused"]
    document = run.server.call((executor_resume if is_paused else executor_start).request(run.workspace))
    run.output.show(document, None, lambda: ["The executor runs."])


def pause(run: Run, name: OptionalEntry = None, reason: ReasonOption = "") -> None:
    """Dispatch nothing more; sessions at work go on. With an entry: put it on hold."""
    if name is not None:
        _set_status(run, name, StatusInStatus.BLOCKED, reason)
        return
    document = run.server.call(executor_pause.request(run.workspace))
    run.output.show(document, None, lambda: ["The executor is paused."])


def stop(run: Run, target: TargetArgument = None, kill: KillOption = False) -> None:
    """Stop every session and pause, or stop only what is named."""
    if kill and not (target or "").startswith("sess_"):
        raise Usage("--kill is for a session.")
    sentence = "Stopped."
    if target is None:
        sentence = "Stopped. The executor is paused until: muster start"
        request = executor_stop_all.request(run.workspace)
    elif target.startswith("sess_"):
        request = (executor_kill_worker if kill else executor_stop_worker).request(run.workspace, target)
    elif target.startswith("run_"):
        request = runs_stop.request(run.workspace, target)
    else:
        sentence = f"Stopped. Entry {target} is on hold until: muster start {target}"
        request = todo_entry_stop.request(run.workspace, entry_id(run, target))
    document = run.server.call(request)
    alive = document.get("alive") or []
    run.output.show(document, None, lambda: [] if alive else [sentence])
    if alive:
        raise Problem(f"Not ended yet: {', '.join(map(str, alive))}")


def register(app: typer.Typer) -> None:
    command(app, "start")(start)
    command(app, "pause")(pause)
    command(app, "stop")(stop)


def _start_entry(run: Run, name: str) -> None:
    try:
        document = _set_status(run, name, StatusInStatus.PENDING, "")
    except Refused as refusal:
        row = entry(run, name)
        if row["status"] != StatusInStatus.PENDING:
            raise refusal from None
        hint = executor_sentence(run.server.call(executor_get_status.request(run.workspace))["state"])
        hint = hint or f"What it waits for: muster why {row['seq']}"
        raise Problem(f"Entry {row['seq']} is pending already. {hint}") from None
    note_next_steps(run, [document])


def _set_status(run: Run, name: str, status: StatusInStatus, reason: str) -> dict[str, Any]:
    request = todo_entry_status.request(run.workspace, entry_id(run, name), body=StatusIn(status, reason=reason))
    document: dict[str, Any] = run.server.call(request)
    run.output.show(document, None, lambda: [f"Entry {document['seq']} is {document['status']}."])
    return document
