"""Runs of agents that propose, in a sandbox: each reads what its role reads, and what it writes is gone with it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.models import Run, Session
from orchestration.proposals import expanding, roles, run_requests
from tests.factories import ANA, an_entry
from tests.orchestration.worker.sessions.shop import Shop

Ask = Callable[[Shop], Run]
ASKED: dict[str, Ask] = {
    "plan": lambda shop: run_requests.plan(shop.workspace, "Parse dates", by=ANA),
    "expand": lambda shop: expanding.expand(shop.workspace, an_entry(shop.workspace), by=ANA),
    "orchestrate": lambda shop: run_requests.orchestrate(shop.workspace, by=ANA),
}
ANSWERS = {
    "plan": {"entries": [{"content": "Parse"}]},
    "expand": {"entries": [{"content": "Parse"}, {"content": "Print"}]},
    "orchestrate": {"changes": []},
}


@pytest.mark.parametrize("role", ASKED)
def test_a_run_sees_neither_the_repository_nor_the_data_directory_and_what_it_writes_is_discarded(
    role: str, shop: Callable[..., Shop], tmp_path: Path
) -> None:
    reads = "test -f README" if roles.BY_NAME[role].reads_files else 'test -z "$(ls -A)"'
    hidden = "! test -e $PLACE/shop-1/repo && ! test -e $PLACE/data/sessions/other"
    writes = "echo changed > README && touch new"
    answer = json.dumps({"type": "result", "summary": json.dumps(ANSWERS[role])})
    (tmp_path / "data/sessions/other").mkdir(parents=True)
    agent = {
        "command": f"test $(pwd) = /work/{role} && {reads} && {hidden} && {writes} && echo '{answer}'",
        "env": {"PLACE": str(tmp_path)},
    }
    work = shop(**{roles.BY_NAME[role].key: {"agent": agent}})
    before = work.git("for-each-ref"), work.git("status", "--short")
    run = ASKED[role](work)
    session = work.supervise(Session.of_any_role.get(pk=run.pk))
    assert session.outcome == "passed", session.outcome_message
    assert (work.git("for-each-ref"), work.git("status", "--short")) == before
    assert not (tmp_path / "data/worktrees" / run.pk).exists()
    assert not (tmp_path / "data/sessions" / run.pk / "private").exists()
