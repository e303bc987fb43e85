"""A planner's run, by a real command in a real clone: its answer, its repair, its money and its end."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from budget.amounts import usd
from budget.limits import caps
from budget.models import Hold, LedgerEntry
from orchestration import sessions
from orchestration.models import Entry, Executor, Run, Session
from orchestration.proposals import run_requests
from tests.factories import ANA, a_charge, an_entry, project
from tests.orchestration.worker.sessions.planning import answers, ask, entries
from tests.orchestration.worker.sessions.shop import Shop, spends, until
from workspaces.errors import Invalid

Outcome = Session.Outcome


@pytest.fixture
def planned(shop: Callable[..., Shop], tmp_path: Path) -> Callable[..., Shop]:
    """Makes a workspace with a planner that gives these answers, one a turn."""

    def make(*texts: str | dict[str, Any], run_usd: float = 0.5, command: str = "", **config: Any) -> Shop:
        agent = {"command": command or answers(tmp_path, *texts)}
        return shop(planner={"agent": agent, "run_usd": run_usd}, **config)

    return make


def test_a_goal_becomes_proposals(planned: Callable[..., Shop]) -> None:
    run = ask(planned(entries("Parse dates", "Print dates", spec={"files_to_modify": ["README"]})))
    assert (run.session.outcome, run.session.outcome_message) == (Outcome.PASSED, "It proposes 2 entries")
    assert [proposal.title for proposal in run.proposals.all()] == ["Parse dates", "Print dates"]
    assert not Entry.objects.exists()  # nobody applied them


def test_the_config_may_let_it_add_its_entries(planned: Callable[..., Shop], tmp_path: Path) -> None:
    agent = {"command": answers(tmp_path, entries("Parse dates", "Print dates"))}
    shop = planned()
    Executor.objects.filter(pk=shop.workspace.pk).update(config={"planner": {"agent": agent, "run_usd": 0.5, "apply": "safe"}})
    assert ask(shop).session.outcome_message == "It proposes 2 entries; 2 were added"
    assert list(Entry.objects.order_by("seq").values_list("content", "created_by")) == [
        ("Parse dates", "muster"),
        ("Print dates", "muster"),
    ]


def test_its_spend_is_orchestrator_spend(planned: Callable[..., Shop]) -> None:
    shop = planned(entries("Parse dates"))
    run = ask(shop)
    money = project(shop.workspace)
    assert (money.orchestrator_spent, money.entry_spent, money.held) == (usd("0.01"), 0, 0)
    assert LedgerEntry.objects.get().session_ref == run.pk


def test_an_answer_that_cannot_be_used_is_repaired_once(planned: Callable[..., Shop]) -> None:
    shop = planned("I would first parse the dates.", entries("Parse dates"))
    run = ask(shop)
    assert run.session.outcome == Outcome.PASSED
    assert project(shop.workspace).orchestrator_spent == usd("0.02")  # both turns are paid, though their usage has the same id


def test_a_command_may_print_its_answer_as_plain_json(planned: Callable[..., Shop], tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(entries("Parse dates"), indent=1))
    run = ask(planned(command=f"echo reading; {spends(0.01)}; cat {tmp_path}/plan.json"))
    assert [proposal.title for proposal in run.proposals.all()] == ["Parse dates"]


def test_a_second_bad_answer_ends_it_with_its_problems(planned: Callable[..., Shop]) -> None:
    run = ask(planned("Prose.", entries("Parse dates", budget_usd=3)))
    assert run.session.outcome == Outcome.FAILED
    assert run.problems == ["Entry 1: take out `budget_usd`: an agent sets no amounts"]
    assert not run.proposals.exists()


def test_the_repair_prompt_of_a_command_has_the_goal_and_the_answer(planned: Callable[..., Shop], tmp_path: Path) -> None:
    shop = planned(command=answers(tmp_path, "Prose.", "Prose.") + f'; cp "$MUSTER_PROMPT_FILE" {tmp_path}/prompt')
    ask(shop, goal="Speak ISO")
    text = (tmp_path / "prompt").read_text()
    assert "Speak ISO" in text
    assert "# Your answer was\n\nProse.\n" in text
    assert "Nothing of it was taken over" in text


def test_its_prompt_lists_the_backlog(planned: Callable[..., Shop]) -> None:
    shop = planned(entries("Parse dates"))
    an_entry(shop.workspace, content="Fix the door", files=["door.py"])
    assert "- #1 Fix the door (door.py)" in ask(shop).prompt


def test_what_it_changes_is_discarded(planned: Callable[..., Shop], tmp_path: Path) -> None:
    shop = planned(command=f"echo mine > README; pwd > {tmp_path}/place; {answers(tmp_path, entries('Parse dates'))}")
    ask(shop)
    assert shop.merged("README") == "hello\n"
    assert not Path((tmp_path / "place").read_text().strip()).exists()


def test_a_crash_ends_it_with_the_agents_last_line(planned: Callable[..., Shop]) -> None:
    run = ask(planned(command="echo no key >&2; exit 3"))
    assert (run.session.outcome, run.session.outcome_message) == (
        Outcome.CRASHED,
        "The agent exited with 3. Its last words: no key",
    )


def test_it_spends_no_more_than_a_run_may(planned: Callable[..., Shop], tmp_path: Path) -> None:
    shop = planned(command=f"{spends(0.3)}; sleep 60", run_usd=0.2)
    run = ask(shop)
    assert run.session.outcome == Outcome.OUT_OF_MONEY
    assert project(shop.workspace).held == 0


def test_a_stopped_run_ends_its_processes(planned: Callable[..., Shop]) -> None:
    shop = planned(command="sleep 60")
    run = run_requests.plan(shop.workspace, "Better", by=ANA)
    session = Session.of_any_role.get(pk=run.pk)
    thread = shop.meanwhile(lambda: session.pk in shop.heartbeat.supervised, lambda: shop.flags(session).request_end("stopped"))
    Session.of_any_role.filter(pk=run.pk).update(stop_wanted_by="ana")
    assert shop.supervise(session).outcome_message == "Stopped by ana"
    thread.join()


def test_stop_all_stops_a_run_before_it_began(planned: Callable[..., Shop]) -> None:
    shop = planned()
    run = run_requests.plan(shop.workspace, "Better", by=ANA)
    assert sessions.stop_all(shop.workspace.pk, by=ANA) == 1
    session = Session.of_any_role.get(pk=run.pk)
    assert (session.status, session.outcome) == (Session.Status.ENDED, Outcome.STOPPED)
    assert Hold.objects.get().state == Hold.State.SETTLED


@pytest.mark.parametrize(("category", "period"), [("orchestrator", "day"), ("orchestrator", "all"), ("total", "day")])
def test_a_limit_refuses_a_run_with_its_sentence(planned: Callable[..., Shop], category: str, period: str) -> None:
    shop = planned(run_usd=0.5)
    caps.set_limit(project(shop.workspace), category, period, usd("0.4"), by=ANA)
    with pytest.raises(Invalid, match=r"^\$0\.40 is left of .*, a run needs \$0\.50$"):
        run_requests.plan(shop.workspace, "Better", by=ANA)
    assert not Run.objects.exists()
    assert not Hold.objects.exists()


def test_no_run_starts_while_too_much_is_spent_on_steering(planned: Callable[..., Shop]) -> None:
    shop = planned(entries("Parse dates"), max_steering_share=0.25)
    ask(shop)  # nothing was spent before it
    sentence = "Steering has cost $0.01 of $0.01, which is 100 % and more than the config's max_steering_share of 25 %"
    with pytest.raises(Invalid, match=re.escape(sentence)):
        run_requests.plan(shop.workspace, "Better", by=ANA)
    entry = an_entry(shop.workspace)
    a_charge(entry, "0.02", round=None, category="interceptor")
    a_charge(entry, "0.08", round=None)
    with pytest.raises(Invalid, match=re.escape("$0.03 of $0.11, which is 27 %")):
        run_requests.plan(shop.workspace, "Better", by=ANA)
    a_charge(entry, "0.01", round=None)
    assert run_requests.plan(shop.workspace, "Better", by=ANA)


def test_a_run_does_not_count_among_the_sessions(planned: Callable[..., Shop]) -> None:
    shop = planned(entries("Parse dates"))
    run_requests.plan(shop.workspace, "Better", by=ANA)
    assert not Session.objects.filter(workspace=shop.workspace).exists()
    until(lambda: Session.of_any_role.filter(workspace=shop.workspace).count() == 1)


def test_without_a_planner_the_refusal_names_the_key(shop: Callable[..., Shop]) -> None:
    with pytest.raises(Invalid, match="set `planner` in its config first"):
        run_requests.plan(shop().workspace, "Better", by=ANA)
