"""Repairs one broken function of a third-party package. Run as `repairing_agent.py ORIGINALS NOTES`.

The entry's content is `Repair FILE:FUNCTION`, with `(twice)` for those whose first attempt is wrong.
"""

import ast
import json
import os
import sys
import time
from pathlib import Path


def body_of(source: str, name: str) -> tuple[int, int]:
    """First and last line (from 0, exclusive) of a function's body, without its docstring."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            first = node.body[0]
            documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            assert node.end_lineno is not None
            return (node.body[1] if documented else first).lineno - 1, node.end_lineno
    raise LookupError(name)


def replace(target: Path, name: str, body: list[str]) -> None:
    lines = target.read_text().split("\n")
    start, end = body_of("\n".join(lines), name)
    target.write_text("\n".join([*lines[:start], *body, *lines[end:]]))


def main() -> None:
    originals, notes = Path(sys.argv[1]), Path(sys.argv[2])
    entry = json.loads(Path(os.environ["MUSTER_SPEC_FILE"]).read_text())
    file, name = entry["content"].split()[1].split(":")
    attempt = int(os.environ["MUSTER_ROUND"])
    began = time.time()
    for step in range(3):
        tokens = {"input_tokens": 4000, "output_tokens": 300 + step}
        print(json.dumps({"type": "usage", "id": f"r{step}", "model": "claude-sonnet-4-5", **tokens}), flush=True)
        time.sleep(0.3)
    source = (originals / file).read_text()
    start, end = body_of(source, name)
    wrong = "(twice)" in entry["content"] and attempt == 1
    replace(Path(file), name, ["    return None"] if wrong else source.split("\n")[start:end])
    with (notes / "lived").open("a") as log:
        log.write(
            json.dumps({"entry": entry["id"], "files": entry["spec"]["files_to_modify"], "began": began, "ended": time.time()})
            + "\n"
        )
    print(json.dumps({"type": "result", "summary": f"{name}, attempt {attempt}", "ok": True}), flush=True)


if __name__ == "__main__":
    main()
