"""Charges that arrive over the API: an outside planner or gateway reports what it spent (budget.md, Pieces)."""

import hashlib
import secrets
from dataclasses import dataclass

from budget import ledger, prices
from budget.models import Account, Category, LedgerEntry, Project
from workspaces.errors import Invalid

LONGEST_KEY = 255


@dataclass(frozen=True)
class Report:
    """What the caller says. `amount` in micro-USD; None: priced from the tokens."""

    category: Category
    amount: int | None
    tokens: prices.Tokens
    reason: str = ""
    round_number: int | None = None


def book(project: Project, account: Account | None, report: Report, *, actor: str, key: str | None) -> LedgerEntry:
    """Book a charge once per key. Raises Invalid for a key used with another charge, or a model without a price."""
    if report.category == Category.ENTRY and account is None:
        raise Invalid("A charge of the category 'entry' must name its entry", "entry_id")
    if key is not None and not 1 <= len(key) <= LONGEST_KEY:
        raise Invalid(f"The key must have 1 to {LONGEST_KEY} characters", "Idempotency-Key")
    computed = prices.cost(report.tokens) if report.tokens.model else None
    amount = report.amount if report.amount is not None else computed
    if amount is None:
        message = "Give amount_usd, or tokens of a model that has a price"
        raise Invalid(message, "model" if report.tokens.model else "amount_usd")
    what = ledger.Charge(
        event_key=_event_key(project, actor, key),
        amount=amount,
        price_source=LedgerEntry.PriceSource.COMPUTED if report.amount is None else LedgerEntry.PriceSource.REPORTED,
        category=report.category,
        reported=report.amount,
        computed=computed,
        price_version=prices.VERSION if computed is not None else "",
        model=report.tokens.model,
        input_tokens=report.tokens.input,
        output_tokens=report.tokens.output,
        cache_read_tokens=report.tokens.cache_read,
        cache_write_tokens=report.tokens.cache_write,
        reason=report.reason,
    )
    fresh = ledger.charge(project, what, account=account, round_number=report.round_number, actor=actor)
    row = LedgerEntry.objects.get(event_key=what.event_key)
    if not fresh and not _same(row, what, account, report.round_number):
        raise Invalid("This key was used for another charge", "Idempotency-Key")
    return row


def _event_key(project: Project, actor: str, key: str | None) -> str:
    if key is None:
        return f"charge:{secrets.token_hex(16)}"
    scope = f"{project.pk}\n{actor}\n{key}"
    return f"charge:{hashlib.sha256(scope.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _same(row: LedgerEntry, what: ledger.Charge, account: Account | None, round_number: int | None) -> bool:
    """Whether the row tells the same report. Its price is left out: the table may have changed between the two calls."""
    fields = ("category", "reported", "model", "reason")
    tokens = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    told = all(getattr(row, name) == getattr(what, name) for name in (*fields, *tokens))
    return told and row.account_id == (account.pk if account else None) and round_number in (None, row.round)
