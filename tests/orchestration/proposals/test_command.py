"""`./muster plan`: the goal is asked for, watched, shown and then added, by a real command agent."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from orchestration import sessions
from orchestration.management.commands import plan
from orchestration.models import Entry, Proposal, Run, Session
from tests.factories import ANA, a_worker, an_entry, project
from tests.orchestration.worker.sessions.conftest import shop
from tests.orchestration.worker.sessions.planning import answers, entries
from tests.orchestration.worker.sessions.shop import Shop

__all__ = ["shop"]


@pytest.fixture
def planned(shop: Callable[..., Shop], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Shop]:
    """Makes a workspace with a planner that gives these answers. The run goes on whenever the command waits."""

    def make(*texts: Any) -> Shop:
        planning = shop(planner={"agent": {"command": answers(tmp_path, *texts)}, "run_usd": 0.5})

        def go_on(seconds: float) -> None:
            for session in Session.of_any_role.filter(status=Session.Status.CLAIMED, role="plan"):
                planning.supervise(session)

        monkeypatch.setattr(plan.time, "sleep", go_on)  # type: ignore[attr-defined]
        return planning

    return make


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("plan", *words, stdout=out, stderr=out)
    return out.getvalue()


def refused(*words: str) -> tuple[int, str]:
    out = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command("plan", *words, stdout=out, stderr=out)
    return error.value.returncode, f"{out.getvalue()}{error.value}"


TWO = {"entries": [{"content": "Parse", "ref": "parse"}, {"content": "Print\n\nAll", "depends_on": ["parse"], "group": "Out"}]}


def test_it_shows_what_is_proposed_and_adds_it(planned: Callable[..., Shop]) -> None:
    planned(TWO)
    shown = run("Speak ISO", "--yes")
    assert "  starting\n+ parse Parse\n+ Print  [Out]  waits for parse\n2 entries for $0.01.\nAdded: #1, #2.\n" in shown
    assert Entry.objects.get(seq=2).created_by == "command line"


def test_a_dry_run_leaves_the_proposals_open(planned: Callable[..., Shop]) -> None:
    planned(entries("Parse"))
    assert "Nothing was added. The proposals are open." in run("Speak ISO", "--dry-run")
    assert not Entry.objects.exists()


@pytest.mark.parametrize(("answer", "added"), [("y\n", 1), ("\n", 0)])
def test_it_asks_before_it_adds(planned: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch, answer: str, added: int) -> None:
    planned(entries("Parse"))
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    if added:
        assert "Add to Shop? [y/N] Added: #1." in run("Speak ISO")
    else:
        assert refused("Speak ISO")[0] == 1
    assert Entry.objects.count() == added


def test_a_file_has_the_goal(planned: Callable[..., Shop], tmp_path: Path) -> None:
    planned(entries("Parse"))
    (tmp_path / "goal.md").write_text("Speak ISO\n")
    run(str(tmp_path / "goal.md"), "--dry-run")
    assert Run.objects.get().goal == "Speak ISO\n"


def test_a_failed_run_shows_its_problems_and_its_cost(planned: Callable[..., Shop]) -> None:
    planned("Prose.", {"entries": [{}]})
    code, shown = refused("Speak ISO", "--yes")
    assert code == 1
    assert "Entry 1: `content` is missing\n" in shown
    assert shown.endswith("Its answer cannot be used: Entry 1: `content` is missing. It cost $0.02")


def test_a_run_that_was_stopped_elsewhere_adds_nothing(planned: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch) -> None:
    planning = planned()

    def stopped(seconds: float) -> None:
        sessions.stop_run(planning.workspace.pk, Run.objects.get().pk, by=ANA)

    monkeypatch.setattr(plan.time, "sleep", stopped)  # type: ignore[attr-defined]
    code, shown = refused("Speak ISO", "--yes")
    assert code == 1 and shown.endswith("Stopped by ana before it began. It cost $0.00")


def test_ctrl_c_stops_the_run(planned: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch) -> None:
    planning = planned()

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(plan.time, "sleep", interrupt)  # type: ignore[attr-defined]
    assert refused("Speak ISO")[1].endswith("Stopped. What it spent stays booked")
    assert Session.of_any_role.get().outcome == Session.Outcome.STOPPED
    assert project(planning.workspace).held == 0


def test_what_the_backlog_has_outrun_is_named(planned: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch) -> None:
    planning = planned(entries("Parse", "Print"))

    def add_meanwhile(command: plan.Command, run: Run) -> None:
        an_entry(planning.workspace, content="Parse")

    monkeypatch.setattr(plan.Command, "_show", add_meanwhile)
    assert "! Parse: #1 with the same title and files was added since\nAdded: #2." in run("Speak ISO", "--yes")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["-"], 2, "needs --yes or --dry-run"),
        ([" "], 2, "The goal cannot be used: Value error, may not be empty"),
        (["Speak ISO", "--workspace", "ws_no"], 2, "There is no workspace 'ws_no'"),
    ],
)
def test_a_wrong_argument_has_a_sentence(planned: Callable[..., Shop], words: list[str], code: int, sentence: str) -> None:
    planned()
    returned, shown = refused(*words)
    assert (returned, sentence in shown) == (code, True)
    assert not Proposal.objects.exists()


def test_without_a_planner_it_names_the_key(shop: Callable[..., Shop]) -> None:
    shop()
    assert "set `planner` in its config first" in refused("Speak ISO")[1]


def test_without_a_worker_it_names_the_command(shop: Callable[..., Shop]) -> None:
    planning = shop()
    planning.heartbeat.leave()
    a_worker(queue="control")
    assert "No session worker is online: start Muster with ./muster up" in refused("Speak ISO")[1]
