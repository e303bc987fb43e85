"""The package: true to the server's document and release, and free of the server's code."""

import ast
import json
import re
import tomllib

from tests.cli.package import CLI, SOURCE
from tests.contract.operations import DOCUMENT, OPERATIONS
from workspaces.machine import release

REPAIR = "run .venv/bin/python -m tests.cli.document"


def test_its_document_is_the_servers() -> None:
    from tests.cli.document import text

    assert (CLI / "openapi.json").read_text() == text(DOCUMENT), REPAIR


def test_its_release_is_the_servers() -> None:
    import muster_cli

    assert muster_cli.__version__ == release.NUMBER


def test_its_generator_is_the_one_of_the_tests() -> None:
    build = tomllib.loads((CLI / "pyproject.toml").read_text())["build-system"]["requires"]
    pinned = next(requirement for requirement in build if requirement.startswith("openapi-python-client=="))
    assert pinned in (CLI.parent / "requirements/dev.in").read_text()


def test_it_imports_nothing_of_the_server() -> None:
    allowed = {"muster_cli", "muster_client", "typer", "httpx2", "jq"}
    standard = set(__import__("sys").stdlib_module_names)
    imported = {
        name.split(".")[0]
        for path in (SOURCE / "muster_cli").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _names(node)
    }
    assert imported <= allowed | standard


def test_every_call_has_a_command_or_a_reason() -> None:
    from muster_cli.operations import COMMANDS, WITHOUT_COMMAND

    listed = [*COMMANDS, *(name for names in WITHOUT_COMMAND.values() for name in names)]
    assert sorted(listed) == sorted(operation.name for operation in OPERATIONS)


def test_the_commands_make_the_calls_that_are_listed() -> None:
    from muster_cli.operations import COMMANDS

    code = "\n".join(path.read_text() for path in (SOURCE / "muster_cli").rglob("*.py"))
    called = set(re.findall(r"\b([a-z_]+)(?: if \w+ else [a-z_]+\))?\.request\(", code)) | set(
        re.findall(r"\b(executor_\w+)\b(?= if| else|\))", code)
    )
    snake = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(): name for name in COMMANDS}
    assert {name for name in snake if name not in called} == set()
    assert {name for name in called if name.startswith(("executor_", "todo_", "runs_", "budget_"))} <= snake.keys()


def test_each_listed_command_exists() -> None:
    from muster_cli.main import app
    from muster_cli.operations import COMMANDS

    assert set(COMMANDS.values()) <= {command.name for command in app.registered_commands}


def test_every_call_is_generated() -> None:
    import muster_client

    folder = next(iter(muster_client.__path__))
    modules = {path.stem for path in __import__("pathlib").Path(folder, "api").glob("*/*.py")} - {"__init__"}
    assert modules == {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation.name).lower() for operation in OPERATIONS}


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []


def test_the_document_is_canonical() -> None:
    written = (CLI / "openapi.json").read_text()
    assert written == json.dumps(json.loads(written), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
