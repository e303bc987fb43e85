"""Charges over the API: the spend reports of external planners and gateways (docs/explanation/money.md)."""

import hashlib
import secrets
from dataclasses import dataclass

from budget.ledger import booking, prices
from budget.models import Account, Category, Hold, LedgerEntry, Project
from workspaces.errors import Invalid

MAX_KEY_LENGTH = 255


@dataclass(frozen=True)
class Report:
    """A caller's report of spend."""

    category: Category
    amount: int | None  # micro-USD; None: priced from the tokens
    tokens: prices.Tokens
    reason: str = ""
    round_number: int | None = None


def book(
    project: Project, account: Account | None, report: Report, *, actor: str, key: str | None, permit: Hold | None = None
) -> LedgerEntry:
    """Book a charge once per key, and draw the permit down. Raises Invalid for a key used with another charge, or a model without a price.

    The money is already spent: it is booked beyond caps, limits and the permit, even after the permit's end.
    """
    if permit is not None and (permit.category != report.category or permit.account_id not in (None, account and account.pk)):
        raise Invalid("The permit is for another category or entry", "permit_id")
    if report.category == Category.ENTRY and account is None:
        raise Invalid("A charge of the category 'entry' must name its entry", "entry_id")
    if report.tokens.cache_write_1h > report.tokens.cache_write:
        raise Invalid("must be at most cache_write_tokens, which it is a part of", "cache_write_1h_tokens")
    computed = prices.cost(report.tokens) if report.tokens.model else None
    amount = report.amount if report.amount is not None else computed
    if amount is None:
        message = "Give amount_usd, or tokens of a model that has a price"
        raise Invalid(message, "model" if report.tokens.model else "amount_usd")
    item = booking.Charge(
        event_key=event_key(project.pk, actor, key),
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
        cache_write_1h_tokens=report.tokens.cache_write_1h,
        reason=report.reason,
    )
    fresh = booking.charge(project, item, account=account, reservation=permit, round_number=report.round_number, actor=actor)
    row = LedgerEntry.objects.get(event_key=item.event_key)
    if not fresh and not (_same(row, item, account, report.round_number) and row.hold_id == (permit and permit.pk)):
        raise Invalid("This key was used for another charge", "Idempotency-Key")
    return row


def event_key(project_id: str, actor: str, key: str | None, *, kind: str = "charge") -> str:
    """The ledger's unique key for the caller's own key, within this workspace and this caller. Raises Invalid."""
    if key is None:
        return f"{kind}:{secrets.token_hex(16)}"
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise Invalid(f"The key must have 1 to {MAX_KEY_LENGTH} characters", "Idempotency-Key")
    scope = f"{project_id}\n{actor}\n{key}"
    return f"{kind}:{hashlib.sha256(scope.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _same(row: LedgerEntry, item: booking.Charge, account: Account | None, round_number: int | None) -> bool:
    """True for an equal report. Computed prices are ignored: the price table may have changed between the calls."""
    fields = ("category", "reported", "model", "reason")
    tokens = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
    same = all(getattr(row, name) == getattr(item, name) for name in (*fields, *tokens))
    return same and row.account_id == (account.pk if account else None) and round_number in (None, row.round)
