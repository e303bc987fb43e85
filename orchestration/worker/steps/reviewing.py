"""Agents that judge: the interceptor, which reads a round's diff, and the verifying agent. Each in a clean copy, with money of its own."""

import time
from pathlib import Path
from typing import Any

from django.db import transaction

from budget import ledger, limits
from budget.models import Hold, Project
from orchestration import sessions
from orchestration.configuration import Agent, Interceptor, micro
from orchestration.git import worktrees
from orchestration.models import Entry, Executor, Round, Session
from orchestration.sessions import Ending, metering, session_dir
from orchestration.worker.agent_run import outcomes
from orchestration.worker.agent_run import run as agent_run
from orchestration.worker.agent_run.run import AgentRun
from orchestration.worker.agents.shared.failures import Failure
from orchestration.worker.steps import agent_verdicts, prompts
from orchestration.worker.steps.context import RoundContext, SessionOver
from orchestration.worker.steps.judgement import Judgement

LEAST = 1000  # micro-USD: with less than a tenth of a cent there is no use in starting
DIFF_BYTES = 120_000


def intercept(work: RoundContext) -> list[str]:
    """Let the interceptor read the round's diff. Answers its objections; a review that could not be made objects to nothing, visibly."""
    config = work.config.interceptor
    if config is None or not work.round.diffstat.get("files"):
        return []
    with transaction.atomic():  # one review after the other is let in: each sees what the others may still spend
        Executor.objects.select_for_update().get(pk=work.session.workspace_id)
        limit, why_not = _may_intercept(work, config)
        if limit >= LEAST:
            sessions.enter(work.session, Session.Phase.INTERCEPTION)
    if limit < LEAST:
        _note(work, {"verdict": "skipped", "reasons": [why_not]})
        return []
    text = _prompt(work, "review")
    _note(work, {"verdict": "open", "prompt": text})
    with worktrees.checkout(work.repo, session_dir.worktrees(), work.session.pk, work.round.commit) as clean:
        turn, seconds = _run(work, config.agent, "review", text, clean, limit)
    work.check_wishes()
    answer = agent_verdicts.read(turn.summary) if turn.ok else None
    told: dict[str, Any] = {"prompt": text, "agent": config.agent.kind, "seconds": round(seconds, 3)}
    if answer is None:
        _note(work, told | {"verdict": "failed", "reasons": [_why_not(turn)]})
        return []
    _note(work, told | {"verdict": "pass" if answer.passed else "objections", "reasons": answer.reasons})
    return [] if answer.passed else [f"review: {reason}" for reason in answer.reasons]


def judge(work: RoundContext, clean: Path) -> Judgement:
    """Let the verifying agent judge the work in this checkout. Raises Over when it gives no verdict: the next session verifies only."""
    config = work.config.verifier
    assert config is not None
    wanted = micro(config.round_usd)
    limit = min(wanted, _afford(work.session, wanted))
    if limit < LEAST:
        message = "The budget leaves nothing for the verifying agent: raise the entry's budget or the cap"
        raise SessionOver(Ending(Session.Outcome.OUT_OF_MONEY, message, findings=(message,), verify_next=True))
    text = _prompt(work, "verify")
    turn, seconds = _run(work, config.agent, "verify", text, clean, limit)
    work.check_wishes()
    answer = agent_verdicts.read(turn.summary) if turn.ok else None
    if answer is None:
        raise SessionOver(_no_verdict(turn))
    return Judgement(answer, config.agent, turn.summary[-4000:], text, seconds)


def _run(work: RoundContext, agent: Agent, role: agent_run.Role, text: str, clean: Path, limit: int) -> tuple[AgentRun, float]:
    began = time.monotonic()
    here = session_dir.of(work.session.pk)
    turn = agent_run.run(work.session, work.watch, work.writer, agent, role, here, prompt=text, cwd=clean, limit=limit)
    if not turn.cost_known:
        sessions.forget_price(work.session)
    return turn, time.monotonic() - began


def _prompt(work: RoundContext, role: str) -> str:
    diff = worktrees.diff(work.tree.path, work.tree.base_sha, work.round.commit, limit_bytes=DIFF_BYTES)
    write = prompts.review if role == "review" else prompts.verify
    try:
        return write(work.entry, work.config, number=work.round.number, diff=diff)
    except ValueError as problem:
        message = f"The workspace's prompt template for {role} fails: {problem}"
        raise SessionOver(Ending(Session.Outcome.CRASHED, message, findings=(message,), verify_next=True)) from None


def _may_intercept(work: RoundContext, config: Interceptor) -> tuple[int, str]:
    """Micro-USD for this review: under the caps of the config, the limits of the budget, and what the session's hold can be made to cover.
    And, where that is not enough, why.
    """
    workspace_id, wanted = work.entry.workspace_id, micro(config.round_usd)
    why_not = "No money is left under the interceptor's caps"
    others = Session.objects.filter(workspace_id=workspace_id, status=Session.Status.RUNNING, phase=Session.Phase.INTERCEPTION)
    beside = others.count() * micro(config.round_usd)  # what they may spend yet
    if config.entry_usd is not None:
        wanted = min(wanted, micro(config.entry_usd) - _account_spent(work.entry))
    if config.workspace_usd is not None:
        spent = Project.objects.values_list("interceptor_spent", flat=True).get(pk=workspace_id)
        wanted = min(wanted, micro(config.workspace_usd) - spent - beside)
    for one in limits.statuses(workspace_id):
        if one.category == "interceptor" and one.left is not None and one.left - beside < wanted:
            wanted = one.left - beside
            why_not = f"Skipped: {limits.describe(one)} is used up"
    if wanted < LEAST:
        return 0, why_not
    affordable = min(wanted, _afford(work.session, wanted))
    return affordable, "Skipped: the cap, a limit or the entry's budget leaves no money for it" if affordable < LEAST else ""


def _account_spent(entry: Entry) -> int:
    return Entry.objects.values_list("account__interceptor_spent", flat=True).get(pk=entry.pk)


def _afford(session: Session, wanted: int) -> int:
    """Make the session's hold cover so much more, if the caps allow it. Answers what is there then."""
    if session.hold is None:
        project, account = session.entry.account.project, session.entry.account
        with transaction.atomic():  # a session that is not ours any more leaves no hold behind
            hold = ledger.open_reservation(project, account, session_ref=session.pk, amount=wanted)
            if hold is not None:
                sessions.write(session, hold=hold)
        return wanted if hold is not None else 0
    left = metering.left(session)
    if left < wanted and ledger.grow(Hold.objects.get(pk=session.hold.pk), wanted - max(left, 0)):
        left = wanted
    return max(left, 0)


def _why_not(turn: AgentRun) -> str:
    if turn.failure is not None:
        return turn.failure.sentence
    if turn.reason == "out_of_money":
        return "It spent what it may spend in a round and gave no verdict"
    return "It gave no verdict that can be read" if turn.ok else f"It ended without a verdict ({turn.ended.cause})"


def _no_verdict(turn: AgentRun) -> Ending:
    message = f"The verifying agent gave no verdict: {_why_not(turn)}"[:500]
    if isinstance(turn.failure, Failure):
        ending = outcomes.failed(turn.failure, cost_unknown=not turn.cost_known)
        return Ending(
            ending.outcome,
            message,
            cost_unknown=ending.cost_unknown,
            findings=(message,),
            failure=ending.failure,
            trouble=ending.trouble,
            verify_next=True,
        )
    return Ending(Session.Outcome.CRASHED, message, cost_unknown=not turn.cost_known, findings=(message,), verify_next=True)


def _note(work: RoundContext, review: dict[str, Any]) -> None:
    work.round.review = review
    Round.objects.filter(pk=work.round.pk).update(review=review)
