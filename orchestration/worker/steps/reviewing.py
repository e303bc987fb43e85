"""The judging agents: the interceptor of a round's diff, and the verifying agent. Each has a clean checkout and a limit."""

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction

from budget.models import GatewayRequest
from orchestration import sessions
from orchestration.configuration import Agent
from orchestration.git import changes
from orchestration.git.clones import working_copies
from orchestration.models import Executor, Round, Session
from orchestration.sessions import review_money, rounds
from orchestration.sessions.review_money import MIN_LIMIT, JudgeMoney
from orchestration.worker.agent_run import gateway_access, outcomes, process
from orchestration.worker.agent_run.outcomes import NoVerdict
from orchestration.worker.agent_run.process import Invocation
from orchestration.worker.agents.shared.interface import Role
from orchestration.worker.endings import Facts, SessionOver
from orchestration.worker.steps import agent_verdicts, prompts
from orchestration.worker.steps.agent_verdicts import AgentVerdict, Judgement
from orchestration.worker.steps.context import RoundContext
from orchestration.worker.steps.runner import SessionRunner

DIFF_BYTES = 120_000


@dataclass(frozen=True, slots=True)
class _Request:
    """A request for a verdict."""

    role: Role
    word: str  # required in the verdict
    text: str  # the prompt


@dataclass(frozen=True, slots=True)
class _Answer:
    text: str
    verdict: AgentVerdict | NoVerdict
    seconds: float


def intercept(context: RoundContext) -> list[str]:
    """Let the interceptor read the round's diff. Returns its objections, or none without money for an optional review. Raises SessionOver without a required
    verdict: the next session begins with the review.
    """
    config = context.bench.config.interceptor
    if config is None or not context.round.diffstat.get("files"):
        return []
    in_gateway = _is_in_gateway(context, config.acting_agent, "review")
    with transaction.atomic():  # serialised: each admission sees the possible spend of the others
        Executor.objects.select_for_update().get(pk=context.session.workspace_id)
        money = review_money.for_interceptor(context.session, config, in_gateway=in_gateway)
        if not money.problem:
            sessions.enter(context.session, Session.Phase.INTERCEPTION)
    if money.problem:
        _record_review(context, {"verdict": rounds.NO_REVIEW if config.required else "skipped", "reasons": [money.problem]})
        if config.required:
            raise SessionOver(_unpaid(money))
        return []
    bench, request = context.bench, _request(context, "review")
    _record_review(context, {"verdict": "open", "prompt": request.text})
    checkout_of_work = working_copies.checkout(bench.store, bench.copies, context.session.pk, context.round.commit)
    with checkout_of_work as checkout, SessionRunner(context).staged(checkout):
        answer = _ask(context, config.acting_agent, request, checkout, money)
    verdict = answer.verdict
    review: dict[str, Any] = {
        "prompt": request.text,
        "agent": config.acting_agent.kind,
        "seconds": round(answer.seconds, 3),
        "word": request.word,
    }
    if isinstance(verdict, NoVerdict):
        state = rounds.NO_REVIEW if config.required else "failed"
        _record_review(context, review | {"verdict": state, "reasons": [verdict.problem]})
        if config.required:
            raise SessionOver(verdict.facts)
        return []
    _record_review(context, review | {"verdict": "pass" if verdict.passed else "objections", "reasons": verdict.reasons})
    return [] if verdict.passed else [f"review: {reason}" for reason in verdict.reasons]


def judge(context: RoundContext, checkout: Path) -> Judgement:
    """Let the verifying agent judge the work in this checkout. Raises SessionOver without a required verdict: the next session only verifies. Without verify
    commands it is always required: nothing else judges the work.
    """
    config = context.bench.config.verifier
    assert config is not None
    in_gateway = _is_in_gateway(context, config.acting_agent, "verify")
    money = review_money.for_verifier(context.session, config, in_gateway=in_gateway)
    required = "verifier" in context.bench.config.required_judges
    if money.problem and not required:
        return Judgement(None, config.acting_agent, "", "", "", 0.0, missing="Skipped: no money is left for it")
    if money.problem:
        raise SessionOver(_unpaid(money))
    request = _request(context, "verify")
    answer = _ask(context, config.acting_agent, request, checkout, money)
    verdict, missing = (None, answer.verdict) if isinstance(answer.verdict, NoVerdict) else (answer.verdict, None)
    if missing is not None and required:
        raise SessionOver(missing.facts)
    problem = missing.problem if missing is not None else ""
    return Judgement(verdict, config.acting_agent, answer.text[-4000:], request.text, request.word, answer.seconds, problem)


def _ask(context: RoundContext, agent: Agent, request: _Request, checkout: Path, money: JudgeMoney) -> _Answer:
    """Ask a judging agent. Raises SessionOver if the session must end."""
    began, scratch = time.monotonic(), context.bench.scratch(checkout, request.role)
    task = (context, agent, request.role, request.text)
    agent_run = process.run(Invocation(*task, cwd=checkout, scratch=scratch, limit=money.covered, most=money.most))
    if not agent_run.cost_known:
        sessions.forget_price(context.session)
    seconds, text = time.monotonic() - began, agent_run.summary
    context.check_stop_requests()
    verdict = agent_verdicts.read(text, request.word) if agent_run.ok else None
    lacks = None
    if agent_run.reason == "out_of_money" and agent_run.failure is None:
        lacks = review_money.lacks(context.session, request.role, money)
    return _Answer(text, verdict or outcomes.no_verdict(agent_run, request.role, lacks), seconds)


def _request(context: RoundContext, role: Role) -> _Request:
    word = secrets.token_hex(6)
    diff = changes.diff(context.bench.repo, context.worktree.base_sha, context.round.commit, limit_bytes=DIFF_BYTES)
    write = prompts.review if role == "review" else prompts.verify
    try:
        text = write(context.entry, context.bench.config, number=context.round.number, diff=diff, word=word)
        return _Request(role, word, text)
    except ValueError as problem:
        message = f"The workspace's prompt template for {role} fails: {problem}"
        raise SessionOver(Facts("not_judged", "config", (message,))) from None


def _is_in_gateway(context: RoundContext, agent: Agent, role: Role) -> bool:
    return not isinstance(gateway_access.setup(context.session, agent, role), str)


def _unpaid(money: JudgeMoney) -> Facts:
    """The work waits for money; at a used-up limit of the role, for a person."""
    if money.most >= MIN_LIMIT:
        lacks = (money.least, GatewayRequest.RefusedBy.MONEY.value) if money.least > MIN_LIMIT else None
        return Facts("unpaid", "judge_budget", (money.problem,), lacks=lacks)
    message = f"{money.problem}. Raise it, or set interceptor.required to false; then resume the entry"
    return Facts("unpaid", "review_budget", (message,))


def _record_review(context: RoundContext, review: dict[str, Any]) -> None:
    context.round.review = review
    Round.of_any_candidate.filter(pk=context.round.pk).update(review=review)
