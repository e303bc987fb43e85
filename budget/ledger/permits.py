"""Permits: money set aside for what something outside Muster is about to spend, so that the caps hold for it before it is spent.

A permit is a hold without a session. It ends when it is given back, or by itself.
"""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from budget import amounts, events, limits
from budget.ledger import booking, charges
from budget.limits import caps
from budget.models import Account, Category, Hold, Project
from workspaces import activity, ids
from workspaces.access import MUSTER, Caller
from workspaces.errors import Invalid, NotFound

USUAL_MINUTES = 15
MOST_MINUTES = 24 * 60


def open_one(
    project: Project,
    account: Account | None,
    *,
    category: Category,
    amount: int,
    minutes: int = USUAL_MINUTES,
    by: Caller,
    key: str | None = None,
) -> Hold:
    """Set micro-USD aside, once per key. Raises Invalid with what stands against it: the cap, the entry's budget, a limit."""
    if (category == Category.ENTRY) != (account is not None):
        raise Invalid("A permit of the category 'entry' names its entry, and only such a one", "entry_id")
    name = f"permit_{charges.event_key(project.pk, by.name, key, kind='permit')[-20:]}" if key is not None else ids.permit()
    if key is not None and (made := Hold.objects.filter(session_ref=name).first()):
        return _the_same(made, account, category, amount)
    try:
        with transaction.atomic():
            hold = Hold.objects.create(
                project=project,
                account=account,
                category=category,
                session_ref=name,
                amount=amount,
                expires_at=Now() + timedelta(minutes=minutes),
            )
            event = events.PermitOpened(category=category, amount_usd=amounts.number(amount), minutes=minutes)
            activity.record(project.pk, event, by=by, object_id=hold.session_ref)
    except IntegrityError as refusal:
        if made := Hold.objects.filter(session_ref=name).first():  # the same call was first
            return _the_same(made, account, category, amount)
        raise Invalid(_why(project.pk, account, category, amount, str(refusal)), "amount_usd") from None
    hold.refresh_from_db()
    return hold


def _the_same(made: Hold, account: Account | None, category: str, amount: int) -> Hold:
    if (made.account_id, made.category, made.amount) != (account and account.pk, category, amount):
        raise Invalid("This key was used for another permit", "Idempotency-Key")
    if made.state != Hold.State.OPEN:  # to answer it again would say that money is held, which is not
        raise Invalid("The permit of this key has ended: ask with another key", "Idempotency-Key")
    return made


def find(workspace_id: str, permit_id: str) -> Hold:
    """A permit of this workspace, open or not. Raises NotFound."""
    if ids.looks_like_one(permit_id):
        mine = Hold.objects.filter(project_id=workspace_id, session_ref=permit_id, expires_at__isnull=False)
        if found := mine.select_related("account").first():
            return found
    raise NotFound("Permit not found")


def close(permit: Hold, *, by: Caller, reason: str = "") -> int:
    """Give back what is left of it. Answers how much that was, in micro-USD; 0: it had ended already."""
    with transaction.atomic():
        left = max(Hold.objects.select_for_update(no_key=True, of=("self",)).get(pk=permit.pk).remainder, 0)
        if not booking.settle(permit.pk):
            return 0
        event = events.PermitClosed(category=permit.category, freed_usd=amounts.number(left))
        activity.record(permit.project_id, event, by=by, object_id=permit.session_ref, reason=reason)
        caps.announce(permit.project_id, permit.account_id)
    return left


def expire() -> int:
    """End the permits whose time is over. Answers how many."""
    overdue = Hold.objects.filter(state=Hold.State.OPEN, expires_at__lt=Now())
    ended = list(overdue)
    for permit in ended:
        close(permit, by=MUSTER, reason="its time was over")
    return len(ended)


def _why(workspace_id: str, account: Account | None, category: str, amount: int, refusal: str) -> str:
    wanted = amounts.format_usd(amount)
    if "entry budget" in refusal and account is not None:
        account.refresh_from_db()
        return f"{amounts.format_usd(max(account.headroom, 0))} is left of the entry's budget, the permit asks for {wanted}"
    if "project cap" in refusal:
        headroom = Project.objects.get(pk=workspace_id).headroom
        return f"{amounts.format_usd(max(headroom, 0))} is left under the project cap, the permit asks for {wanted}"
    tight = limits.tightest(workspace_id, category)
    if tight is None or tight.left is None:  # it was raised in between
        return "A limit stood against it: try again"
    return f"{amounts.format_usd(max(tight.left, 0))} is left of {limits.named(tight)}, the permit asks for {wanted}"
