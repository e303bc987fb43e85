"""The ledger and the holds: every amount once, every hold settled once. The counters follow by triggers (sql/)."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.db import IntegrityError, connection, transaction
from django.db.models import F, Max
from django.db.models.functions import Now

from budget import limits
from budget.models import Account, Category, Hold, LedgerEntry, Project, RoundSpend
from workspaces.errors import Invalid

LEAST_GROWTH = 1000  # micro-USD: for less than a tenth of a cent it is not worth asking


@dataclass(frozen=True)
class Charge:
    """What is to be booked. `amount` in micro-USD; `reported` and `computed` are kept beside it where known. `at`: None is now."""

    event_key: str
    amount: int
    price_source: LedgerEntry.PriceSource
    category: Category = Category.ENTRY
    reported: int | None = None
    computed: int | None = None
    price_version: str = ""
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reason: str = ""
    at: datetime | None = None


def charge(
    project: Project,
    what: Charge,
    *,
    account: Account | None = None,
    hold: Hold | None = None,
    session_ref: str = "",
    round_number: int | None = None,
    actor: str,
    corrects: LedgerEntry | None = None,
) -> bool:
    """Book an amount. False: this event was booked before, and nothing changed. One statement; its triggers move every counter."""
    if what.category == Category.ENTRY and account is not None and round_number is None:
        round_number = newest_round(account)
    values = {
        "project_id": project.pk,
        "account_id": account.pk if account else None,
        "hold_id": hold.pk if hold else None,
        "corrects_id": corrects.pk if corrects else None,
        "event_key": what.event_key,
        "category": str(what.category),
        "session_ref": session_ref,
        "round": round_number,
        "amount": what.amount,
        "price_source": str(what.price_source),
        "reported": what.reported,
        "computed": what.computed,
        "price_version": what.price_version,
        "model": what.model,
        "input_tokens": what.input_tokens,
        "output_tokens": what.output_tokens,
        "cache_read_tokens": what.cache_read_tokens,
        "cache_write_tokens": what.cache_write_tokens,
        "actor": actor,
        "reason": what.reason[:500],
        **({} if what.at is None else {"at": what.at}),
    }
    # One statement and no savepoint: the project's row is locked for as long as its triggers run.
    with connection.cursor() as cursor:
        cursor.execute(_insert(tuple(values)), list(values.values()))
        return bool(cursor.rowcount == 1)


@cache
def _insert(columns: tuple[str, ...]) -> str:
    places = ", ".join(["%s"] * len(columns))
    table = LedgerEntry._meta.db_table
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places}) ON CONFLICT (event_key) DO NOTHING"


def newest_round(account: Account) -> int:
    """The round that a charge without one belongs to: the newest, or the first when there is none yet."""
    return RoundSpend.objects.filter(account=account).aggregate(newest=Max("number"))["newest"] or 1


def settle(
    hold_id: int, *, remainder_key: str = "", actor: str = "muster", round_number: int | None = None, reason: str = ""
) -> bool:
    """Close a hold and free what is left of it. With a `remainder_key` the cost is not known: what is left is charged, never freed
    (unknown cost settles at the full hold). False: it was settled before.
    """
    with transaction.atomic():
        hold = Hold.objects.select_for_update(no_key=True, of=("self",)).select_related("project", "account").get(pk=hold_id)
        if hold.state == Hold.State.SETTLED:
            return False
        left = max(hold.amount - hold.drawn, 0)
        if remainder_key and left:
            what = Charge(
                remainder_key, left, LedgerEntry.PriceSource.COMPUTED, reason=reason or "cost not known: settled at the full hold"
            )
            charge(
                hold.project,
                what,
                account=hold.account,
                hold=hold,
                session_ref=hold.session_ref,
                round_number=round_number,
                actor=actor,
            )
        closed = Hold.objects.filter(pk=hold_id, state=Hold.State.OPEN).update(state=Hold.State.SETTLED, settled_at=Now())
        return closed == 1


def open_hold(project: Project, account: Account, *, session_ref: str, amount: int) -> Hold | None:
    """Set micro-USD aside for a session that had none. None: a cap stands against it."""
    try:
        with transaction.atomic():
            return Hold.objects.create(project=project, account=account, session_ref=session_ref, amount=amount)
    except IntegrityError:
        return None


def grow(hold: Hold, by: int) -> bool:
    """Extend an open hold by micro-USD, for work that its present amount cannot pay. False: a cap stands against it."""
    try:
        with transaction.atomic():
            return Hold.objects.filter(pk=hold.pk, state=Hold.State.OPEN).update(amount=F("amount") + by) == 1
    except IntegrityError:
        return False


def extend(hold_id: int, by: int) -> int:
    """Grow an open hold by micro-USD as far as the caps, the entry's budget and the limits leave room. Answers how much it grew; 0: not now."""
    hold = Hold.objects.select_related("project", "account").get(pk=hold_id)
    room = min([by, *limits.rooms(hold.project_id, hold.category), *([hold.account.headroom] if hold.account else [])])
    overdrawn = max(hold.drawn - hold.amount, 0)  # what it has passed is spent already, and held by nobody
    if room < LEAST_GROWTH:
        return 0
    more = min(room + overdrawn, by)
    return more if grow(hold, more) else 0


def shrink(hold_id: int, *, keep: int) -> bool:
    """Give back what an open hold has left beyond `keep` micro-USD. False: there was nothing to give back."""
    more = Hold.objects.filter(pk=hold_id, state=Hold.State.OPEN, amount__gt=F("drawn") + keep)
    return more.update(amount=F("drawn") + keep) == 1


def adjust(row: LedgerEntry, amount: int, *, reason: str, actor: str, key: str) -> bool:
    """Correct a row by another one of `amount` micro-USD (negative: a refund). Raises Invalid without a reason or below zero."""
    if not reason.strip():
        raise Invalid("A correction needs a reason", "reason")
    with transaction.atomic():
        corrected = sum(LedgerEntry.objects.filter(corrects=row).values_list("amount", flat=True))
        if row.amount + corrected + amount < 0:
            raise Invalid("A correction may not take back more than was booked", "amount_usd")
        what = Charge(
            key, amount, LedgerEntry.PriceSource.MANUAL, category=Category(row.category), model=row.model, reason=reason
        )
        return charge(
            row.project,
            what,
            account=row.account,
            session_ref=row.session_ref,
            round_number=row.round,
            actor=actor,
            corrects=row,
        )
