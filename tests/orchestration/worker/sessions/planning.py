"""A planner for tests: a shell command that prints answers, one for each turn."""

import json
from pathlib import Path
from typing import Any

from orchestration.models import Run, Session
from orchestration.proposals import run_requests
from tests.factories import ANA
from tests.orchestration.worker.sessions.shop import Shop


def answers(folder: Path, *texts: str | dict[str, Any], spends: float = 0.01) -> str:
    """A command that gives the n-th text in its n-th turn, and spends as much in each. Its files are in `folder`."""
    for n, text in enumerate(texts, start=1):
        summary = text if isinstance(text, str) else json.dumps(text)
        (folder / f"{n}.json").write_text(json.dumps({"type": "result", "summary": summary}))
    usage = json.dumps({"type": "usage", "id": "1", "cost_usd": spends})
    return f"n=$(cat {folder}/turn 2>/dev/null || echo 0); n=$((n + 1)); echo $n > {folder}/turn; echo '{usage}'; cat {folder}/$n.json"


def entries(*titles: str, **more: Any) -> dict[str, Any]:
    """An answer with an entry for each title."""
    return {"entries": [{"content": title, **more} for title in titles]}


def ask(shop: Shop, goal: str = "Make it better") -> Run:
    """A run from its request to its end, as a session worker runs it."""
    run = run_requests.plan(shop.workspace, goal, by=ANA)
    shop.supervise(Session.of_any_role.get(pk=run.pk))
    return run_requests.run_for(shop.workspace.pk, run.pk)
