"""The recipes of docs/how-to/run-services.md, each with its real program."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.models import Round
from orchestration.processes import leftovers, stage_probe
from tests.orchestration.worker.sessions.shop import Shop

PAGE = Path(__file__).parents[2] / "docs/how-to/run-services.md"
RECIPES = re.findall(r"^## ([^\n]+)\n\n```json\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
PROGRAMS = {"PostgreSQL": "psql", "MariaDB": "mariadb-install-db", "Redis or Valkey": "redis-server"}

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("title", "config"), RECIPES, ids=[title for title, _ in RECIPES])
def test_a_recipe_serves_a_session(shop: Callable[..., Shop], title: str, config: str) -> None:
    program = PROGRAMS.get(title, "chromium")
    if problem := stage_probe.probe().problem:
        pytest.skip(problem)
    assert shutil.which(program), f"{program} is missing: .ci/run installs it"
    work = shop("mkdir -p site && echo '<h1>Hello</h1>' > site/index.html && echo yes > ok", **json.loads(config))
    session = work.run()
    assert session.outcome == "passed", [session.outcome_message, *(round_.findings for round_ in Round.objects.all())]
    assert leftovers.tree(session.pk, stages=True)[0] == set()
