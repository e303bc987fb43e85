"""The recipe of docs/how-to/add-an-agent.md, followed to the letter in a copy of the repository: it is enough for a new agent."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from django.conf import settings

from orchestration.configuration.config import agent_kinds
from orchestration.worker import agents

ROOT = Path(settings.BASE_DIR)
COPIED = ("requirements", "config", "workspaces", "budget", "orchestration", "dashboard", "templates", "static", "tests", "docs")
CHECKS = (
    "tests/orchestration/worker/agents/new_agent.py",
    "tests/orchestration/worker/agents/test_every_reader.py",
    "tests/test_docs.py",
)


def test_every_kind_of_the_config_has_a_package() -> None:
    assert list(agents.KINDS) == list(agent_kinds.TITLES)


@pytest.mark.timeout(400)
def test_the_recipe_adds_an_agent(tmp_path: Path) -> None:
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("images", "transcripts"))  # with its bytecode
    shutil.copytree(ROOT / "tests/agents/transcripts", tmp_path / "tests/agents/transcripts")
    for name in ("VERSION", "manage.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    follow(tmp_path)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV", "MUSTER_", "DJANGO_"))}
    command = [sys.executable, "-m", "pytest", "-k", "echo_coder or (a_table and agents)", "--no-header", *CHECKS]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=380, check=False)
    assert (done.returncode == 0 and " passed" in done.stdout) or done.stdout.strip().endswith("[100%]"), (
        done.stdout + done.stderr
    )


def follow(copy: Path) -> None:
    """Do what the code blocks of the recipe say."""
    recipe = (ROOT / "docs/how-to/add-an-agent.md").read_text(encoding="utf-8")
    blocks = [textwrap.dedent(code) for code in re.findall(r"(?ms)^ +```python\n(.*?)^ +```$", recipe)]
    for block in blocks:
        where, _, code = block.partition("\n")
        name, _, place = where.removeprefix("# ").partition(": into ")
        path = copy / name
        if not place:
            path.parent.mkdir(exist_ok=True)
            path.write_text(code, encoding="utf-8")
        elif place == "the import":
            insert(path, r"(from orchestration\.worker\.agents import [^\n]*?)\n", rf"\1, {code.strip()}\n")
        else:
            insert(path, rf"(?s)(\b{place}\b[^\n]*= {{\n.*?)\n}}", rf"\1\n{code.rstrip()}\n}}")
    [row] = re.findall(r"(?ms)^ +```markdown\n +(.*?)\n +```$", recipe)
    insert(copy / "docs/reference/agents.md", r"(\n\| `mini_swe_agent` [^\n]*)\n", rf"\1\n{row}\n")


def insert(path: Path, pattern: str, new: str) -> None:
    text, count = re.subn(pattern, new, path.read_text(encoding="utf-8"), count=1)
    assert count == 1, f"{path.name}: {pattern}"
    path.write_text(text, encoding="utf-8")
