"""Requests of agents that the gateway sends on, and the accesses by which they come."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from budget.amounts.money import MoneyField
from budget.models.ledger import Hold


class GatewayAccess(models.Model):
    """The access of one process to the gateway, and to the money of a reservation. Its token is derived from its id and dies with it: when its process
    ends, and with its reservation."""

    ANYWHERE = "*"

    id = models.CharField(primary_key=True, max_length=40)
    hold = models.ForeignKey(Hold, on_delete=models.PROTECT, related_name="accesses")
    session_ref = models.CharField(max_length=40, help_text="The session, or the permit.")
    category = models.CharField(max_length=12)
    role = models.CharField(max_length=12)
    round = models.PositiveIntegerField(null=True, blank=True)
    agent = models.CharField(max_length=30, blank=True, help_text="The kind of the program: how long it waits for an answer.")
    model = models.CharField(
        max_length=200, blank=True, help_text="It may call this one and cheaper ones. Empty: any with a price."
    )
    most = MoneyField(null=True, blank=True, help_text="It may spend so much of the reservation. Empty: all of it.")
    used = MoneyField(
        default=0,
        db_default=0,
        help_text="What its requests have cost and may still cost. Kept by triggers where it has a limit.",
    )
    ceiling = MoneyField(default=0, help_text="Up to here the gateway lets the reservation grow.")
    upstreams = models.JSONField(default=dict, help_text="By API: where requests go, and whose key they get. No key stands here.")
    origin = models.CharField(
        max_length=45,
        blank=True,
        default="",
        db_default="",
        help_text="The address that used it first, and alone may use it. A star: any may. Empty: it was not used yet.",
    )
    opened_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "gateway accesses"
        indexes = [models.Index(fields=["session_ref"], name="accesses_by_session")]

    def __str__(self) -> str:
        return f"Access of {self.session_ref}"


class GatewayRequest(models.Model):
    """One request, from its arrival. Triggers keep `Hold.in_flight` equal to what its requests may still cost, and refuse one that its reservation
    or its access does not cover.

    waiting -> sent -> settled, or unknown; waiting -> refused. What is unknown may still be settled.
    """

    class State(models.TextChoices):
        """waiting: nothing was sent yet. sent: it may cost its bound. unknown: `amount` of its bound is booked, the rest stays reserved."""

        WAITING = "waiting"
        SENT = "sent"
        SETTLED = "settled"
        UNKNOWN = "unknown"
        REFUSED = "refused"

    class RefusedBy(models.TextChoices):
        """money: an entry's budget, the plan, the cap or a day's limit. ceiling: what its reservation may grow to. role: what its access may spend."""

        MONEY = "money"
        CEILING = "ceiling"
        ROLE = "role"

    access = models.ForeignKey(GatewayAccess, on_delete=models.PROTECT, related_name="requests")
    hold = models.ForeignKey(Hold, on_delete=models.PROTECT, related_name="requests")
    session_ref = models.CharField(max_length=40)
    state = models.CharField(max_length=8, choices=State.choices)
    gateway = models.CharField(max_length=60, help_text="The process that handles it.")
    key = models.CharField(max_length=40, blank=True, db_default="", help_text="Its gateway's own: no request has two rows.")
    api = models.CharField(max_length=20)
    credential = models.CharField(max_length=200, blank=True)
    model = models.CharField(max_length=200, help_text="As asked for.")
    answer_model = models.CharField(max_length=200, blank=True)
    bound = MoneyField(help_text="The most that it can cost.")
    amount = MoneyField(default=0, help_text="What is booked of it.")
    overrun = MoneyField(
        default=0, db_default=0, help_text="What is booked beyond its bound: its provider made more than it was asked for."
    )
    seen = MoneyField(
        default=0, db_default=0, help_text="An estimate by its input and by what was streamed: booked where nobody counts it."
    )
    least = MoneyField(
        default=0, db_default=0, help_text="With so much it would be sent, with a lower output limit. 0: it never lacked money."
    )
    refused_by = models.CharField(
        max_length=7, choices=RefusedBy.choices, blank=True, default="", db_default="", help_text="The limit that it would pass."
    )
    output_limit = models.PositiveIntegerField(default=0)
    is_clamped = models.BooleanField(default=False, help_text="The gateway lowered its output limit.")
    is_exact = models.BooleanField(
        default=True, help_text="False: it uses what Muster cannot bound, and the workspace allows that."
    )
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cache_read_tokens = models.BigIntegerField(default=0)
    cache_write_tokens = models.BigIntegerField(default=0)
    price_version = models.CharField(max_length=40, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Of the provider's answer, or of the gateway's.")
    reason = models.CharField(max_length=300, blank=True, help_text="Why it waits, was refused, or is unknown.")
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True)
    first_byte_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    OPEN = (State.WAITING, State.SENT)
    FOR_MONEY, FOR_PROVIDER = "it waits for money", "it waits for its provider's limit"
    """Reasons of one that waits."""

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(bound__gte=0), name="a_bound_is_no_refund"),
            models.CheckConstraint(
                condition=Q(amount__gte=0) & Q(amount__lte=F("bound")), name="no_request_costs_more_than_its_bound"
            ),
            models.UniqueConstraint(fields=["key"], condition=~Q(key=""), name="a_request_has_one_row"),
        ]
        indexes = [
            models.Index(fields=["session_ref", "id"], name="requests_by_session"),
            models.Index(
                fields=["hold", "created_at", "session_ref", "reason", "credential"],
                condition=Q(state="waiting"),
                name="requests_waiting",
            ),
            models.Index(fields=["gateway"], condition=Q(state__in=["waiting", "sent"]), name="requests_at_work"),
            models.Index(fields=["hold"], condition=Q(state="refused", status=402), name="requests_without_money"),
            models.Index(fields=["hold"], condition=Q(state="unknown"), name="requests_not_known"),
            models.Index(fields=["ended_at"], name="requests_by_end"),  # old ones are removed
            models.Index(fields=["hold"], condition=Q(overrun__gt=0), name="requests_with_overrun"),  # but not these
        ]

    def __str__(self) -> str:
        return f"Request {self.pk} of {self.session_ref}"

    @property
    def event_key(self) -> str:
        return key_of(self.pk, self.access.role)


def key_of(request_id: int, role: str) -> str:
    """The beginning of the keys of a request's rows in the ledger."""
    return f"request:{request_id}:{role}"
