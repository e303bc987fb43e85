"""Money. Counters are kept by triggers from the ledger and the holds (migrations/0002): no code can forget them.

`Project.held == sum of what open holds have left`, `Account.spent == sum of its ledger == sum of its rounds' cost`, at every commit.
Opening or growing a hold past a cap is refused by the database, whoever asks.
"""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from budget.money import MoneyField
from workspaces.models import Workspace


class Category(models.TextChoices):
    """entry: implementing and verifying an entry; the others as in budget.md, Pieces."""

    ENTRY = "entry"
    ORCHESTRATOR = "orchestrator"
    EXPANSION = "expansion"
    INTERCEPTOR = "interceptor"


class Project(models.Model):
    """The money of one workspace. `max_project_spend` is the hard cap; `total_budget` the plan that allocation shares out."""

    workspace = models.OneToOneField(Workspace, primary_key=True, on_delete=models.PROTECT, related_name="project")
    total_budget = MoneyField()
    max_project_spend = MoneyField()
    entry_spent = MoneyField(default=0)
    orchestrator_spent = MoneyField(default=0)
    expansion_spent = MoneyField(default=0)
    interceptor_spent = MoneyField(default=0)
    total_spent = models.GeneratedField(
        expression=F("entry_spent") + F("orchestrator_spent") + F("expansion_spent") + F("interceptor_spent"),
        output_field=MoneyField(),
        db_persist=True,
    )
    held = MoneyField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(total_budget__gte=0, max_project_spend__gte=0, held__gte=0), name="project_amounts"
            ),
        ]

    def __str__(self) -> str:
        return f"Project of {self.workspace_id}"

    @property
    def headroom(self) -> int:
        """Micro-USD that may still be held. Negative once a cap was lowered below what is spent."""
        return self.max_project_spend - self.total_spent - self.held


class Account(models.Model):
    """The money of one entry. Its id is the entry's: an opaque reference here."""

    id = models.CharField(primary_key=True, max_length=40)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="accounts")
    budget = MoneyField()
    human_locked = models.BooleanField(default=False)
    locked_by = models.CharField(max_length=200, blank=True)
    locked_at = models.DateTimeField(null=True, blank=True)
    locked_reason = models.CharField(max_length=500, blank=True)
    spent = MoneyField(default=0)
    interceptor_spent = MoneyField(default=0)
    held = MoneyField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(budget__gte=0, held__gte=0), name="account_amounts")]

    def __str__(self) -> str:
        return self.id

    @property
    def headroom(self) -> int:
        """Micro-USD of the entry's own budget that may still be held."""
        return self.budget - self.spent - self.held


class RoundSpend(models.Model):
    """What one round cost, beside what it improved. The cost is kept by the ledger's trigger."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="rounds")
    number = models.PositiveIntegerField()
    cost = MoneyField(default=0)
    improvement_score = models.FloatField(null=True, blank=True, help_text="Score minus the best score before it.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "number"], name="one_spend_per_round")]
        ordering = ["account", "number"]

    def __str__(self) -> str:
        return f"Round {self.number} of {self.account_id}"


class Hold(models.Model):
    """Money set aside for a running session. Charges draw it down; it is settled exactly once."""

    class State(models.TextChoices):
        OPEN = "open"
        SETTLED = "settled"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="holds")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="holds")
    session_ref = models.CharField(max_length=40, unique=True)
    amount = MoneyField()
    drawn = MoneyField(default=0)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    opened_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account"], condition=Q(state="open"), name="one_open_hold_per_account"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="hold_amount"),
        ]
        indexes = [models.Index(fields=["project"], condition=Q(state="open"), name="open_holds")]

    def __str__(self) -> str:
        return f"Hold of {self.session_ref}"


class LedgerEntry(models.Model):
    """One amount, once. Insert-only: triggers refuse update and delete; a correction is another row with a reason."""

    class PriceSource(models.TextChoices):
        REPORTED = "reported"
        COMPUTED = "computed"
        MANUAL = "manual"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="ledger", db_index=False)
    account = models.ForeignKey(Account, null=True, blank=True, on_delete=models.PROTECT, related_name="ledger", db_index=False)
    hold = models.ForeignKey(Hold, null=True, blank=True, on_delete=models.PROTECT, related_name="ledger")
    corrects = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="corrections")
    event_key = models.CharField(max_length=200, unique=True, help_text="What makes a repeated report count once.")
    at = models.DateTimeField(db_default=Now())
    category = models.CharField(max_length=12, choices=Category.choices)
    session_ref = models.CharField(max_length=40, blank=True)
    round = models.PositiveIntegerField(null=True, blank=True)
    amount = MoneyField()
    price_source = models.CharField(max_length=8, choices=PriceSource.choices)
    reported = MoneyField(null=True, blank=True, help_text="What the agent said it cost.")
    computed = MoneyField(null=True, blank=True, help_text="What its tokens cost by the price table.")
    price_version = models.CharField(max_length=40, blank=True, help_text="The price table that `computed` is from.")
    model = models.CharField(max_length=200, blank=True)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cache_read_tokens = models.BigIntegerField(default=0)
    cache_write_tokens = models.BigIntegerField(default=0)
    actor = models.CharField(max_length=200)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = [
            models.CheckConstraint(
                condition=~Q(category="entry") | Q(account__isnull=False, round__isnull=False), name="entry_spend_names_its_round"
            ),
            models.CheckConstraint(condition=Q(amount__gte=0) | Q(price_source="manual"), name="only_corrections_are_negative"),
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="ledger_in_order"),
            models.Index(fields=["account", "id"], name="ledger_by_account"),
            models.Index(fields=["session_ref"], name="ledger_by_session", condition=~Q(session_ref="")),
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.amount} micro-USD"


class BudgetChange(models.Model):
    """Who changed what from what to what, and why."""

    class Source(models.TextChoices):
        HUMAN = "human"
        ADMIN = "admin"
        ALLOCATION = "allocation"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="changes", db_index=False)
    account = models.ForeignKey(Account, null=True, blank=True, on_delete=models.PROTECT, related_name="changes")
    at = models.DateTimeField(db_default=Now())
    field = models.CharField(max_length=30)
    before = models.BigIntegerField()
    after = models.BigIntegerField()
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.HUMAN)
    actor = models.CharField(max_length=200)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [models.Index(fields=["project", "id"], name="change_in_order")]

    def __str__(self) -> str:
        return f"{self.field}: {self.before} to {self.after}"
