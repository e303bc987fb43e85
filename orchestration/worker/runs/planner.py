"""The question to a planner: a goal, beside the open entries and the files of its commit."""

from collections.abc import Sequence
from functools import partial

from orchestration.configuration import Config
from orchestration.models import Run
from orchestration.proposals.answering import answers
from orchestration.proposals.context import planning_context
from orchestration.proposals.context.planning_context import PlanningContext
from orchestration.proposals.kinds.schema import MAX_ENTRIES
from orchestration.repositories import local_repository
from orchestration.worker.runs.question import Question
from orchestration.worker.steps import prompts

MAX_LISTED = 300  # entries of the backlog in the prompt


def question(run: Run, config: Config) -> Question:
    workspace = run.session.workspace
    known = planning_context.read(workspace.pk, local_repository.path(workspace), run.commit)
    return Question(
        prompts.plan(run.goal, config, backlog=backlog_lines(known), most=MAX_ENTRIES),
        partial(answers.read, planning_context=known),
    )


def backlog_lines(known: PlanningContext) -> Sequence[str]:
    """A line for each open entry, the newest."""
    open_entries = [entry for entry in known.entries if entry.is_open]
    listed = [f"#{e.seq} {e.title}" + (f" ({', '.join(e.paths[:10])})" if e.paths else "") for e in open_entries[-MAX_LISTED:]]
    if len(open_entries) > MAX_LISTED:
        listed.append(f"and {len(open_entries) - MAX_LISTED} older ones")
    return listed
