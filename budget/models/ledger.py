"""Reservations (`Hold`) and the ledger: what is reserved, and what is spent."""

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Now

from budget.amounts.money import MoneyField
from budget.categories import Category
from budget.models.accounts import Account, Project


class Hold(models.Model):
    """A reservation, for a running session or by a permit for spend outside Muster. Charges draw it down; it is settled exactly once.

    A permit has an end, `expires_at`, and its own id in `session_ref`. A reservation has an account where its category is `entry`.
    `open -> awaiting -> settled`, or at once settled; never back.
    """

    class State(models.TextChoices):
        """awaiting: its session has ended, and the host that knows what it spent is away (`ledger.awaited`), or answers to its requests are not known
        (`ledger.unknown`)."""

        OPEN = "open"
        AWAITING = "awaiting"
        SETTLED = "settled"

    RESERVED = (State.OPEN, State.AWAITING)

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="holds", db_index=False)
    account = models.ForeignKey(Account, null=True, blank=True, on_delete=models.PROTECT, related_name="holds")
    category = models.CharField(
        max_length=12, choices=Category.choices, default=Category.ENTRY, db_default=Value(Category.ENTRY.value)
    )
    session_ref = models.CharField(max_length=40, unique=True)
    number = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Its number among several that its account has at once. 0: it is the only one."
    )
    amount = MoneyField()
    drawn = MoneyField(default=0)
    in_flight = MoneyField(default=0, db_default=0, help_text="What its requests in the gateway may still cost.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    opened_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="When a permit ends by itself.")
    awaits_host = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="The host that has not said yet what its session spent."
    )
    awaits_until = models.DateTimeField(null=True, blank=True, help_text="Then the rest is charged as an estimate.")
    unknown_since = models.DateTimeField(
        null=True, blank=True, help_text="It ended while answers to its requests were not known: they keep the rest."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "number"], condition=Q(state="open", expires_at__isnull=True), name="one_open_hold_per_number"
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="hold_amount"),
            models.CheckConstraint(
                condition=Q(account__isnull=False, category="entry") | Q(account__isnull=True) & ~Q(category="entry"),
                name="a_hold_of_the_category_entry_has_one",
            ),
            models.CheckConstraint(
                condition=~Q(state="awaiting")
                | Q(awaits_until__isnull=False) & ~Q(awaits_host="")
                | Q(unknown_since__isnull=False),
                name="an_awaiting_hold_says_for_what",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "state"], name="hold_by_state"),
            models.Index(fields=["expires_at"], condition=Q(state="open", expires_at__isnull=False), name="open_permits"),
            models.Index(fields=["project", "id"], name="holds_in_order"),  # the newest, for forecasts
            models.Index(fields=["account"], condition=Q(state="awaiting"), name="holds_awaiting"),
            models.Index(fields=["awaits_until"], condition=~Q(awaits_host=""), name="holds_of_silent_hosts"),
        ]

    def __str__(self) -> str:
        return f"Hold of {self.session_ref}"

    @property
    def remainder(self) -> int:
        """Micro-USD still reserved; 0 or less once it is used up."""
        return int(self.amount - self.drawn)

    @property
    def free(self) -> int:
        """Micro-USD that no request in the gateway may need."""
        return int(self.amount - self.drawn - self.in_flight)


class LedgerEntry(models.Model):
    """One amount, once. Insert-only: triggers refuse update and delete; a correction is another row with a reason."""

    class PriceSource(models.TextChoices):
        REPORTED = "reported"
        COMPUTED = "computed"
        MANUAL = "manual"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="ledger", db_index=False)
    account = models.ForeignKey(Account, null=True, blank=True, on_delete=models.PROTECT, related_name="ledger", db_index=False)
    hold = models.ForeignKey(Hold, null=True, blank=True, on_delete=models.PROTECT, related_name="ledger")
    corrects = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="corrections", db_index=False
    )
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
    cache_write_1h_tokens = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text="The part of the tokens written to a cache that is kept for an hour, at a higher price.",
    )
    actor = models.CharField(max_length=200)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = [
            models.CheckConstraint(
                condition=~Q(category="entry") | Q(account__isnull=False, round__isnull=False), name="entry_spend_names_its_round"
            ),
            models.CheckConstraint(condition=Q(amount__gte=0) | Q(price_source="manual"), name="only_corrections_are_negative"),
            models.CheckConstraint(
                condition=Q(cache_write_1h_tokens__gte=0, cache_write_1h_tokens__lte=F("cache_write_tokens")),
                name="one_hour_writes_are_cache_writes",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="ledger_in_order"),
            models.Index(fields=["project", "at", "category", "amount"], name="ledger_by_time"),
            models.Index(fields=["account", "id"], name="ledger_by_account"),
            models.Index(fields=["corrects"], name="ledger_corrections", condition=Q(corrects__isnull=False)),
            models.Index(fields=["session_ref"], name="ledger_by_session", condition=~Q(session_ref="")),
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.amount} micro-USD"
