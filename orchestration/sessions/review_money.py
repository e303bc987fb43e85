"""Money for the agents that judge a session's work: under the config's caps and the budget's limits, and covered by the session's reservation."""

from django.db import transaction

from budget import ledger, limits
from budget.models import Project
from orchestration.configuration import Interceptor, Verifier, micro
from orchestration.models import Entry, Session
from orchestration.sessions import lifecycle, metering, reservations

MIN_LIMIT = 1000  # micro-USD: with less than a tenth of a cent a start is pointless


def for_interceptor(session: Session, config: Interceptor) -> tuple[int, str]:
    """Micro-USD for this review: under the config's caps, the budget's limits, and what the session's reservation can cover. And, if that is
    not enough, the reason.
    """
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
        return 0, reason
    affordable = min(limit, _cover(session, limit))
    return (
        affordable,
        "No money for the review: the cap, a limit or the entry's budget leaves none" if affordable < MIN_LIMIT else "",
    )


def for_verifier(session: Session, config: Verifier) -> int:
    """Micro-USD for the verifying agent of this round."""
    round_limit = micro(config.round_usd)
    return min(round_limit, _cover(session, round_limit))


def _account_spent(entry_id: str) -> int:
    return Entry.objects.values_list("account__interceptor_spent", flat=True).get(pk=entry_id)


def _cover(session: Session, amount: int) -> int:
    """Extend the session's reservation to cover `amount` more micro-USD, if the caps allow it. Returns what is covered then."""
    if session.hold is None:
        project, account = session.entry.account.project, session.entry.account
        with transaction.atomic():  # a session that another worker took over leaves no reservation behind
            reservations.cover(account.pk, amount)
            reservation = ledger.open_reservation(project, account, session_ref=session.pk, amount=amount)
            if reservation is not None:
                lifecycle.write(session, hold=reservation)
        return amount if reservation is not None else 0
    left = max(metering.left(session), 0)
    return left + reservations.extend(session, amount - left) if left < amount else left
