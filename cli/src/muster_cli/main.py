"""The command `muster`."""

import sys
from typing import Annotated, Any

import typer

from muster_cli import __version__
from muster_cli.commands import (
    budget,
    dialogue,
    executor,
    login,
    logs,
    opening,
    overview,
    profile_list,
    raw,
    review,
    runs,
    schemas,
    triggers,
    whoami,
)
from muster_cli.commands.backlog import adding, editing
from muster_cli.documents import DOCUMENTS
from muster_cli.errors import Usage
from muster_cli.output import note
from muster_cli.run import ProfileOption, Setup, WorkspaceOption, flush

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Work with a Muster that runs anywhere. Exit codes: 0 done, 1 failed, 2 usage, 4 login needed.",
)
for group in (
    login,
    whoami,
    profile_list,
    overview,
    adding,
    editing,
    runs,
    triggers,
    logs,
    review,
    dialogue,
    budget,
    executor,
    opening,
    raw,
    schemas,
):
    group.register(app)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"muster-cli {__version__}")
        raise typer.Exit


@app.callback()
def before(
    context: typer.Context,
    profile: ProfileOption = None,
    workspace: WorkspaceOption = None,
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")] = False,
) -> None:
    transport = context.obj.transport if isinstance(context.obj, Setup) else None
    context.obj = Setup(profile, workspace, transport)


def run(arguments: list[str], transport: Any = None) -> int:
    """Run one command. The exit code."""
    if arguments[-1:] == ["--json"]:
        note(f"muster: --json needs names of fields, such as --json id,status. All of them: muster schema {_command(arguments)}")
        return Usage.code
    try:
        app(arguments, prog_name="muster", obj=Setup(transport=transport))
    except SystemExit as exit:
        return exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    return 0


def _command(arguments: list[str]) -> str:
    return next((word for word in arguments if word in DOCUMENTS), "COMMAND")


def main() -> None:
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 shows what it can
    code = run(sys.argv[1:])
    flush()
    sys.exit(code)
