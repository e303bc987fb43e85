"""The question to an orchestrator about the backlog. It reads states, reasons, scores and costs, and no repository."""

from functools import partial

from orchestration.configuration import Config
from orchestration.models import Run
from orchestration.proposals import overview
from orchestration.proposals.answering import change_answers
from orchestration.proposals.answering.change_schema import MAX_CHANGES
from orchestration.worker.runs.question import Question
from orchestration.worker.steps import prompts


def question(run: Run, config: Config) -> Question:
    seen, backlog = overview.read(run.session.workspace_id)
    prompt = prompts.orchestrate(run.goal, config, backlog=backlog, most=MAX_CHANGES)
    return Question(prompt, partial(change_answers.read, seen=seen))
