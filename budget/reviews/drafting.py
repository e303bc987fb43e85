"""Writing a review: created with a snapshot, changed by its author while it is not being decided, and put to a decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.db.models import F, Max
from django.db.models.functions import Now

from budget import amounts, events
from budget.events import ReviewEvent
from budget.ledger import rebuild
from budget.limits import dividing
from budget.models import Account, Project, Proposal, Review, ReviewLine
from budget.reads import queries
from budget.reviews import snapshot
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Forbidden, Invalid, NotFound

MAX_PROPOSALS = 500


@dataclass(frozen=True)
class Draft:
    """The properties of a review that its author sets. `required_approvals`: 1, or 2 for the two-person rule."""

    title: str
    period_from: date
    period_to: date
    due: date | None = None
    required_approvals: int = 1


@dataclass(frozen=True)
class Wish:
    """A proposed change: of an entry's budget, or with no entry of the cap or the total budget. Micro-USD."""

    field: Proposal.Field
    after: int
    reason: str
    entry_id: str | None = None
    lock: bool = True


@dataclass(frozen=True)
class Changes:
    """Changes by its author. None: unchanged; `proposals` replaces all of them. `clear_due` removes the date."""

    title: str | None = None
    due: date | None = None
    clear_due: bool = False
    required_approvals: int | None = None
    proposals: Sequence[Wish] | None = None


def create(workspace_id: str, draft: Draft, wishes: Sequence[Wish] = (), *, by: Caller) -> Review:
    """Create a review: the figures are frozen now. Raises Invalid."""
    if draft.period_from > draft.period_to:
        raise Invalid("The period ends before it starts", "period_to")
    with transaction.atomic():
        rebuild.lock_project(workspace_id)  # also makes the numbers unique
        taken = snapshot.take(workspace_id, draft.period_from, draft.period_to)
        last = Review.objects.filter(project_id=workspace_id).aggregate(last=Max("number"))["last"] or 0
        review = Review.objects.create(
            project_id=workspace_id,
            number=last + 1,
            title=draft.title,
            period_from=draft.period_from,
            period_to=draft.period_to,
            due=draft.due,
            required_approvals=draft.required_approvals,
            author=by.name,
            author_behind=by.token.created_by if by.token else "",
            **taken.frozen,
        )
        for line in taken.lines:
            line.review = review
        ReviewLine.objects.bulk_create(taken.lines, batch_size=500)
        _propose(review, wishes)
        record(review, events.ReviewOpened(number=review.number, title=review.title), by=by)
    review.refresh_from_db()
    return review


def change(review: Review, changes: Changes, *, by: Caller) -> Review:
    """Raises Forbidden for anyone but its author, and Invalid while it is being decided or closed."""
    with transaction.atomic():
        row = lock(review)
        _check_author(row, by)
        _check_editable(row)
        row.title = row.title if changes.title is None else changes.title
        row.due = None if changes.clear_due else row.due if changes.due is None else changes.due
        row.required_approvals = changes.required_approvals or row.required_approvals
        row.save(update_fields=["title", "due", "required_approvals"])
        if changes.proposals is not None:
            row.proposals.all().delete()
            _propose(row, changes.proposals)
        _record_changed(row, by=by)
    return row


def request(review: Review, *, by: Caller) -> Review:
    """Request a decision, as a new version: approvals of earlier versions are void. Raises Forbidden and Invalid like `change`."""
    with transaction.atomic():
        row = lock(review)
        _check_author(row, by)
        _check_editable(row)
        Review.objects.filter(pk=row.pk).update(
            state=Review.State.OPEN, state_reason="", version=F("version") + 1, requested_at=Now()
        )
        row.refresh_from_db()
        event = events.ReviewRequested(
            number=row.number,
            title=row.title,
            author=row.author,
            required_approvals=row.required_approvals,
            proposals=row.proposals.count(),
            due=row.due.isoformat() if row.due else None,
        )
        record(row, event, by=by)
    return row


def propose(review: Review, wish: Wish, *, by: Caller) -> Review:
    """Add a proposal, or replace the one for the same amount."""
    return _replace_proposal(review, wish.entry_id, wish.field, wish, by=by)


def withdraw(review: Review, field: Proposal.Field, entry_id: str | None, *, by: Caller) -> Review:
    """Remove a proposal, if there is one."""
    return _replace_proposal(review, entry_id, field, None, by=by)


def _replace_proposal(review: Review, entry_id: str | None, field: Proposal.Field, wish: Wish | None, *, by: Caller) -> Review:
    with transaction.atomic():
        row = lock(review)
        _check_author(row, by)
        _check_editable(row)
        row.proposals.filter(account_id=entry_id, field=field).delete()
        if row.proposals.count() >= MAX_PROPOSALS:
            raise Invalid(f"At most {MAX_PROPOSALS} proposals", "proposals")
        _propose(row, [wish] if wish else [])
        _record_changed(row, by=by)
    return row


def lock(review: Review) -> Review:
    """The present review with its row locked. Inside a transaction. Raises NotFound."""
    row = Review.objects.select_for_update(of=("self",)).filter(pk=review.pk).first()
    if row is None:
        raise NotFound("Review not found")
    return row


def record(review: Review, event: ReviewEvent, *, by: Caller, reason: str = "") -> None:
    """Record an event of a review in the activity log."""
    activity.record(review.project_id, event, by=by, object_id=review.pk, reason=reason)


def _record_changed(review: Review, *, by: Caller) -> None:
    event = events.ReviewChanged(
        number=review.number,
        title=review.title,
        proposals=review.proposals.count(),
        required_approvals=review.required_approvals,
    )
    record(review, event, by=by)


def is_author(review: Review, caller: Caller) -> bool:
    """True if the caller is the author, by themselves or through a token that they created, on either side."""
    behind = {caller.name} | ({caller.token.created_by} if caller.token and caller.token.created_by else set())
    return not behind.isdisjoint({review.author, review.author_behind} - {""})


def _check_author(review: Review, by: Caller) -> None:
    if not is_author(review, by):
        raise Forbidden(f"Only {review.author}, who wrote it, may change this review")


def _check_editable(review: Review) -> None:
    if review.state not in Review.EDITABLE:
        raise Invalid(f"The review is {Review.State(review.state).label.lower()}: it cannot be changed now", "reviewID")


def _propose(review: Review, wishes: Sequence[Wish]) -> None:
    if len(wishes) > MAX_PROPOSALS:
        raise Invalid(f"At most {MAX_PROPOSALS} proposals", "proposals")
    targets = [(wish.entry_id, wish.field) for wish in wishes]
    if len(set(targets)) < len(targets):
        raise Invalid("Two proposals change the same amount", "proposals")
    project = Project.objects.get(pk=review.project_id)
    Proposal.objects.bulk_create(_proposal(review, project, wish) for wish in wishes)


def _proposal(review: Review, project: Project, wish: Wish) -> Proposal:
    account = _account(review.project_id, wish)
    before = dividing.total(account) if account else getattr(project, wish.field)
    if wish.after == before and (account is None or wish.lock == account.human_locked):
        raise Invalid(f"A proposal changes nothing: it is {amounts.format_usd(before)} already", "proposals")
    if not wish.reason.strip():
        raise Invalid("Every proposal needs a reason", "proposals")
    return Proposal(
        review=review, account=account, field=wish.field, before=before, after=wish.after, lock=wish.lock, reason=wish.reason
    )


def _account(project_id: str, wish: Wish) -> Account | None:
    if (wish.entry_id is None) == (wish.field == Proposal.Field.BUDGET):
        raise Invalid("A budget belongs to an entry; the cap and the total budget do not", "proposals")
    return queries.account_for(project_id, wish.entry_id) if wish.entry_id is not None else None
