"""A team's review of the budget: a frozen snapshot, proposals, comments and decisions.

Triggers (sql/) keep the snapshot frozen, comments and decisions insert-only, and refuse a decision by the review's author.
"""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from budget.amounts.money import MoneyField
from budget.categories import COLUMNS, LABELS
from budget.models.accounts import Account, Project
from workspaces.values import ids


class Review(models.Model):
    """`version` counts how often a decision was requested: a decision belongs to the version that the reviewer saw."""

    class State(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        CHANGES_REQUESTED = "changes_requested"
        APPROVED = "approved"
        SUPERSEDED = "superseded"

    EDITABLE = (State.DRAFT, State.CHANGES_REQUESTED)

    id = models.CharField(primary_key=True, max_length=40, default=ids.review, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="reviews", db_index=False)
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    period_from = models.DateField()
    period_to = models.DateField()
    state = models.CharField(max_length=17, choices=State.choices, default=State.DRAFT)
    state_reason = models.CharField(max_length=500, blank=True)
    version = models.PositiveIntegerField(default=0)
    required_approvals = models.PositiveSmallIntegerField(default=1)
    due = models.DateField(null=True, blank=True)
    author = models.CharField(max_length=200)
    author_behind = models.CharField(max_length=200, blank=True, help_text="Who made the token that authored it.")
    created_at = models.DateTimeField(db_default=Now())
    requested_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    # The snapshot: never changed.
    as_of = models.DateTimeField()
    as_of_ledger = models.BigIntegerField(help_text="The last ledger row that is in it; 0: none yet.")
    total_budget = MoneyField()
    max_project_spend = MoneyField()
    entry_spent = MoneyField()
    orchestrator_spent = MoneyField()
    expansion_spent = MoneyField()
    interceptor_spent = MoneyField()
    for _column in COLUMNS:  # categories that came later: earlier reviews have nothing of them
        locals().setdefault(_column, MoneyField(default=0))
    total_spent = MoneyField()
    held = MoneyField()
    period_spent = MoneyField(help_text="What was booked in the period, up to the last row.")
    planned = MoneyField(help_text="The budgets of all lines.")
    expected = MoneyField(help_text="What all lines will have cost; what they cost so far where nobody knows.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="review_numbers_differ"),
            models.CheckConstraint(condition=Q(required_approvals__in=[1, 2]), name="one_or_two_approvals"),
            models.CheckConstraint(condition=Q(period_from__lte=F("period_to")), name="a_period_has_an_order"),
        ]

    def __str__(self) -> str:
        return f"Review #{self.number}"

    @property
    def by_category(self) -> list[tuple[str, int]]:
        """The label and the spend of each category."""
        return [(label, getattr(self, f"{name}_spent")) for name, label in LABELS.items()]


class ReviewLine(models.Model):
    """One entry's money in the snapshot. Insert-only."""

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="lines", db_index=False)
    position = models.PositiveIntegerField()
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    title = models.CharField(max_length=200)
    status = models.CharField(max_length=20)
    budget = MoneyField()
    human_locked = models.BooleanField()
    spent = MoneyField()
    interceptor_spent = MoneyField()
    period_spent = MoneyField()
    rounds = models.PositiveIntegerField()
    forecast = MoneyField(null=True, blank=True, help_text="What it will have cost at its end; empty: not known.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["review", "position"], name="review_line_places"),
            models.UniqueConstraint(fields=["review", "account"], name="an_entry_once_per_review"),
        ]

    def __str__(self) -> str:
        return f"{self.title} in review {self.review_id}"


class Proposal(models.Model):
    """A proposed change of an entry's budget; without an account, of the project's cap or total budget."""

    class Field(models.TextChoices):
        BUDGET = "budget"
        CAP = "max_project_spend"
        TOTAL = "total_budget"

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="proposals", db_index=False)
    account = models.ForeignKey(Account, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    field = models.CharField(max_length=20, choices=Field.choices)
    before = MoneyField()
    after = MoneyField()
    lock = models.BooleanField(default=True, help_text="Afterwards only people change it.")
    reason = models.CharField(max_length=500)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["review", "account"], name="one_proposal_per_entry"),
            models.UniqueConstraint(fields=["review", "field"], condition=Q(account__isnull=True), name="one_proposal_per_cap"),
            models.CheckConstraint(
                condition=Q(field="budget", account__isnull=False) | Q(~Q(field="budget"), account__isnull=True),
                name="an_entry_has_a_budget_only",
            ),
            models.CheckConstraint(condition=Q(after__gte=0), name="proposed_amount"),
        ]

    def __str__(self) -> str:
        return f"{self.field}: {self.before} to {self.after}"


class Comment(models.Model):
    """A comment on a line or on the whole review. Insert-only."""

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="comments")
    line = models.ForeignKey(ReviewLine, null=True, blank=True, on_delete=models.PROTECT, related_name="comments")
    author = models.CharField(max_length=200)
    text = models.CharField(max_length=5000)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.author} on review {self.review_id}"


class Decision(models.Model):
    """A person's decision on a version, once. Insert-only; the author's is refused."""

    class Verdict(models.TextChoices):
        APPROVE = "approve"
        REQUEST_CHANGES = "request_changes"

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="decisions", db_index=False)
    version = models.PositiveIntegerField()
    reviewer = models.CharField(max_length=200)
    verdict = models.CharField(max_length=15, choices=Verdict.choices)
    note = models.CharField(max_length=2000)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["review", "version", "reviewer"], name="one_decision_per_version"),
            models.CheckConstraint(condition=~Q(note=""), name="a_decision_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer}: {self.verdict}"
