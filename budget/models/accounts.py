"""The counters of money of the project, each entry, each round and each model. Triggers update them with the ledger and the reservations."""

from django.db import models
from django.db.models import Q, Value

from budget.amounts.money import MoneyField
from budget.categories import COLUMNS, STEERING, Category, sum_of
from workspaces.models import Workspace


def usual_thresholds() -> list[int]:
    """The default percents of the cap at which a project warns."""
    return [50, 75, 90, 100]


class Project(models.Model):
    """The money of one workspace. `max_project_spend` is the hard cap; `total_budget` the plan that allocation shares out."""

    workspace = models.OneToOneField(Workspace, primary_key=True, on_delete=models.PROTECT, related_name="project")
    total_budget = MoneyField()
    max_project_spend = MoneyField()
    opened_with_budget = MoneyField(null=True, editable=False, help_text="The amounts at the beginning, which no change records.")
    opened_with_cap = MoneyField(null=True, editable=False)
    known_since = models.DateTimeField(
        null=True,
        editable=False,
        help_text="An upgrade recorded the amounts then: no record is older. Empty: they are known from the beginning.",
    )
    entry_spent = MoneyField(default=0)
    orchestrator_spent = MoneyField(default=0)
    expansion_spent = MoneyField(default=0)
    interceptor_spent = MoneyField(default=0)
    for _column in COLUMNS:  # those that code names are above
        locals().setdefault(_column, MoneyField(default=0))
    total_spent = models.GeneratedField(
        expression=sum_of(),
        output_field=MoneyField(),
        db_persist=True,
    )
    held = MoneyField(default=0)
    version = models.BigIntegerField(
        default=0, db_default=0, editable=False, help_text="Grows with whatever the budget answer shows."
    )
    thresholds = models.JSONField(
        default=usual_thresholds, db_default=Value([50, 75, 90, 100], models.JSONField()), help_text="Percents of the cap."
    )
    allocation_due = models.DateTimeField(
        null=True, blank=True, help_text="Money came free then, or a round was settled: to be shared out again."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(total_budget__gte=0, max_project_spend__gte=0, held__gte=0), name="project_amounts"
            ),
        ]

    def __str__(self) -> str:
        return f"Project of {self.workspace_id}"

    def spent_on(self, category: str) -> int:
        return int(getattr(self, f"{category}_spent"))

    @property
    def steering_spent(self) -> int:
        """Spend that did not go into entries themselves, such as planning, splitting and reviewing."""
        return sum(self.spent_on(name) for name in STEERING)

    @property
    def steering_share(self) -> float:
        """Steering's share of all spend, from 0 to 1."""
        return self.steering_spent / self.total_spent if self.total_spent > 0 else 0.0

    @property
    def headroom(self) -> int:
        """Micro-USD that may still be reserved. Negative when a cap was lowered below the spend."""
        return int(self.max_project_spend - self.total_spent - self.held)

    @property
    def is_used_up(self) -> bool:
        """True if the cap is spent. While money is only reserved, sessions give back what they do not need."""
        return bool(self.total_spent >= self.max_project_spend)

    @property
    def plan_left(self) -> int:
        """Micro-USD of the plan, or of the cap where that is less, that is not spent yet; reserved money counts as left."""
        return int(min(self.total_budget or self.max_project_spend, self.max_project_spend) - self.total_spent)


class Account(models.Model):
    """The money of one entry. Its id is the entry's, an opaque reference here."""

    id = models.CharField(primary_key=True, max_length=40)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="accounts")
    budget = MoneyField()
    opened_with = MoneyField(null=True, editable=False, help_text="The budget at the beginning, which no change records.")
    own_budget = models.BooleanField(
        default=True, db_default=True, help_text="Its creator or a person chose the budget. Else it is a share of the plan."
    )
    human_locked = models.BooleanField(default=False)
    locked_by = models.CharField(max_length=200, blank=True)
    locked_at = models.DateTimeField(null=True, blank=True)
    locked_reason = models.CharField(max_length=500, blank=True)
    spent = MoneyField(default=0)
    interceptor_spent = MoneyField(default=0)
    held = MoneyField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(budget__gte=0, held__gte=0), name="account_amounts")]
        indexes = [
            models.Index(fields=["project"], condition=Q(own_budget=False, budget=0), name="account_without_money"),
            models.Index(fields=["project"], condition=Q(own_budget=True) | Q(human_locked=True), name="account_set_aside"),
            models.Index(fields=["project", "-spent", "id"], name="account_by_spend"),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def headroom(self) -> int:
        """Micro-USD of the entry's own budget that may still be reserved."""
        return int(self.budget - self.spent - self.held)


class RoundSpend(models.Model):
    """The cost, the tokens and the improvement of one round. The ledger's trigger keeps cost and tokens."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="rounds")
    number = models.PositiveIntegerField()
    cost = MoneyField(default=0)
    improvement_score = models.FloatField(null=True, blank=True, help_text="Score minus the best score before it.")
    input_tokens = models.BigIntegerField(default=0, db_default=0, help_text="All input, cached or not.")
    cached_tokens = models.BigIntegerField(default=0, db_default=0, help_text="The part of the input that was read from a cache.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "number"], name="one_spend_per_round"),
            models.CheckConstraint(condition=Q(improvement_score__range=(-1, 1)), name="an_improvement_of_money_is_a_share"),
        ]
        ordering = ["account", "number"]
        verbose_name = "spend of a round"
        verbose_name_plural = "spend by round"

    def __str__(self) -> str:
        return f"Round {self.number} of {self.account_id}"


class ModelSpend(models.Model):
    """The part of a round's cost and tokens that went to one model, by the name that the ledger has: empty where it has none. The ledger's
    trigger keeps it."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="models", db_index=False)
    number = models.PositiveIntegerField()
    model = models.CharField(max_length=200, blank=True)
    cost = MoneyField(default=0)
    input_tokens = models.BigIntegerField(default=0, db_default=0, help_text="All input, cached or not.")
    cached_tokens = models.BigIntegerField(default=0, db_default=0, help_text="The part of the input that was read from a cache.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "number", "model"], name="one_spend_per_model_of_a_round")]
        verbose_name = "spend of a model"
        verbose_name_plural = "spend by model"

    def __str__(self) -> str:
        return f"{self.model} in round {self.number} of {self.account_id}"


class UsageTotal(models.Model):
    """The sum that the ledger has booked for one model and category. It never falls: what corrections take back is not in it. The ledger's
    trigger keeps it.

    `model` is `none` where a row names none, and `other` for each model after the first fifty of a project: agents may report any name.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="usage", db_index=False)
    category = models.CharField(max_length=12, choices=Category.choices)
    model = models.CharField(max_length=200)
    charged = MoneyField(default=0)
    input_tokens = models.BigIntegerField(default=0, db_default=0, help_text="Those not read from a cache nor written to one.")
    output_tokens = models.BigIntegerField(default=0, db_default=0)
    cache_read_tokens = models.BigIntegerField(default=0, db_default=0)
    cache_write_tokens = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "category", "model"], name="one_usage_per_model")]

    def __str__(self) -> str:
        return f"{self.category} by {self.model}"
