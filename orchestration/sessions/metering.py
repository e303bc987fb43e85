"""Usage that a session's agent reports, booked against the session's reservation, once per event."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from budget import ledger
from budget.ledger import prices
from budget.models import Category, LedgerEntry, Project
from orchestration import configuration
from orchestration.configuration import circuit_breaker
from orchestration.configuration.provider_trouble import reviewer
from orchestration.configuration.windows import months
from orchestration.messaging import wake_ups
from orchestration.models import Credential, Executor, Session
from orchestration.sessions import lifecycle


@dataclass(frozen=True, slots=True)
class Usage:
    """One request. `cache_write_1h_tokens`: the part of `cache_write_tokens` that is kept for an hour. `context`: how it was served. `cost` in micro-USD as the agent reports it; None: priced by Muster from the tokens.

    `of_thread`: the id is unique in the conversation, not only in the session: a later session that reads it again books nothing.
    """

    id: str
    cost: int | None = None
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    context: prices.Context = ()
    of_thread: bool = False


def price(usage: Usage) -> int | None:
    """Micro-USD by the price table; None: the model is not in it."""
    if not usage.model:
        return None
    return prices.cost(
        prices.Tokens(
            usage.model,
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_tokens,
            usage.cache_write_tokens,
            usage.cache_write_1h_tokens,
            usage.context,
        )
    )


def record(session: Session, usage: Usage, category: Category = Category.ENTRY, *, role: str = "implement") -> bool:
    """Book a usage event of the session's agent in this role. False: it was booked before, by the gateway too, or its cost is unknown: then the session is
    marked and settles at its whole reservation."""
    if session.meter == Session.Meter.GATEWAY:
        return False
    if not is_priced(usage) and not is_covered(session, role):
        mark_unpriced(session, usage.model or "unknown")
        return False
    fresh = book(session, usage, category, role=role)
    if fresh:
        wake_ups.publish_change(session.workspace_id, "budget", "workers")
    return fresh


def is_covered(session: Session, role: str) -> bool:
    """True if a plan pays what the session's agent in this role uses: then its price is kept, and nothing is booked."""
    of = reviewer(role.partition("-")[0])
    if not of:
        return session.is_plan
    config = configuration.load(Executor.objects.get(pk=session.workspace_id).config)
    _, access = circuit_breaker.access_of(session, config, of)
    rows = Credential.objects.filter(workspace_id=session.workspace_id, name=access.credential)
    return rows.filter(billing=Credential.Billing.PLAN).exists()


def is_priced(usage: Usage) -> bool:
    return usage.cost is not None or price(usage) is not None


def book(session: Session, usage: Usage, category: Category, *, role: str, at: datetime | None = None) -> bool:
    """Book a usage event whose cost is known, or that a plan pays, for a session that may have ended. `at`: as of Charge. False: it was booked before."""
    computed = price(usage)
    amount = usage.cost if usage.cost is not None else computed
    if is_covered(session, role):
        amount, computed = 0, amount if computed is None else computed
    assert amount is not None
    charge = ledger.Charge(
        event_key=_key(session, usage, role),
        amount=amount,
        price_source=LedgerEntry.PriceSource.REPORTED if usage.cost is not None else LedgerEntry.PriceSource.COMPUTED,
        category=category,
        reported=usage.cost,
        computed=computed,
        price_version=prices.VERSION if computed is not None else "",
        model=usage.model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        at=at,
    )
    account = None if session.is_run else session.entry.account
    with transaction.atomic():
        is_fresh = ledger.charge(
            account.project if account else Project.objects.get(pk=session.workspace_id),
            charge,
            account=account,
            reservation=session.hold,
            session_ref=session.pk,
            round_number=session.round_number or None,
            actor=session.agent or "agent",
        )
        if is_fresh and months.are_counted(session.workspace_id):
            config = configuration.of_session(Executor.objects.get(pk=session.workspace_id).config, session.agent_name)
            _, access = circuit_breaker.access_of(session, config, reviewer(role.partition("-")[0]))
            months.spent(session.workspace_id, access.credential, 0 if usage.cost == 0 else amount or computed or 0, used_at=at)
    return is_fresh


def _key(session: Session, usage: Usage, role: str) -> str:
    """Agents in different roles of one session each number their events from the start."""
    if usage.of_thread:
        return f"{session.work_id}:{usage.id}"[:200]
    prefix = "" if role == "implement" else f"{role}:"
    return f"{session.pk}:{session.attempt}:{prefix}{usage.id}"[:200]


def mark_unpriced(session: Session, model: str) -> None:
    """Mark the session's cost as not fully known: unpriced is never zero."""
    try:
        lifecycle.write(session, unpriced_model=model[:200])
    except lifecycle.Superseded:
        pass


def left(session: Session) -> int:
    """Micro-USD that the session may still spend; 0 or less: its reservation is used up."""
    if session.hold_id is None:
        return 0
    amount, drawn = ledger.drawn(session.hold_id)
    return amount - drawn
