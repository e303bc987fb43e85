"""Money for the agents that judge a session's work: under the config's caps and the budget's limits, and covered by the session's reservation."""

from dataclasses import dataclass

from django.db import transaction

from budget import ledger, limits
from budget.ledger import requests
from budget.models import GatewayRequest, Project
from orchestration.configuration import Interceptor, Verifier, micro
from orchestration.models import Entry, Session
from orchestration.sessions import lifecycle, metering, reservations

MIN_LIMIT = 1000  # micro-USD: with less than a tenth of a cent a start is pointless
NOT_COVERED = "No money for the review: the cap, a limit or the entry's budget leaves too little"


@dataclass(frozen=True, slots=True)
class JudgeMoney:
    """Micro-USD of an agent that judges. `most`: the limit of its role. `covered`: the part that its session's reservation can pay, which is less
    where money is short. `problem`: the sentence if that is less than the `least`."""

    most: int
    covered: int
    problem: str = ""
    least: int = MIN_LIMIT


def for_interceptor(session: Session, config: Interceptor, *, in_gateway: bool) -> JudgeMoney:
    """Money for this review, under the config's caps and the budget's limits. `in_gateway`: its requests pass the gateway."""
    workspace_id, round_limit = session.workspace_id, micro(config.round_usd)
    limit = round_limit
    reason = "No money for the review: the interceptor's caps are used up"
    others = Session.objects.filter(workspace_id=workspace_id, status=Session.Status.RUNNING, phase=Session.Phase.INTERCEPTION)
    committed = others.count() * round_limit  # what they may still spend
    if config.entry_usd is not None:
        limit = min(limit, micro(config.entry_usd) - _account_spent(session.owner_id))
    if config.workspace_usd is not None:
        spent = Project.objects.values_list("interceptor_spent", flat=True).get(pk=workspace_id)
        limit = min(limit, micro(config.workspace_usd) - spent - committed)
    for current_limit in limits.statuses(workspace_id):
        if current_limit.category == "interceptor" and current_limit.left is not None and current_limit.left - committed < limit:
            limit = current_limit.left - committed
            reason = f"No money for the review: {limits.describe(current_limit)} is used up"
    if limit < MIN_LIMIT:
        return JudgeMoney(limit, 0, reason)
    return _covered(session, limit, NOT_COVERED, in_gateway=in_gateway)


def for_verifier(session: Session, config: Verifier, *, in_gateway: bool) -> JudgeMoney:
    """Money for the verifying agent of this round. `in_gateway`: its requests pass the gateway."""
    problem = "The budget leaves too little for the verifying agent: raise the entry's budget or the cap"
    return _covered(session, micro(config.round_usd), problem, in_gateway=in_gateway)


def _covered(session: Session, limit: int, problem: str, *, in_gateway: bool) -> JudgeMoney:
    """A session that only judges begins with less than the limit where the gateway admits each request: past it each such session overdraws by one."""
    least = limit if not in_gateway and session.work == Entry.Work.VERIFY else MIN_LIMIT
    covered = min(limit, _cover(session, limit))
    return JudgeMoney(limit, covered, problem if covered < least else "", least)


def lacks(session: Session, role: str, money: JudgeMoney) -> tuple[int, str] | None:
    """The micro-USD without which another agent of this role would end as this one did, at its limit, and the limit that refused them. None: it spent
    all that its role may spend, and another one may need less."""
    refused = requests.least_refused(session.pk, role)
    if refused is None:  # its program ended by itself
        return (money.most, GatewayRequest.RefusedBy.MONEY) if money.covered < money.most else None
    amount, limit = refused
    if limit == GatewayRequest.RefusedBy.MONEY:
        return max(amount, min(amount + amount // 10, money.most)), limit
    return refused if amount > money.most else None


def _account_spent(entry_id: str) -> int:
    return Entry.objects.values_list("account__interceptor_spent", flat=True).get(pk=entry_id)


def _cover(session: Session, amount: int) -> int:
    """Let the session's reservation cover up to `amount` more micro-USD, as far as the caps allow it. Returns what is covered then."""
    if session.hold is None:
        project, account = session.entry.account.project, session.entry.account
        with transaction.atomic():  # a session that another worker took over leaves no reservation behind
            reservations.cover(account.pk, amount)
            reservation = ledger.open_up_to(project.pk, account.pk, session_ref=session.pk, most=amount)
            if reservation is None:
                return 0
            lifecycle.write(session, hold=reservation)
        return int(reservation.amount)
    left = max(metering.left(session), 0)
    return left + reservations.extend(session, amount - left) if left < amount else left
