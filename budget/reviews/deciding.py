"""Decisions on a review. The last required approval applies all proposals or none, in the same transaction."""

from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from budget import amounts, events
from budget.limits import caps, dividing
from budget.models import Account, BudgetChange, Decision, Project, Proposal, Review
from budget.reviews.drafting import is_author, record
from workspaces.access import Caller
from workspaces.errors import Forbidden, Invalid, NotFound

SOURCE = BudgetChange.Source.REVIEW
NAMES = {Proposal.Field.CAP: "the cap", Proposal.Field.TOTAL: "the total budget"}


def decide(review: Review, verdict: Decision.Verdict, note: str, *, version: int, by: Caller) -> Review:
    """Approve the version that the person saw, or request changes. Raises Forbidden for its author and for a token, Invalid when it is not
    open, for an older version, and for a second decision.
    """
    with transaction.atomic():
        row = _lock(review)
        _check(row, note, version=version, by=by)
        try:
            with transaction.atomic():
                Decision.objects.create(review=row, version=row.version, reviewer=by.name, verdict=verdict, note=note)
        except IntegrityError:
            raise Invalid("You have decided on this version already", "decision") from None
        if verdict == Decision.Verdict.REQUEST_CHANGES:
            _close(row, Review.State.CHANGES_REQUESTED, f"{by.name} asks for changes")
            _record_decision(row, verdict, note, by=by)
            return row
        if approvals(row) < row.required_approvals:
            _record_decision(row, verdict, note, by=by)
            return row
        _carry_out(row, note, by=by)
    return row


def approvals(review: Review) -> int:
    """The number of approvals of its present version."""
    return review.decisions.filter(version=review.version, verdict=Decision.Verdict.APPROVE).count()


def why_not(review: Review, caller: Caller) -> str:
    """The reason why this caller cannot decide on the review now; empty when they can."""
    if caller.token is not None:
        return "Only a person may decide: log in to decide"
    if is_author(review, caller):
        return "You cannot decide on your own review: another person with the role budget or admin decides"
    if review.state != Review.State.OPEN:
        return f"The review is {Review.State(review.state).label.lower()}: there is nothing to decide"
    if review.decisions.filter(version=review.version, reviewer=caller.name).exists():
        return "You have decided on this version already"
    return ""


def _lock(review: Review) -> Review:
    """Lock it, and the others that an approval may supersede, before any account: two approvals never deadlock."""
    alive = Review.objects.filter(project_id=review.project_id).exclude(
        state__in=[Review.State.APPROVED, Review.State.SUPERSEDED]
    )
    rows = {row.pk: row for row in alive.order_by("pk").select_for_update(of=("self",))}
    if review.pk in rows:
        return rows[review.pk]
    closed = Review.objects.filter(pk=review.pk).first()
    if closed is None:
        raise NotFound("Review not found")
    return closed


def _check(review: Review, note: str, *, version: int, by: Caller) -> None:
    if by.token is not None or is_author(review, by):
        raise Forbidden(why_not(review, by))
    if not note.strip():
        raise Invalid("A decision needs a note", "note")
    if review.state == Review.State.OPEN and version != review.version:
        raise Invalid(f"The review was changed: it is version {review.version} now, check it again", "version")
    if why := why_not(review, by):
        raise Invalid(why, "decision")


def _carry_out(review: Review, note: str, *, by: Caller) -> None:
    proposals = list(review.proposals.select_related("account__entry").order_by(F("account_id").asc(nulls_last=True), "field"))
    # Accounts in their order and the project last, as in every charge.
    ids = [proposal.account_id for proposal in proposals if proposal.account_id]
    accounts = {
        row.pk: row for row in Account.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=ids).order_by("pk")
    }
    project = Project.objects.select_for_update(no_key=True, of=("self",)).get(pk=review.project_id)
    if outdated := _outdated(proposals, accounts, project):
        _close(review, Review.State.CHANGES_REQUESTED, f"Nothing was applied: {'; '.join(outdated)}")
        _record_decision(review, Decision.Verdict.APPROVE, note, by=by)
        return
    for proposal in proposals:
        _apply(review, proposal, accounts, project, by=by)
    _close(review, Review.State.APPROVED, "", closed_at=Now())
    _record_decision(review, Decision.Verdict.APPROVE, note, by=by)
    applied = events.ReviewApplied(number=review.number, title=review.title, changes=len(proposals))
    record(review, applied, by=by)
    _supersede_older(review, by=by)


def _outdated(proposals: Sequence[Proposal], accounts: dict[str, Account], project: Project) -> list[str]:
    """The proposals whose amounts changed after they were proposed, in words."""
    outdated = []
    for proposal in proposals:
        account = accounts.get(proposal.account_id or "")
        now = dividing.total(account) if account else getattr(project, proposal.field)
        if account and proposal.account.entry.deleted_at is not None:  # type: ignore[union-attr]
            outdated.append(f"{name_of(proposal)} is off the backlog")
        elif now != proposal.before:
            outdated.append(f"{name_of(proposal)} is {amounts.format_usd(now)} now, not {amounts.format_usd(proposal.before)}")
    return outdated


def name_of(proposal: Proposal) -> str:
    """The changed amount, in words."""
    if proposal.account is None:
        return NAMES[Proposal.Field(proposal.field)]
    return f"the budget of #{proposal.account.entry.seq}"


def _apply(review: Review, proposal: Proposal, accounts: dict[str, Account], project: Project, *, by: Caller) -> None:
    reason = f"Review #{review.number}: {proposal.reason}"
    if proposal.account_id is None:
        caps.set_project(project, proposal.field, proposal.after, by=by, reason=reason, source=SOURCE)
        return
    account = accounts[proposal.account_id]
    if proposal.after != proposal.before:
        account = caps.edit(account, proposal.after, by=by, reason=reason, source=SOURCE)  # also locks it
    if account.human_locked != proposal.lock:
        caps.toggle_lock(account, by=by, reason=reason, source=SOURCE)


def _close(review: Review, state: Review.State, why: str, **more: object) -> None:
    Review.objects.filter(pk=review.pk).update(state=state, state_reason=why[:500], **more)
    review.refresh_from_db()


def _record_decision(review: Review, verdict: Decision.Verdict, note: str, *, by: Caller) -> None:
    event = events.ReviewDecided(
        number=review.number,
        title=review.title,
        verdict=verdict.value,
        state=review.state,
        why=review.state_reason,
        approvals=approvals(review),
        required_approvals=review.required_approvals,
    )
    record(review, event, by=by, reason=note)


def _supersede_older(review: Review, *, by: Caller) -> None:
    """Supersede requested reviews with older figures: their authors may start new ones. Drafts stay."""
    waiting = [Review.State.OPEN, Review.State.CHANGES_REQUESTED]
    for older in Review.objects.filter(project_id=review.project_id, number__lt=review.number, state__in=waiting).order_by("pk"):
        _close(older, Review.State.SUPERSEDED, f"Review #{review.number} was approved", closed_at=Now())
        event = events.ReviewSuperseded(number=older.number, title=older.title)
        record(older, event, by=by, reason=older.state_reason)
