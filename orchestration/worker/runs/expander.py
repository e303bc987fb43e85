"""The question to an expander: an entry with its rounds and their findings, beside the backlog and the files of its commit."""

from functools import partial

from orchestration.backlog.splitting import MAX_CHILDREN
from orchestration.configuration import Config
from orchestration.models import Round, Run
from orchestration.proposals.answering import split_answers
from orchestration.proposals.context import planning_context, snapshots
from orchestration.repositories import local_repository
from orchestration.worker.runs.planner import backlog_lines
from orchestration.worker.runs.question import Question
from orchestration.worker.steps import prompts

MAX_ROUNDS = 10  # the newest
MAX_FINDINGS = 10  # of a round


def question(run: Run, config: Config) -> Question:
    subject = run.subject
    if subject is None:
        raise ValueError("the entry that it was asked about is missing")
    workspace = run.session.workspace
    known = planning_context.read(workspace.pk, local_repository.path(workspace), run.commit)
    snapshot = snapshots.read(workspace.pk, [subject.pk])[subject.pk]
    rounds = list(Round.objects.filter(entry=subject).order_by("-number")[:MAX_ROUNDS])
    prompt = prompts.expand(
        subject,
        config,
        rounds=[_round_lines(round_) for round_ in reversed(rounds)],
        backlog=[line for line in backlog_lines(known) if not line.startswith(f"#{subject.seq} ")],
        most=MAX_CHILDREN,
    )
    return Question(prompt, partial(split_answers.read, planning_context=known, subject=snapshot))


def _round_lines(round_: Round) -> str:
    score = "" if round_.score is None else f", score {round_.score:.2f}"
    findings = [str(finding)[:300] for finding in round_.findings[:MAX_FINDINGS]]
    return "; ".join([f"Round {round_.number}{score}: {round_.summary or round_.verdict}"[:500], *findings])
