"""Permits: reservations for spend outside Muster. The caps apply before the spend.

A permit has no session. It ends by its release or its expiry.
"""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from budget import amounts, events, limits
from budget.ledger import booking, charges
from budget.limits import caps
from budget.models import Account, Category, GatewayAccess, Hold, Project
from workspaces import activity
from workspaces.access import MUSTER, Caller
from workspaces.errors import Invalid, NotFound
from workspaces.values import ids
from workspaces.values.standing_query import StandingQuery

DEFAULT_MINUTES = 15
MAX_MINUTES = 24 * 60


def open_permit(
    project: Project,
    account: Account | None,
    *,
    category: Category,
    amount: int,
    minutes: int = DEFAULT_MINUTES,
    by: Caller,
    key: str | None = None,
) -> Hold:
    """Reserve micro-USD, once per key. Raises Invalid with the reason: the cap, the entry's budget or a limit."""
    if (category == Category.ENTRY) != (account is not None):
        raise Invalid("A permit of the category 'entry' names its entry, and only such a one", "entry_id")
    name = f"permit_{charges.event_key(project.pk, by.name, key, kind='permit')[-20:]}" if key is not None else ids.permit()
    if key is not None and (permit := Hold.objects.filter(session_ref=name).first()):
        return _check_repeat(permit, account, category, amount)
    try:
        with transaction.atomic():
            reservation = Hold.objects.create(
                project=project,
                account=account,
                category=category,
                session_ref=name,
                amount=amount,
                expires_at=Now() + timedelta(minutes=minutes),
            )
            event = events.PermitOpened(category=category, amount_usd=amounts.number(amount), minutes=minutes)
            activity.record(project.pk, event, by=by, object_id=reservation.session_ref)
    except IntegrityError as refusal:
        if permit := Hold.objects.filter(session_ref=name).first():  # the same call came first
            return _check_repeat(permit, account, category, amount)
        raise Invalid(refusal_sentence(project.pk, account, category, amount, str(refusal)), "amount_usd") from None
    reservation.refresh_from_db()
    return reservation


def _check_repeat(permit: Hold, account: Account | None, category: str, amount: int) -> Hold:
    if (permit.account_id, permit.category, permit.amount) != (account and account.pk, category, amount):
        raise Invalid("This key was used for another permit", "Idempotency-Key")
    if permit.state != Hold.State.OPEN:  # repeating the response would claim a reservation that no longer exists
        raise Invalid("The permit of this key has ended: use another key", "Idempotency-Key")
    return permit


def find(workspace_id: str, permit_id: str) -> Hold:
    """A permit of this workspace, open or not. Raises NotFound."""
    if ids.is_id(permit_id):
        mine = Hold.objects.filter(project_id=workspace_id, session_ref=permit_id, expires_at__isnull=False)
        if permit := mine.select_related("account").first():
            return permit
    raise NotFound("Permit not found")


def close(permit: Hold, *, by: Caller, reason: str = "") -> int:
    """Release a permit's remainder, and return it in micro-USD; 0: it had ended already. The bounds of unknown requests stay reserved (`unknown`)."""
    with transaction.atomic():
        left = max(Hold.objects.select_for_update(no_key=True, of=("self",)).get(pk=permit.pk).free, 0)
        if not booking.settle(permit.pk):
            return 0
        GatewayAccess.objects.filter(hold=permit, ended_at__isnull=True).update(ended_at=Now())
        event = events.PermitClosed(category=permit.category, freed_usd=amounts.number(left))
        activity.record(permit.project_id, event, by=by, object_id=permit.session_ref, reason=reason)
        caps.announce(permit.project_id, permit.account_id)
    return left


def expire() -> int:
    """End expired permits. Returns how many."""
    ended = list(_expired()) if _any_expired.any() else []
    for permit in ended:
        close(permit, by=MUSTER, reason="its time was over")
    return len(ended)


def _expired() -> QuerySet[Hold]:
    return Hold.objects.filter(state=Hold.State.OPEN, expires_at__lt=Now())


_any_expired = StandingQuery(_expired)


def refusal_sentence(
    workspace_id: str, account: Account | None, category: str, amount: int, refusal: str, *, asks: str = "the permit asks for"
) -> str:
    """A sentence about the refusing budget, cap or limit. `refusal` is the database's error."""
    requested = amounts.format_usd(amount)
    if "entry budget" in refusal and account is not None:
        account.refresh_from_db()
        return f"{amounts.format_usd(max(account.headroom, 0))} is left of the entry's budget, {asks} {requested}"
    if "project cap" in refusal:
        headroom = Project.objects.get(pk=workspace_id).headroom
        return f"{amounts.format_usd(max(headroom, 0))} is left under the project cap, {asks} {requested}"
    tight = limits.tightest(workspace_id, category)
    if tight is None or tight.left is None:  # raised in between
        return "A limit refused it: try again"
    return f"{amounts.format_usd(max(tight.left, 0))} is left of {limits.describe(tight)}, {asks} {requested}"
