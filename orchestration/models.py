"""Work: entries, the sessions that work on them, the rounds they make, the paths they lock, the executor that decides."""

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

from budget.models import Account, Hold
from workspaces import ids
from workspaces.models import Workspace


class Executor(models.Model):
    """The dispatcher of one workspace. A cycle holds this row's lock: two cycles of a workspace never run at once."""

    class State(models.TextChoices):
        STOPPED = "stopped"
        RUNNING = "running"
        PAUSED = "paused"

    workspace = models.OneToOneField(Workspace, primary_key=True, on_delete=models.PROTECT, related_name="executor")
    state = models.CharField(max_length=8, choices=State.choices, default=State.STOPPED)
    changed_by = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)
    config = models.JSONField(default=dict, blank=True)
    last_seq = models.BigIntegerField(default=0, help_text="The number of the newest entry.")
    version = models.PositiveBigIntegerField(
        db_default=0, default=0, help_text="Counts changes of its state: who acts on an outdated page is told so."
    )
    stop_all_at = models.DateTimeField(
        null=True, blank=True, help_text="The last stop of everything: sessions asked then acknowledge it."
    )
    stop_all_by = models.CharField(max_length=200, blank=True, db_default="")
    trouble_code = models.CharField(
        max_length=30, blank=True, help_text="The breaker: why no agent of this workspace can work at the moment."
    )
    trouble_message = models.CharField(max_length=500, blank=True)
    trouble_since = models.DateTimeField(null=True, blank=True)
    trouble_until = models.DateTimeField(null=True, blank=True, help_text="Then one session is tried.")
    trouble_count = models.PositiveIntegerField(default=0, help_text="Sessions in a row that found it so.")
    push_error = models.CharField(max_length=500, blank=True, help_text="Why the last push of the integration branch failed.")
    pushed_commit = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"Executor of {self.workspace_id}"


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

    class Work(models.TextChoices):
        """What the next session does: the agent and then verification, or verification alone (reverify)."""

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
    reason_code = models.CharField(max_length=30, blank=True, help_text="Why it is blocked or failed.")
    reason_message = models.CharField(max_length=500, blank=True)
    reason_at = models.DateTimeField(null=True, blank=True)
    priority = models.SmallIntegerField(choices=Priority.choices, default=Priority.MEDIUM)
    parallelizable = models.BooleanField(default=True)
    parallel_group = models.CharField(max_length=100, blank=True)
    budget_rounds = models.PositiveIntegerField(default=5)
    rounds_completed = models.PositiveIntegerField(default=0)
    score = models.FloatField(null=True, blank=True, help_text="The best score so far, 0 to 1.")
    unmet_dependencies = models.PositiveIntegerField(default=0)
    parked_behind = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="waiters")
    has_rounds = models.BooleanField(default=False)
    next_work = models.CharField(max_length=10, choices=Work.choices, default=Work.IMPLEMENT)
    attempts = models.PositiveIntegerField(
        default=0, help_text="Sessions claimed so far; the newest one's number is its fencing token."
    )
    crashes = models.PositiveIntegerField(default=0, help_text="In a row.")
    not_before = models.DateTimeField(null=True, blank=True, help_text="It waits for its provider until then.")
    provider_waits = models.PositiveIntegerField(
        db_default=0, default=0, help_text="Sessions in a row that the provider turned away."
    )
    created_by = models.CharField(max_length=200, blank=True)
    assigned_to = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "entries"
        constraints = [
            models.UniqueConstraint(fields=["workspace", "seq"], name="one_entry_per_number"),
            models.CheckConstraint(
                condition=~Q(status__in=["blocked", "failed"]) | ~Q(reason_code=""), name="what_is_stuck_has_a_reason"
            ),
        ]
        indexes = [
            # The line in which entries wait: a cycle reads it only as far as its free slots need (performance.md, S1 to S3).
            models.Index(
                fields=["workspace", "-has_rounds", "priority", "seq"],
                condition=Q(status="pending", unmet_dependencies=0, parked_behind__isnull=True, deleted_at__isnull=True),
                name="ready_line",
            ),
            models.Index(fields=["workspace", "status", "reason_code"], name="entry_by_status"),
        ]

    def __str__(self) -> str:
        return f"#{self.seq} {self.title}"

    @property
    def title(self) -> str:
        """The first line of its content."""
        return self.content.strip().split("\n", 1)[0][:120]

    @property
    def branch(self) -> str:
        return f"muster/{self.id}"


class Dependency(models.Model):
    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="dependencies")
    depends_on = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="dependents")

    class Meta:
        verbose_name_plural = "dependencies"
        constraints = [
            models.UniqueConstraint(fields=["entry", "depends_on"], name="one_dependency_per_pair"),
            models.CheckConstraint(condition=~Q(entry=models.F("depends_on")), name="nothing_waits_for_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id} waits for {self.depends_on_id}"


class Worker(models.Model):
    """A process that runs sessions, or cycles. Online: seen within a lease."""

    id = models.CharField(primary_key=True, max_length=60)
    queue = models.CharField(max_length=20)
    host = models.CharField(max_length=200)
    boot_id = models.CharField(max_length=64)
    pid = models.PositiveIntegerField()
    started_ticks = models.BigIntegerField(
        help_text="Start time of the process in clock ticks, which tells it from a later one with its pid."
    )
    slots = models.PositiveIntegerField()
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    ticked_at = models.DateTimeField(null=True, blank=True, help_text="A control worker's last tick: the executor is alive.")
    agents = models.JSONField(default=dict, blank=True, help_text="The agents' programs found on its host: kind to version.")

    def __str__(self) -> str:
        return f"{self.queue} worker {self.pid} on {self.host}"


class Session(models.Model):
    """One worker session: an agent at work on one entry. `claimed -> running -> ended`; ended never changes again."""

    class Status(models.TextChoices):
        CLAIMED = "claimed"
        RUNNING = "running"
        ENDED = "ended"

    class Phase(models.TextChoices):
        STARTING = "starting"
        IMPLEMENTATION = "implementation"
        INTERCEPTION = "interception"
        VERIFICATION = "verification"
        MERGING = "merging"

    class Outcome(models.TextChoices):
        """How it ended. passed: verified and merged. failed: verification said no. unavailable: the provider turned it away."""

        PASSED = "passed"
        FAILED = "failed"
        CONFLICT = "conflict"
        CRASHED = "crashed"
        TIMED_OUT = "timed_out"
        OUT_OF_MONEY = "out_of_money"
        STOPPED = "stopped"
        INTERRUPTED = "interrupted"
        LOST = "lost"
        UNAVAILABLE = "unavailable"

    OPEN = (Status.CLAIMED, Status.RUNNING)

    id = models.CharField(primary_key=True, max_length=40, default=ids.session, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="sessions", db_index=False)
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="sessions")
    attempt = models.PositiveIntegerField(help_text="The entry's count of claims: every write of the session carries it.")
    work = models.CharField(max_length=10, choices=Entry.Work.choices, default=Entry.Work.IMPLEMENT)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.CLAIMED, db_default=Status.CLAIMED)
    phase = models.CharField(max_length=15, choices=Phase.choices, default=Phase.STARTING, db_default=Phase.STARTING)
    outcome = models.CharField(max_length=15, choices=Outcome.choices, blank=True, default="", db_default="")
    outcome_message = models.CharField(max_length=500, blank=True, default="", db_default="")
    round_number = models.PositiveIntegerField(default=0, db_default=0)
    hold = models.OneToOneField(Hold, null=True, blank=True, on_delete=models.PROTECT, related_name="session")
    agent = models.CharField(max_length=30, blank=True, default="", db_default="")
    model = models.CharField(max_length=200, blank=True, default="", db_default="")
    stop_wanted_at = models.DateTimeField(null=True, blank=True)
    stop_wanted_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    kill_wanted_at = models.DateTimeField(null=True, blank=True, help_text="Somebody will not wait for its grace any more.")
    stop_for_good = models.BooleanField(
        default=False, db_default=False, help_text="Stopped by itself: its entry is then held. Stop all only pauses."
    )
    worker = models.ForeignKey(
        Worker, null=True, blank=True, on_delete=models.SET_NULL, related_name="sessions", db_constraint=False
    )
    host = models.CharField(max_length=200, blank=True, default="", db_default="")
    boot_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    enqueued_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    last_output_at = models.DateTimeField(null=True, blank=True)
    exit_code = models.IntegerField(null=True, blank=True)
    progress = models.CharField(max_length=500, blank=True, default="", db_default="")
    failure = models.CharField(
        max_length=30, blank=True, default="", db_default="", help_text="The named failure of its agent, if it had one."
    )
    waiting_for = models.CharField(
        max_length=300, blank=True, default="", db_default="", help_text="What the agent's provider makes it wait for now."
    )
    waiting_until = models.DateTimeField(null=True, blank=True)
    cost_note = models.CharField(
        max_length=500, blank=True, default="", db_default="", help_text="Where two tellings of its cost differ."
    )
    anomaly = models.CharField(
        max_length=300,
        blank=True,
        db_default="",
        help_text="That it burns several times the usual rate: told once, stops nothing.",
    )
    unpriced_model = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="A model without a price was used: the cost is not known.",
    )
    hold_after_by = models.CharField(
        max_length=200, blank=True, db_default="", help_text="Who asked that its entry is held once its round is finished."
    )
    phases = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        help_text="[[phase, ISO time it began], ...], oldest first; `waiting` while its provider makes it wait.",
    )
    first_error = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="The number of the first line of its log that tells of an error."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["entry"], condition=Q(status__in=["claimed", "running"]), name="one_open_session_per_entry"
            ),
            models.UniqueConstraint(fields=["entry", "attempt"], name="one_session_per_attempt"),
            models.CheckConstraint(condition=~Q(status="ended") | ~Q(outcome=""), name="what_ended_has_an_outcome"),
        ]
        indexes = [
            models.Index(fields=["workspace"], condition=Q(status__in=["claimed", "running"]), name="open_sessions"),
            models.Index(fields=["workspace", "-claimed_at"], name="session_newest_first"),
        ]

    def __str__(self) -> str:
        return self.id


class Round(models.Model):
    """One pass over an entry: implementation, then verification. Its cost is in `budget.RoundSpend` of the same number."""

    class Verdict(models.TextChoices):
        OPEN = "open"
        PASSED = "passed"
        FAILED = "failed"
        UNVERIFIED = "unverified"

    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="rounds")
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="rounds")
    number = models.PositiveIntegerField()
    verdict = models.CharField(max_length=10, choices=Verdict.choices, default=Verdict.OPEN)
    score = models.FloatField(null=True, blank=True)
    improvement_score = models.FloatField(null=True, blank=True)
    summary = models.TextField(blank=True)
    findings = models.JSONField(default=list, blank=True)
    checks = models.JSONField(default=list, blank=True)
    prompt = models.TextField(blank=True)
    review = models.JSONField(default=dict, blank=True, help_text="What the interceptor answered, and its prompt.")
    base_commit = models.CharField(max_length=64, blank=True)
    commit = models.CharField(max_length=64, blank=True)
    diffstat = models.JSONField(default=dict, blank=True)
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "number"], name="one_round_per_number")]
        ordering = ["entry", "number"]

    def __str__(self) -> str:
        return f"Round {self.number} of {self.entry_id}"


class FileLock(models.Model):
    """A path that only one entry may touch. `src/api/` overlaps all under it: a trigger refuses overlaps (sql/)."""

    # Its own index would tempt the planner away from the unique one, which is the one that finds a path.
    # The entry's key already says that the workspace exists.
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="locks", db_index=False, db_constraint=False)
    path = models.CharField(max_length=1024)
    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="locks")
    acquired_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "path"], name="one_lock_per_path")]

    def __str__(self) -> str:
        return self.path


class LogChunk(models.Model):
    """Some lines of a session's output, in order. The middle of a long log is dropped; `first_seq` then jumps."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="log")
    first_seq = models.BigIntegerField()
    lines = models.JSONField(help_text="[[milliseconds since the epoch, stream, text], ...]")
    size = models.PositiveIntegerField(help_text="Bytes of text.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "first_seq"], name="one_chunk_per_place")]
        ordering = ["session", "first_seq"]

    def __str__(self) -> str:
        return f"{self.session_id} from line {self.first_seq}"


class Conversation(models.Model):
    """A thread of an agent's CLI that the entry's next round goes on with. Losing it costs context, never work."""

    class Role(models.TextChoices):
        IMPLEMENT = "implement"
        REVIEW = "review"
        VERIFY = "verify"

    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="conversations")
    role = models.CharField(max_length=10, choices=Role.choices)
    kind = models.CharField(max_length=30)
    thread_id = models.CharField(max_length=200)
    totals = models.JSONField(default=dict, blank=True, help_text="Token totals that its CLI goes on counting.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "role", "kind"], name="one_conversation_per_role")]

    def __str__(self) -> str:
        return self.thread_id


class Secret(models.Model):
    """A variable that only agents get. Encrypted at rest, masked wherever output is kept (secrets.py)."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=100)
    sealed = models.BinaryField()
    changed_by = models.CharField(max_length=200)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_secret_per_name")]

    def __str__(self) -> str:
        return self.name
