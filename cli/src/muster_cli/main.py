"""The command `muster`."""

import sys
from importlib import import_module
from typing import Annotated, Any

import typer

from muster_cli import __version__
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
GROUPS = {
    "login": ("login", "logout", "workspaces"),
    "whoami": ("whoami",),
    "profile_list": ("profiles", "use"),
    "overview": ("status", "entries", "why"),
    "backlog.adding": ("add",),
    "backlog.editing": ("edit", "remove"),
    "runs": ("plan", "runs"),
    "triggers": ("triggers",),
    "logs": ("logs",),
    "review": ("diff", "approve", "send-back"),
    "dialogue": ("ask", "answer"),
    "budget": ("budget",),
    "executor": ("start", "pause", "stop"),
    "opening": ("open",),
    "raw": ("api",),
    "schemas": ("schema",),
}
"""The commands of each module, in the order of the help. A command's own module alone is imported: all of them take as long as the command."""
_registered: set[str] = set()


def register(arguments: list[str]) -> None:
    """The module of the command that is the first word; all of them for the help, a completion, an unknown name, or options before the command."""
    of_one = [module for module, names in GROUPS.items() if arguments and arguments[0] in names]
    for module in of_one or GROUPS:
        if module not in _registered:
            import_module(f"muster_cli.commands.{module}").register(app)
            _registered.add(module)


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
    register(arguments)
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
