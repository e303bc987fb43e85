"""GitHub's own API document, the payloads that it publishes, and Prism, which holds requests and answers against a document: installed once, with
pinned versions, into the folder MUSTER_TEST_FORGES or one beside the other temporary files."""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

PACKAGES = ("@stoplight/prism-cli@5.14.2", "@octokit/openapi@23.0.2", "@octokit/webhooks-examples@7.6.1")
INSTALL_S = 300


def folder() -> Path:
    """The folder of the packages. Raises RuntimeError where they cannot be installed."""
    root = Path(os.environ.get("MUSTER_TEST_FORGES") or Path(tempfile.gettempdir()) / f"muster-test-forges-{os.getuid()}")
    root.mkdir(mode=0o700, exist_ok=True)
    done = root / "installed"
    with open(root / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists() or done.read_text() != repr(PACKAGES):
            _install(root)
            done.write_text(repr(PACKAGES))
    return root / "node_modules"


def _install(root: Path) -> None:
    if shutil.which("npm") is None:
        raise RuntimeError("npm is not installed: the tests of forges take GitHub's document from its registry")
    flags = ("--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock")
    command = ["npm", "install", "--prefix", str(root), *flags, *PACKAGES]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_S)
    if run.returncode != 0:
        raise RuntimeError(f"npm could not install {', '.join(PACKAGES)}: {run.stderr[-300:]}")


def api() -> Path:
    return folder() / "@octokit/openapi/generated/api.github.com.json"


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(api().read_text())
    return document


def example(method: str, path: str) -> Any:
    """The document's own example of an answer. A new copy each time."""
    operation = _document()["paths"][path if path == "/user" else "/repos/{owner}/{repo}" + path][method]
    success = next(status for status in operation["responses"] if status.startswith("2"))
    examples = _followed(operation["responses"][success])["content"]["application/json"]["examples"]
    return json.loads(json.dumps(_followed(next(iter(examples.values())))["value"]))


def _followed(value: Any) -> Any:
    while isinstance(value, dict) and "$ref" in value:
        target: Any = _document()
        for key in value["$ref"].split("/")[1:]:
            target = target[key]
        value = target
    return value


@cache
def _payloads() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads((folder() / "@octokit/webhooks-examples/api.github.com/index.json").read_text())
    return listed


def payload(event: str, action: str = "") -> dict[str, Any]:
    """The first published payload of an event. A new copy each time."""
    examples = next(each["examples"] for each in _payloads() if each["name"] == event)
    fitting = next(each for each in examples if each.get("action", "") == action)
    copy: dict[str, Any] = json.loads(json.dumps(fitting))
    return copy


if __name__ == "__main__":
    print(folder(), flush=True)
