"""An orchestrator's run, by a real command: what it reads, what it proposes, and its money."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from budget.amounts import usd
from budget.limits import caps
from budget.models import Hold
from orchestration.backlog import entry_actions
from orchestration.models import Entry, Run, Session
from orchestration.proposals import run_requests
from tests.factories import ANA, an_entry, project
from tests.orchestration.worker.sessions.planning import answers
from tests.orchestration.worker.sessions.shop import Shop, spends
from workspaces.errors import Conflict, Invalid

Outcome = Session.Outcome
FIRST = {"kind": "change", "entry": "#1", "priority": "critical", "reason": "Others wait for it"}


@pytest.fixture
def steered(shop: Callable[..., Shop], tmp_path: Path) -> Callable[..., Shop]:
    """Makes a workspace with one entry and an orchestrator that gives these answers, one a turn."""

    def make(*texts: str | dict[str, Any], command: str = "", run_usd: float = 0.5, apply: str = "never") -> Shop:
        agent = {"command": command or answers(tmp_path, *texts)}
        prepared = shop(orchestrator={"agent": agent, "run_usd": run_usd, "apply": apply})
        an_entry(prepared.workspace, content="Fix the door\n\nIt squeaks", files=["door.py"])
        return prepared

    return make


def ask(shop: Shop, note: str = "") -> Run:
    run = run_requests.orchestrate(shop.workspace, note, by=ANA)
    shop.supervise(Session.of_any_role.get(pk=run.pk))
    return run_requests.run_for(shop.workspace.pk, run.pk)


def test_it_proposes_changes_and_its_spend_is_orchestrator_spend(steered: Callable[..., Shop]) -> None:
    shop = steered({"changes": [FIRST]})
    run = ask(shop)
    assert (run.session.outcome, run.session.outcome_message) == (Outcome.PASSED, "It proposes 1 change")
    proposal = run.proposals.get()
    assert (proposal.kind, proposal.after, proposal.reason) == ("change", {"priority": "critical"}, "Others wait for it")
    assert Entry.objects.get().priority == Entry.Priority.MEDIUM
    assert (project(shop.workspace).orchestrator_spent, project(shop.workspace).held) == (usd("0.01"), 0)


def test_nothing_is_an_answer(steered: Callable[..., Shop]) -> None:
    run = ask(steered({"changes": []}))
    assert (run.session.outcome, run.session.outcome_message) == (
        Outcome.PASSED,
        "It proposes nothing: the backlog is good as it is",
    )


@pytest.mark.parametrize(("apply", "priority", "held"), [("never", 2, False), ("safe", 0, False), ("all", 0, True)])
def test_the_config_decides_what_is_applied_without_a_person(
    steered: Callable[..., Shop], apply: str, priority: int, held: bool
) -> None:
    shop = steered({"changes": [FIRST, {"kind": "hold", "entry": "#2", "reason": "Too vague"}]}, apply=apply)
    second = an_entry(shop.workspace, content="Paint it")
    ask(shop)
    second.refresh_from_db()
    assert (Entry.objects.get(seq=1).priority, second.on_hold) == (priority, held)


def test_a_bad_answer_is_repaired_once(steered: Callable[..., Shop]) -> None:
    shop = steered("Do the door first.", {"changes": [FIRST]})
    assert ask(shop).session.outcome == Outcome.PASSED
    assert project(shop.workspace).orchestrator_spent == usd("0.02")


def test_it_reads_states_reasons_and_costs_and_no_files(steered: Callable[..., Shop], tmp_path: Path) -> None:
    shop = steered(command=f"ls -a > {tmp_path}/files; {answers(tmp_path, {'changes': []})}")
    entry_actions.put_on_hold(Entry.objects.get(), by=ANA, reason="It needs paint")
    prompt = ask(shop, note="What is stuck?").prompt
    assert "What is stuck?" in prompt
    backlog = json.loads(prompt.split("```json\n")[1].split("\n```")[0])
    assert backlog["money"]["spent_usd"] == 0
    [entry] = backlog["entries"]
    assert (entry["entry"], entry["state"], entry["reason"]) == ("#1", "blocked", "It needs paint")
    assert (entry["text"], entry["files"], entry["cost_usd"]) == ("It squeaks", ["door.py"], 0)
    assert entry["why_not"] == "#1 Fix the door is on hold"
    assert (tmp_path / "files").read_text().split() == [".", ".."]


def test_one_is_asked_at_a_time(steered: Callable[..., Shop]) -> None:
    shop = steered({"changes": []})
    run_requests.orchestrate(shop.workspace, by=ANA)
    with pytest.raises(Conflict, match="at work already"):
        run_requests.orchestrate(shop.workspace, by=ANA)


def test_a_limit_of_the_day_refuses_it_with_its_sentence(steered: Callable[..., Shop]) -> None:
    shop = steered({"changes": []}, run_usd=0.6)
    caps.set_limit(project(shop.workspace), "orchestrator", "day", usd("0.5"), by=ANA)
    with pytest.raises(Invalid, match=r"^\$0\.50 is left of .*, a run needs \$0\.60$"):
        run_requests.orchestrate(shop.workspace, by=ANA)
    assert not Hold.objects.exists()


def test_it_overruns_by_one_request_at_most(steered: Callable[..., Shop]) -> None:
    shop = steered(command="; ".join(f"{spends(0.1, id=str(n))}; sleep 0.3" for n in range(20)), run_usd=0.5)
    caps.set_limit(project(shop.workspace), "orchestrator", "day", usd("0.5"), by=ANA)
    run = ask(shop)
    assert run.session.outcome == Outcome.OUT_OF_MONEY
    assert usd("0.5") <= project(shop.workspace).orchestrator_spent <= usd("0.6")


def test_without_an_orchestrator_the_refusal_names_the_key(shop: Callable[..., Shop]) -> None:
    with pytest.raises(Invalid, match="set `orchestrator` in its config first"):
        run_requests.orchestrate(shop().workspace, by=ANA)
