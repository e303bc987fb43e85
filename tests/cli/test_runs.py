"""`muster plan` and `muster runs`: proposals, and the person who decides."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestration import sessions
from orchestration.models import Entry, Run, Session
from orchestration.proposals import making
from orchestration.proposals.answering.answers import additions
from orchestration.proposals.answering.proposed import Answer
from orchestration.proposals.kinds.schema import AnsweredEntry
from orchestration.sessions import Ending
from tests.cli.terminal import Terminal
from tests.factories import a_worker
from tests.orchestration.proposals.made import PLANNER, a_run, states
from workspaces.models import Workspace

pytestmark = pytest.mark.shop(planner=PLANNER)


@pytest.fixture
def while_it_plans(monkeypatch: pytest.MonkeyPatch, muster: Terminal) -> Callable[[Callable[[], Any]], None]:
    """The wait for the planner does this instead."""
    from muster_cli.commands import runs

    return lambda step: monkeypatch.setattr(runs.time, "sleep", lambda _: step())


def answered() -> None:
    session = sessions.take(Run.objects.get().pk, attempt=1, worker=a_worker())
    assert session
    making.keep_answer(
        session, "the answer", Answer(additions([AnsweredEntry(content="First"), AnsweredEntry(content="Second")]))
    )
    assert sessions.conclude(session, Ending(Session.Outcome.PASSED))


def interrupted() -> None:
    raise KeyboardInterrupt


def test_a_goal_becomes_entries(muster: Terminal, while_it_plans: Callable[..., None]) -> None:
    while_it_plans(answered)
    outcome = muster("plan", "Make it better", "--yes")
    assert (outcome.code, outcome.out) == (0, "Added 2 entries.\n")
    assert sorted(Entry.objects.values_list("content", flat=True)) == ["First", "Second"]


def test_a_dry_run_leaves_the_proposals_open(muster: Terminal, while_it_plans: Callable[..., None]) -> None:
    while_it_plans(answered)
    outcome = muster("plan", "Make it better", "--dry-run", "--json", "state")
    assert outcome.json == [{"state": "open"}, {"state": "open"}] and not Entry.objects.exists()


def test_without_a_terminal_nothing_is_added_unasked(muster: Terminal, while_it_plans: Callable[..., None]) -> None:
    while_it_plans(answered)
    assert muster("plan", "Make it better").code == 2 and not Entry.objects.exists()
    assert muster("plan", "-", stdin="A goal").code == 2


def test_ctrl_c_stops_the_run(muster: Terminal, while_it_plans: Callable[..., None]) -> None:
    while_it_plans(interrupted)
    outcome = muster("plan", "Make it better")
    assert outcome.code == 130 and "Stopped run" in outcome.err
    assert muster.json("runs")["runs"][0]["status"] == "stopped"


def test_ctrl_c_after_the_end_of_the_run_is_no_error(muster: Terminal, while_it_plans: Callable[..., None]) -> None:
    def just_ended() -> None:
        answered()
        raise KeyboardInterrupt

    while_it_plans(just_ended)
    assert muster("plan", "Make it better").code == 130


def test_the_proposals_of_a_run_are_decided(muster: Terminal, workspace: Workspace) -> None:
    run = a_run(workspace, "First", "Second")
    assert run.pk in muster("runs").out
    assert "First" in muster("runs", run.pk).out
    assert muster("runs", run.pk, "--apply").out == "Added 2 entries.\n"
    assert muster("runs", run.pk, "--undo").code == 0 and states(run) == ["open", "open"]
    assert muster("runs", run.pk, "--reject").code == 0 and states(run) == ["rejected", "rejected"]
    assert muster("runs", "--apply").code == 2
    assert muster("runs", run.pk, "--apply", "--undo").code == 2
