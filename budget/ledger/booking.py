"""The ledger and its reservations: every amount once, every reservation settled once. Triggers update the counters (sql/)."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.db import IntegrityError, connection, transaction
from django.db.models import F, Max
from django.db.models.functions import Least, Now

from budget import limits
from budget.models import Account, Category, Hold, LedgerEntry, Project, RoundSpend
from workspaces.errors import Invalid

MIN_GROWTH = 1000  # micro-USD: less than a tenth of a cent is not worth a statement


@dataclass(frozen=True)
class Charge:
    """An amount to book, in micro-USD."""

    event_key: str  # unique: repeated charges count once
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
    cache_write_1h_tokens: int = 0
    reason: str = ""
    at: datetime | None = None  # None: now


def charge(
    project: Project,
    item: Charge,
    *,
    account: Account | None = None,
    reservation: Hold | None = None,
    session_ref: str = "",
    round_number: int | None = None,
    actor: str,
    corrects: LedgerEntry | None = None,
) -> bool:
    """Book an amount. False: this event was booked before, and nothing changed. One statement: its triggers update every counter."""
    return book(
        project.pk,
        item,
        account_id=account.pk if account else None,
        hold_id=reservation.pk if reservation else None,
        session_ref=session_ref,
        round_number=round_number,
        actor=actor,
        corrects=corrects,
    )


def book(
    project_id: str,
    item: Charge,
    *,
    account_id: str | None,
    hold_id: int | None,
    session_ref: str,
    round_number: int | None,
    actor: str,
    corrects: LedgerEntry | None = None,
) -> bool:
    """Book an amount like `charge`, by primary keys."""
    if item.category == Category.ENTRY and account_id is not None and round_number is None:
        round_number = newest_round(account_id)
    values = {
        "project_id": project_id,
        "account_id": account_id,
        "hold_id": hold_id,
        "corrects_id": corrects.pk if corrects else None,
        "event_key": item.event_key,
        "category": str(item.category),
        "session_ref": session_ref,
        "round": round_number,
        "amount": item.amount,
        "price_source": str(item.price_source),
        "reported": item.reported,
        "computed": item.computed,
        "price_version": item.price_version,
        "model": item.model,
        "input_tokens": item.input_tokens,
        "output_tokens": item.output_tokens,
        "cache_read_tokens": item.cache_read_tokens,
        "cache_write_tokens": item.cache_write_tokens,
        "cache_write_1h_tokens": min(item.cache_write_1h_tokens, item.cache_write_tokens),
        "actor": actor,
        "reason": item.reason[:500],
        **({} if item.at is None else {"at": connection.ops.adapt_datetimefield_value(item.at)}),
    }
    # One statement and no savepoint: the triggers hold the lock of the project's row.
    with connection.cursor() as cursor:
        cursor.execute(_insert(tuple(values)), list(values.values()))
        return bool(cursor.rowcount == 1)


@cache
def _insert(columns: tuple[str, ...]) -> str:
    places = ", ".join(["%s"] * len(columns))
    table = LedgerEntry._meta.db_table
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places}) ON CONFLICT (event_key) DO NOTHING"


def drawn(hold_id: int) -> tuple[int, int]:
    """The amount and the spent part of a reservation, in micro-USD. Raw SQL: it runs after each request of each agent."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT amount, drawn FROM {Hold._meta.db_table} WHERE id = %s", [hold_id])
        amount, spent = cursor.fetchone()
    return amount, spent


def newest_round(account_id: str) -> int:
    """The round of charges without one: the newest, or the first."""
    return RoundSpend.objects.filter(account_id=account_id).aggregate(newest=Max("number"))["newest"] or 1


def settle(
    hold_id: int,
    *,
    remainder_key: str = "",
    at_most: int | None = None,
    actor: str = "muster",
    round_number: int | None = None,
    reason: str = "",
) -> bool:
    """Close a reservation and release its remainder. A `remainder_key` charges it instead, up to `at_most` micro-USD: the cost is unknown. The bounds of unknown
    requests stay reserved (`ledger.unknown`). False: it was settled before.
    """
    with transaction.atomic():
        reservation = (
            Hold.objects.select_for_update(no_key=True, of=("self",)).select_related("project", "account").get(pk=hold_id)
        )
        if reservation.state == Hold.State.SETTLED or reservation.unknown_since:
            return False
        left = max(reservation.free, 0)
        if at_most is not None:
            left = min(left, at_most)
        if remainder_key and left > 0:
            item = Charge(
                remainder_key,
                left,
                LedgerEntry.PriceSource.COMPUTED,
                category=Category(reservation.category),
                reason=reason or "cost not known: settled at the full reservation",
            )
            charge(
                reservation.project,
                item,
                account=reservation.account,
                reservation=reservation,
                session_ref=reservation.session_ref,
                round_number=round_number,
                actor=actor,
            )
        reserved = Hold.objects.filter(pk=hold_id)
        if not reservation.in_flight:
            reserved.update(state=Hold.State.SETTLED, settled_at=Now())
        else:
            kept = Least(F("amount"), F("drawn") + F("in_flight"))
            reserved.update(state=Hold.State.AWAITING, unknown_since=Now(), amount=kept)
        return True


def release_known(hold_id: int) -> bool:
    """Shrink an ended reservation to the bounds of its unknown requests, in the transaction of their change. True: it was settled."""
    ended = Hold.objects.filter(pk=hold_id, state=Hold.State.AWAITING, unknown_since__isnull=False)
    kept = F("drawn") + F("in_flight")
    ended.filter(amount__gt=kept).update(amount=kept)
    return ended.filter(in_flight=0).update(state=Hold.State.SETTLED, settled_at=Now()) == 1


def open_reservation(project: Project, account: Account, *, session_ref: str, amount: int) -> Hold | None:
    """Reserve micro-USD for a session without a reservation. None: a cap, the entry's budget or a limit refused it."""
    try:
        with transaction.atomic():
            return Hold.objects.create(project=project, account=account, session_ref=session_ref, amount=amount)
    except IntegrityError:
        return None


def open_up_to(project_id: str, account_id: str, *, session_ref: str, most: int) -> Hold | None:
    """Reserve up to `most` micro-USD within the caps, the entry's budget and the limits. None: less than MIN_GROWTH is left."""
    account = Account.objects.select_related("project").get(pk=account_id)
    room = min([most, account.headroom, *limits.headrooms(project_id, Category.ENTRY)])
    return open_reservation(account.project, account, session_ref=session_ref, amount=room) if room >= MIN_GROWTH else None


def grow(reservation: Hold, by: int) -> bool:
    """Increase an open reservation by micro-USD. False: a cap, the entry's budget or a limit refused it."""
    try:
        with transaction.atomic():
            return Hold.objects.filter(pk=reservation.pk, state=Hold.State.OPEN).update(amount=F("amount") + by) == 1
    except IntegrityError:
        return False


def extend(hold_id: int, by: int) -> int:
    """Increase an open reservation by up to `by` micro-USD, within the caps, the entry's budget and the limits. Returns the increase."""
    reservation = Hold.objects.select_related("project", "account").get(pk=hold_id)
    room = min(
        [
            by,
            *limits.headrooms(reservation.project_id, reservation.category),
            *([reservation.account.headroom] if reservation.account else []),
        ]
    )
    overdrawn = max(reservation.drawn - reservation.amount, 0)  # spent already, beyond the reservation
    # MIN_GROWTH yields to a smaller request: two sessions had blocked each other, 383 micro-USD apart.
    if room < max(min(MIN_GROWTH, by), 1):
        return 0
    more = min(room + overdrawn, by)
    return more if grow(reservation, more) else 0


def shrink(hold_id: int, *, keep: int) -> bool:
    """Release the remainder of an open reservation beyond `keep` micro-USD. False: there was none."""
    kept = F("drawn") + F("in_flight") + keep
    return Hold.objects.filter(pk=hold_id, state=Hold.State.OPEN, amount__gt=kept).update(amount=kept) == 1


def adjust(row: LedgerEntry, amount: int, *, reason: str, actor: str, key: str, at: datetime | None = None) -> bool:
    """Correct a row by another one of micro-USD (negative: a refund). Raises Invalid without a reason, and below zero."""
    if not reason.strip():
        raise Invalid("A correction needs a reason", "reason")
    with transaction.atomic():
        corrected = sum(LedgerEntry.objects.filter(corrects=row).values_list("amount", flat=True))
        if row.amount + corrected + amount < 0:
            raise Invalid("A correction may not take back more than was booked", "amount_usd")
        item = Charge(
            key, amount, LedgerEntry.PriceSource.MANUAL, category=Category(row.category), model=row.model, reason=reason, at=at
        )
        return charge(
            row.project,
            item,
            account=row.account,
            session_ref=row.session_ref,
            round_number=row.round,
            actor=actor,
            corrects=row,
        )
