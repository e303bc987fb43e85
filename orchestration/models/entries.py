"""Entries of the backlog and what they depend on."""

from typing import ClassVar

from django.db import models
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Now

from budget.amounts.money import MoneyField
from budget.models import Account, GatewayRequest
from orchestration.facts import reasons
from orchestration.facts.reasons import Reason
from workspaces.models import Workspace
from workspaces.values import ids
from workspaces.values.foreign_fields import ForeignChar

MAX_DEPTH = 3  # entries above one another


class Entry(models.Model):
    """One item of the backlog. Its account has the same id."""

    class Status(models.TextChoices):
        PENDING = "pending"
        IN_PROGRESS = "in_progress"
        BLOCKED = "blocked"
        DONE = "done"
        FAILED = "failed"

    class Priority(models.IntegerChoices):
        CRITICAL = 0
        HIGH = 1
        MEDIUM = 2
        LOW = 3

    class DoneBy(models.TextChoices):
        """The way in which it became done (`backlog/rules/ways.py`). unknown: before ways were recorded."""

        LANDED = "landed"
        MERGED = "merged"
        CLOSED = "closed"
        CHILDREN = "children"
        NOTHING_TO_DO = "nothing_to_do"
        UNKNOWN = "unknown"

    class Work(models.TextChoices):
        """The next session's work: the agent and then verification, or verification alone (reverify)."""

        IMPLEMENT = "implement"
        VERIFY = "verify"

    id = models.CharField(primary_key=True, max_length=40, default=ids.entry, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="entries", db_index=False)
    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="entry")
    seq = models.BigIntegerField(help_text="Its number in the workspace; older entries go first.")
    type = models.CharField(max_length=20, default="task")
    content = models.TextField()
    spec = models.JSONField(default=dict, blank=True)
    spec_frozen = models.BooleanField(default=False)
    paths = models.JSONField(default=list, blank=True, help_text="What it locks: the files lists of its spec, normalised.")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    reason_code = models.CharField(max_length=30, blank=True, choices=reasons.CHOICES, help_text="Why it is blocked or failed.")
    reason_message = ForeignChar(max_length=500, blank=True)
    reason_at = models.DateTimeField(null=True, blank=True)
    done_way = models.CharField(
        max_length=13, choices=DoneBy.choices, blank=True, db_default="", default="", help_text="How it became done."
    )
    done_commit = models.CharField(
        max_length=64, blank=True, db_default="", default="", help_text="The tip of the integration branch that has its work."
    )
    done_round = models.PositiveIntegerField(null=True, blank=True, help_text="The number of the round whose work it is.")
    done_pull_request = models.ForeignKey(
        "orchestration.PullRequest", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    done_by = models.CharField(max_length=200, blank=True, db_default="", default="", help_text="Who closed it.")
    done_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when it is done. Null: it is not, or an earlier release ended it."
    )
    done_reason = models.CharField(max_length=500, blank=True, db_default="", default="")
    priority = models.SmallIntegerField(choices=Priority.choices, default=Priority.MEDIUM)
    parallelizable = models.BooleanField(default=True)
    parallel_group = models.CharField(max_length=100, blank=True)
    budget_rounds = models.PositiveIntegerField(default=5)
    rounds_completed = models.PositiveIntegerField(default=0)
    score = models.FloatField(null=True, blank=True, help_text="The best score so far, 0 to 1.")
    unmet_dependencies = models.PositiveIntegerField(default=0)
    open_head = models.CharField(
        max_length=64,
        blank=True,
        db_default="",
        default="",
        help_text="The commit of its open pull request, from which those that depend on it may start.",
    )
    taken_paths = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        help_text="Files of others that its work changes: it locks them too. It does not declare them.",
    )
    parked_behind = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="waiters")
    has_rounds = models.BooleanField(default=False)
    next_work = models.CharField(max_length=10, choices=Work.choices, default=Work.IMPLEMENT)
    attempts = models.PositiveIntegerField(
        default=0, help_text="Sessions claimed so far; the newest one's number is its fencing token."
    )
    crashes = models.PositiveIntegerField(default=0, help_text="In a row.")
    not_before = models.DateTimeField(null=True, blank=True, help_text="It waits for its provider until then.")
    provider_waits = models.PositiveIntegerField(
        db_default=0, default=0, help_text="Sessions in a row that found the provider unavailable."
    )
    least_request = MoneyField(
        db_default=0,
        default=0,
        help_text="The least money with which the gateway would have sent the request that its last session ended for. 0: it did not.",
    )
    least_limit = models.CharField(
        max_length=7,
        choices=GatewayRequest.RefusedBy.choices,
        blank=True,
        default="",
        db_default="",
        help_text="The limit that refused it: money clears no other than money.",
    )
    branch_name = models.CharField(
        max_length=200,
        blank=True,
        db_default="",
        help_text="Its branch; empty for entries of older versions, named after their id.",
    )
    host_id = models.CharField(
        max_length=40, blank=True, db_default="", default="", help_text="The host that has its newest work and its conversation."
    )
    is_shared = models.BooleanField(db_default=True, default=True, help_text="Other hosts can have its newest work as well.")
    host_away_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when the host is away that alone has its newest work, as a tick saw it."
    )
    requires = models.JSONField(
        default=list, db_default=Value([], models.JSONField()), blank=True, help_text="Labels that the host of its sessions has."
    )
    agent = models.CharField(
        max_length=63,
        blank=True,
        db_default="",
        default="",
        help_text="The name of its agent in the config. Empty: that of its route.",
    )
    route = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        help_text="Steps of its own. Empty: those of the config.",
    )
    step = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Its place on its route, from 0.")
    step_since = models.PositiveIntegerField(default=0, db_default=0, help_text="Its completed rounds when that step began.")
    step_reason = models.CharField(
        max_length=100, blank=True, db_default="", default="", help_text="Why the step before is over, after its number."
    )
    next_agent = models.CharField(
        max_length=63, blank=True, db_default="", default="", help_text="The agent of its step. Empty: the usual one."
    )
    next_effort = models.CharField(max_length=10, blank=True, db_default="", default="", help_text="Of its step.")
    next_candidates = models.PositiveSmallIntegerField(
        default=1, db_default=1, help_text="How many of its agents work on its next round at once. Of its step."
    )
    group = models.CharField(
        max_length=200, blank=True, db_default="", default="", help_text="The headings above it in its plan."
    )
    source_plan = models.CharField(
        max_length=200, blank=True, db_default="", default="", help_text="The plan it was imported from."
    )
    source_id = models.CharField(max_length=200, blank=True, db_default="", default="", help_text="Its own id in that plan.")
    source_path = models.CharField(
        max_length=500,
        blank=True,
        db_default="",
        default="",
        help_text="Its headings and its title there: its name without an id.",
    )
    source_hashes = models.JSONField(
        null=True, blank=True, help_text="A hash of each value that was imported last; null: not imported."
    )
    created_by = models.CharField(max_length=200, blank=True)
    assigned_to = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="children",
        db_index=False,
        help_text="The entry that was split into this one and others.",
    )
    depth = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False, help_text="How many entries are above it.")
    is_container = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="It is split: its children do its work, and its state is theirs.",
    )
    before_split = models.JSONField(
        null=True, blank=True, editable=False, help_text="Its state when it was split, which an undo restores."
    )

    NOT_REFUSED: ClassVar = {"least_request": 0, "least_limit": ""}
    """The columns of an entry of which nothing is known that its next request needs."""

    class Meta:
        verbose_name_plural = "entries"
        constraints = [
            models.UniqueConstraint(fields=["workspace", "seq"], name="one_entry_per_number"),
            models.CheckConstraint(
                condition=~Q(status__in=["blocked", "failed"]) | ~Q(reason_code=""), name="what_is_stuck_has_a_reason"
            ),
            models.CheckConstraint(
                condition=Q(status="done", done_way__gt="") | (~Q(status="done") & Q(done_way="")), name="done_in_one_way"
            ),
            models.CheckConstraint(
                condition=Q(done_way__in=["", "unknown"])
                | Q(done_way="landed", done_commit__gt="", done_round__isnull=False)
                | Q(done_way="merged", done_pull_request__isnull=False)
                | Q(done_way="closed", done_by__gt="")
                | Q(done_way="children", is_container=True)
                | Q(done_way="nothing_to_do", done_round__isnull=False),
                name="each_way_has_its_parts",
            ),
            models.CheckConstraint(
                condition=Q(parent__isnull=True, depth=0) | Q(parent__isnull=False, depth__range=(1, MAX_DEPTH)),
                name="children_are_three_deep_at_most",
            ),
        ]
        indexes = [
            # The line in which entries wait: a cycle reads it only as far as its free slots need.
            models.Index(
                fields=["workspace", "-has_rounds", "priority", "seq"],
                condition=Q(status="pending", unmet_dependencies=0, parked_behind__isnull=True, deleted_at__isnull=True),
                name="ready_line",
            ),
            # The same order of all that wait, for what explains why.
            models.Index(
                fields=["workspace", "-has_rounds", "priority", "seq"],
                condition=Q(status__in=["pending", "blocked", "failed"], deleted_at__isnull=True),
                name="unfinished_line",
            ),
            # What the lists count by, so that a count reads an index alone. SQLite reads the row for a column that is only in the condition.
            models.Index(
                fields=[
                    *("workspace", "status", "reason_code", "unmet_dependencies"),
                    *("parked_behind", "not_before", "reason_at", "deleted_at"),
                ],
                condition=Q(deleted_at__isnull=True),
                name="entry_by_state",
            ),
            models.Index(
                fields=["workspace", "group", "seq", "deleted_at"],
                condition=Q(group__gt="", deleted_at__isnull=True),
                name="entry_by_group",
            ),
            # The list of entries: open ones first. `orchestration/lists/entries.py` sorts by the same words.
            models.Index(
                "workspace",
                Case(When(status="done", then=Value(1)), default=Value(0), output_field=models.IntegerField()),
                "seq",
                condition=Q(deleted_at__isnull=True),
                name="entries_open_first",
            ),
            models.Index(fields=["parent", "seq"], condition=Q(parent__isnull=False), name="entry_children"),
            models.Index(
                fields=["host_id", "status"],
                condition=Q(is_shared=False, deleted_at__isnull=True) & ~Q(status="done"),
                name="work_on_one_host",
            ),
            # Whose budget is free again: sums of money read it beside the accounts.
            models.Index(
                fields=["workspace", "account", "status", "deleted_at"],
                condition=Q(status__in=["done", "failed"]) | Q(deleted_at__isnull=False),
                name="ended_entries",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.seq} {self.title}"

    @property
    def title(self) -> str:
        """The first line of its content."""
        return self.content.strip().split("\n", 1)[0][:120]

    @property
    def on_hold(self) -> bool:
        return self.reason_code == Reason.HUMAN_HOLD

    @property
    def is_met(self) -> bool:
        """True if entries that depend on it may start."""
        return self.status == self.Status.DONE or bool(self.open_head)

    @property
    def paths_to_lock(self) -> list[str]:
        """The paths that its sessions lock. Only `paths` says what its agent may do to files that judge its work."""
        return [*self.paths, *self.taken_paths]

    @property
    def branch(self) -> str:
        """Its branch in the repository, the same from its first round to its last."""
        return self.branch_name or f"muster/{self.id}"


class Dependency(models.Model):
    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="dependencies")
    depends_on = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="dependents")
    is_stacked = models.BooleanField(
        db_default=False, default=False, help_text="The work of the entry began from the other's open pull request."
    )

    class Meta:
        verbose_name_plural = "dependencies"
        constraints = [
            models.UniqueConstraint(fields=["entry", "depends_on"], name="one_dependency_per_pair"),
            models.CheckConstraint(condition=~Q(entry=models.F("depends_on")), name="nothing_waits_for_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id} waits for {self.depends_on_id}"
