"""Runs that ended with proposals, without an agent."""

import json
from typing import Any

from orchestration import sessions
from orchestration.models import Proposal, Run, Session
from orchestration.proposals import making, overview, run_requests
from orchestration.proposals.answering import change_answers
from orchestration.proposals.answering.answers import additions
from orchestration.proposals.answering.proposed import Answer
from orchestration.proposals.kinds.schema import AnsweredEntry
from orchestration.sessions import Ending
from tests.factories import ANA, a_worker, an_entry
from workspaces.models import Workspace

PLANNER = {"agent": {"command": "true"}, "run_usd": 0.1}
"""For `a_workspace(planner=PLANNER)`."""


def a_run(workspace: Workspace, *entries: dict[str, Any] | str) -> Run:
    """A run that proposes these entries, and has ended."""
    session = a_running_run(workspace)
    listed = [AnsweredEntry.model_validate({"content": e} if isinstance(e, str) else e) for e in entries]
    making.keep_answer(session, "the answer", Answer(additions(listed)))
    assert sessions.conclude(session, Ending(Session.Outcome.PASSED))
    return run_requests.run_for(workspace.pk, session.pk)


def a_running_run(workspace: Workspace) -> Session:
    run = run_requests.plan(workspace, "Make it better", by=ANA)
    session = sessions.take(run.pk, attempt=1, worker=a_worker())
    assert session is not None
    return session


def states(run: Run) -> list[str]:
    """In the order of the answer."""
    return [str(proposal.state) for proposal in Proposal.objects.filter(run=run)]


def ids(run: Run, *numbers: int) -> list[int]:
    return list(Proposal.objects.filter(run=run, number__in=numbers).values_list("pk", flat=True))


ORCHESTRATOR = {"agent": {"command": "true"}, "run_usd": 0.1}
"""For `a_workspace(orchestrator=ORCHESTRATOR)`."""


def a_rearranging_run(workspace: Workspace, *changes: dict[str, Any]) -> Run:
    """An orchestrator's run that proposes these changes of the backlog as it is now, and has ended."""
    run = run_requests.orchestrate(workspace, by=ANA)
    session = sessions.take(run.pk, attempt=1, worker=a_worker())
    assert session is not None
    seen, _ = overview.read(workspace.pk)
    answer = change_answers.read(json.dumps({"changes": [{"reason": "It is better so", **change} for change in changes]}), seen)
    assert not answer.problems, answer.problems
    making.keep_answer(session, "the answer", answer)
    assert sessions.conclude(session, Ending(Session.Outcome.PASSED))
    return run_requests.run_for(workspace.pk, session.pk)


def a_split(workspace: Workspace) -> tuple[Run, Proposal]:
    """A run that proposes three children for an entry of the workspace, each with its reason."""
    row = an_entry(workspace, content="Handle dates")
    children = [
        {"content": "Parse dates", "ref": "parse", "spec": {"files_to_modify": ["a.py"], "patterns": ["as in b.py"]}},
        {"content": "Print dates", "ref": "print", "depends_on": ["parse"]},
        {"content": "Sort dates", "depends_on": ["print"]},
    ]
    run = a_rearranging_run(workspace, {"kind": "split", "entry": f"#{row.seq}", "entries": children})
    run.proposals.update(after={"entries": children, "reasons": ["They are read first", "", "It is easy then"]})
    return run, run.proposals.get()
