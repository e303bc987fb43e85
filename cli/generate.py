"""Writes the API's typed client: `python generate.py openapi.json FOLDER`. Needs openapi-python-client."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PREFIX = "agent.orchestration."
"""Of each operation's id, for the TypeScript client's sake. Here a module is named `executor_start`."""

RENAMED = {"Data": "GlobalBudgetChange", "data": "EntryBudgetChange"}
"""Two names that differ in their first letter alone would be the same class."""


REQUEST = '''

request = _get_kwargs
"""The arguments of the HTTP request, for who reads the answer as it is."""
'''


def write_client(document: Path, folder: Path) -> None:
    """Write the package anew. Raises CalledProcessError where an operation cannot be generated: no client lacks a call."""
    with tempfile.TemporaryDirectory(prefix="muster-client-") as work:
        adapted, config, output = Path(work) / "openapi.json", Path(work) / "config.json", Path(work) / folder.name
        adapted.write_text(json.dumps(adapt(json.loads(document.read_text()))))
        config.write_text(json.dumps({"post_hooks": []}))
        subprocess.run(
            [
                *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"),
                *("--path", str(adapted), "--config", str(config), "--output-path", str(output)),
            ],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        polish(output)
        (output / "schemas.json").write_text(schemas(json.loads(document.read_text())))
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(output, folder)


def adapt(document: dict[str, Any]) -> dict[str, Any]:
    """The document with names that suit Python."""
    schemas = document["components"]["schemas"]
    for old, new in RENAMED.items():
        if old in schemas:
            schemas[new] = schemas.pop(old) | {"title": new}
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["operationId"] = operation["operationId"].removeprefix(PREFIX)
            _share_body(operation, schemas)
    _refer(document)
    return document


def _share_body(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """A body that is written out is the schema of its name: without this each would be a class of its own."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        title = content["schema"].get("title")
        if title in schemas and content["schema"].get("properties", {}).keys() == schemas[title].get("properties", {}).keys():
            content["schema"] = {"$ref": f"#/components/schemas/{title}"}


def _refer(value: Any) -> None:
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _refer(child)
    if isinstance(value, dict) and isinstance(value.get("$ref"), str):
        path, _, name = value["$ref"].rpartition("/")
        value["$ref"] = f"{path}/{RENAMED.get(name, name)}"


def schemas(document: dict[str, Any]) -> str:
    """The API's schemas, for `muster schema`: with references that stand in a document of their own."""
    kept = json.dumps(document["components"]["schemas"], separators=(",", ":"))
    return kept.replace("#/components/schemas/", "#/$defs/")


def polish(package: Path) -> None:
    """Let the package use the HTTP client that is kept up, import a model only where it is used, and have types for its users."""
    for module in package.rglob("*.py"):
        text = module.read_text()
        if "httpx" in text:
            module.write_text(re.sub(r"^import httpx$", "import httpx2 as httpx", text, flags=re.M))
    for module in (package / "api").glob("*/*.py"):
        if module.name != "__init__.py":
            module.write_text(module.read_text() + REQUEST)
    models = package / "models" / "__init__.py"
    models.write_text(lazy(models.read_text()))
    (package / "py.typed").touch()


def lazy(text: str) -> str:
    """The face of the models, which imports each at its first use: all of them take half a second."""
    modules = dict(reversed(line) for line in re.findall(r"^from \.(\w+) import (\w+)$", text, re.M))
    imports = "\n".join(f"    from .{module} import {name} as {name}" for name, module in modules.items())
    return f'''"""The data that calls take and answer. Each model is imported when it is first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
{imports}

_MODULES = {json.dumps(modules, indent=4)}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {{__name__}} has no {{name}}")
    return getattr(import_module(f".{{_MODULES[name]}}", __name__), name)


__all__ = {json.dumps(sorted(modules), indent=4)}
'''


if __name__ == "__main__":
    write_client(Path(sys.argv[1]), Path(sys.argv[2]))
