"""One run of a command: its server, its workspace, its output, and how it ends."""

import inspect
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Annotated, Any, Literal

import typer

from muster_cli import documents, profiles
from muster_cli.completion.names import fields, profile_names, workspaces
from muster_cli.documents import DOCUMENTS
from muster_cli.errors import INTERRUPTED, PIPE_CLOSED, Problem, Refused, Unreachable
from muster_cli.output import Output, check_fields, note
from muster_cli.sentences.absence import Absence
from muster_cli.server import Server
from muster_cli.workspaces import choosing

Kind = Literal["table", "json", "jsonl"]
ProfileOption = Annotated[
    str | None, typer.Option("--profile", help="A profile of the config file.", show_default=False, autocompletion=profile_names)
]
WorkspaceOption = Annotated[
    str | None, typer.Option("--workspace", "-w", help="Its id or its name.", show_default=False, autocompletion=workspaces)
]
OutputOption = Annotated[Kind, typer.Option("--output", "-o", help="The form of the answer.")]
FieldsOption = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="FIELDS",
        help="Only these fields, as JSON, with commas between. muster schema lists them.",
        autocompletion=fields,
    ),
]
JqOption = Annotated[str | None, typer.Option("--jq", metavar="FILTER", help="Filter the JSON with jq.")]
WatchOption = Annotated[bool, typer.Option("--watch", help="Again every two seconds, until Ctrl-C.")]

WATCH_S = 2.0


@dataclass
class Setup:
    """Options before the name of the command, and what tests put in the place of the network."""

    profile: str | None = None
    workspace: str | None = None
    transport: Any = None


@dataclass
class Run:
    profile_name: str | None
    workspace_name: str | None
    output: Output
    transport: Any = field(default=None, repr=False)

    @cached_property
    def profile(self) -> profiles.Profile:
        return profiles.ready(profiles.load(self.profile_name))

    @cached_property
    def server(self) -> Server:
        return Server(self.profile, note, self.transport)

    @cached_property
    def choice(self) -> choosing.Choice:
        return choosing.choose(self.server, named=self.workspace_name or self.profile.named_workspace)

    @property
    def workspace(self) -> str:
        """The id of the workspace that is named, or that stands in its place."""
        return self.choice.id

    def call(self, function: Callable[..., None], values: dict[str, Any]) -> None:
        """The command itself. Raises Usage where its workspace was the default, and is gone."""
        try:
            function(self, **values)
        except Refused as refusal:
            if refusal.status in (403, 404) and "choice" in self.__dict__:
                choosing.check(self.server, self.choice)
            raise


def command(app: typer.Typer, name: str, *, refreshes: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command of a function whose first argument is its Run. It takes the options that all commands share."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def invoke(context: typer.Context, **values: Any) -> None:
            with_watch = values.pop("watch", False)
            run = _run_of(context.obj or Setup(), values)
            end(lambda: _act(name, function, run, values, with_watch=with_watch))

        _sign(invoke, function, refreshes=refreshes)
        app.command(name, short_help=_first_sentence(function))(invoke)
        return function

    return decorate


def _act(name: str, function: Callable[..., None], run: Run, values: dict[str, Any], *, with_watch: bool) -> None:
    if run.output.fields is not None and name in DOCUMENTS:
        check_fields(run.output.fields, documents.fields(name))  # before anything is changed
    if with_watch:
        _watch(function, run, values)
    else:
        run.call(function, values)


def _first_sentence(function: Callable[..., None]) -> str:
    """All of it, for the list of commands: typer would cut it."""
    return " ".join((function.__doc__ or "").split()).split(". ")[0].rstrip(".") + "."


def end(action: Callable[[], None]) -> None:
    """Do it. What goes wrong becomes one sentence and an exit code."""
    try:
        action()
        sys.stdout.flush()
    except Problem as problem:
        flush()
        note(f"muster: {problem}")
        raise typer.Exit(problem.code) from None
    except BrokenPipeError:
        _drop_output()
        raise typer.Exit(PIPE_CLOSED) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def flush() -> None:
    """The output so far comes before the sentence about what went wrong."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()


def _drop_output() -> None:
    """The reader has gone. Python would complain when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run_of(setup: Setup, values: dict[str, Any]) -> Run:
    profile, workspace = values.pop("profile") or setup.profile, values.pop("workspace") or setup.workspace
    kind, fields, jq = values.pop("output"), values.pop("fields"), values.pop("jq")
    if fields is not None and kind == "table":
        kind = "json"
    return Run(profile, workspace or "", Output(kind, fields, jq), setup.transport)


def _watch(function: Callable[..., None], run: Run, values: dict[str, Any]) -> None:
    """Do it again and again. A server that has answered once may be away for a while."""
    absence, has_answered = Absence(), False
    while True:
        if sys.stdout.isatty() and not absence.lasts:
            sys.stdout.write("\x1b[2J\x1b[H")
        try:
            run.call(function, values)
            absence.is_over()
            has_answered = True
        except Unreachable as problem:
            if not has_answered:
                raise
            absence.goes_on(problem)
        sys.stdout.flush()
        time.sleep(WATCH_S)


def _sign(invoke: Callable[..., None], function: Callable[..., None], *, refreshes: bool) -> None:
    """Give it the parameters of the function but the first, and the shared ones: typer reads them."""
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    shared: dict[str, tuple[Any, Any]] = {
        "profile": (ProfileOption, None),
        "workspace": (WorkspaceOption, None),
        "output": (OutputOption, "table"),
        "fields": (FieldsOption, None),
        "jq": (JqOption, None),
    }
    if refreshes:
        shared["watch"] = (WatchOption, False)
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
        *(each.replace(kind=keyword) for each in own),
        *(inspect.Parameter(name, keyword, annotation=kind, default=value) for name, (kind, value) in shared.items()),
    ]
    del invoke.__wrapped__  # type: ignore[attr-defined]
    invoke.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    invoke.__annotations__ = {each.name: each.annotation for each in parameters}
