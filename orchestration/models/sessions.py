"""Worker sessions with their rounds, their log, and the conversations of their agents."""

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

from budget.models import Hold
from orchestration.facts.reasons import Reason
from orchestration.models.entries import Entry
from orchestration.models.executor import Worker
from workspaces.models import Workspace
from workspaces.values import ids
from workspaces.values.foreign_fields import ForeignChar, ForeignJSON, ForeignText


class WorkerSessions(models.Manager["Session"]):
    """The sessions that work on an entry: what pages and the API call sessions."""

    def get_queryset(self) -> models.QuerySet["Session"]:
        return super().get_queryset().filter(role="implement")


class Session(models.Model):
    """A worker session: an agent that works on one entry; or a run: an agent that proposes changes of the backlog, and works on no entry.
    `claimed -> running -> ended`; ended never changes again.
    """

    class Role(models.TextChoices):
        """implement: a worker session. The others are runs."""

        IMPLEMENT = "implement"
        PLAN = "plan"
        EXPAND = "expand"
        ORCHESTRATE = "orchestrate"

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
        PLANNING = "planning"
        EXPANSION = "expansion"
        ORCHESTRATION = "orchestration"

    class Outcome(models.TextChoices):
        """The result of a session. passed: verified and merged; of a run: it has proposals. failed: verification failed; of a run: its
        answer could not be used. no_change: its agent changed nothing. unavailable: the provider was. asked: its agent asked a question,
        and the entry waits for the answer. doomed: its agent made no
        progress, and was ended early. not_chosen: another candidate of its round passed first."""

        PASSED = "passed"
        FAILED = "failed"
        NO_CHANGE = str(Reason.NO_CHANGE)
        CONFLICT = "conflict"
        CRASHED = "crashed"
        TIMED_OUT = "timed_out"
        OUT_OF_MONEY = "out_of_money"
        STOPPED = "stopped"
        INTERRUPTED = "interrupted"
        LOST = "lost"
        UNAVAILABLE = "unavailable"
        ASKED = "asked"
        DOOMED = "doomed"
        NOT_CHOSEN = "not_chosen"

    class Doubt(models.TextChoices):
        """It reported far more than it had reserved. true, false: a person's answer (`sessions.doubts`)."""

        NONE = ""
        OPEN = "open"
        TRUE = "true"
        FALSE = "false"

    class Meter(models.TextChoices):
        """Its meter. gateway: the gateway, of each request before it is sent. cli: its agents, or one of them, report it afterwards."""

        NONE = ""
        GATEWAY = "gateway"
        CLI = "cli"

    OPEN = (Status.CLAIMED, Status.RUNNING)

    id = models.CharField(primary_key=True, max_length=40, default=ids.session, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="sessions", db_index=False)
    role = models.CharField(max_length=12, choices=Role.choices, default=Role.IMPLEMENT, db_default=Role.IMPLEMENT)
    # A worker session always has one; a run never does, and what handles both asks `is_run` first.
    entry: "models.ForeignKey[Entry | None, Entry]" = models.ForeignKey(  # type: ignore[misc]
        Entry, null=True, blank=True, on_delete=models.PROTECT, related_name="sessions"
    )
    attempt = models.PositiveIntegerField(help_text="The entry's count of claims: every write of the session carries it.")
    candidate = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Its number among several that work on one round of the entry. 0: it works alone."
    )
    work = models.CharField(max_length=10, choices=Entry.Work.choices, default=Entry.Work.IMPLEMENT)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.CLAIMED, db_default=Status.CLAIMED)
    phase = models.CharField(max_length=15, choices=Phase.choices, default=Phase.STARTING, db_default=Phase.STARTING)
    outcome = models.CharField(max_length=15, choices=Outcome.choices, blank=True, default="", db_default="")
    outcome_message = ForeignChar(max_length=500, blank=True, default="", db_default="")
    round_number = models.PositiveIntegerField(default=0, db_default=0)
    hold = models.OneToOneField(Hold, null=True, blank=True, on_delete=models.PROTECT, related_name="session")
    agent_name = models.CharField(
        max_length=63,
        blank=True,
        default="",
        db_default="",
        help_text="Its agent in the config, from its claim on. Empty: the usual one.",
    )
    effort = models.CharField(
        max_length=10, blank=True, default="", db_default="", help_text="Of its step. Empty: that of its agent."
    )
    choice = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        blank=True,
        help_text="How its claim chose the agent: which were considered, and why this one. Empty: there was no other.",
    )
    agent = models.CharField(max_length=30, blank=True, default="", db_default="", help_text="The kind of its agent.")
    model = models.CharField(max_length=200, blank=True, default="", db_default="")
    credential = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="Of its agent, from its claim on: a variable or a login."
    )
    meter = models.CharField(
        max_length=7, choices=Meter.choices, blank=True, default="", db_default="", help_text="Fixed when its agents start."
    )
    is_plan = models.BooleanField(default=False, db_default=False, help_text="A plan pays its agent: nothing is booked.")
    model_family = models.CharField(max_length=100, blank=True, default="", db_default="", help_text="Of its agent's model.")
    stop_wanted_at = models.DateTimeField(null=True, blank=True)
    stop_wanted_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    kill_wanted_at = models.DateTimeField(null=True, blank=True, help_text="When a person requested to skip the grace period.")
    stop_for_good = models.BooleanField(
        default=False, db_default=False, help_text="Stopped individually: its entry goes on hold. Stop all only pauses."
    )
    worker = models.ForeignKey(
        Worker, null=True, blank=True, on_delete=models.SET_NULL, related_name="sessions", db_constraint=False
    )
    host = models.CharField(max_length=200, blank=True, default="", db_default="")
    host_id = models.CharField(
        max_length=40,
        blank=True,
        db_default="",
        default="",
        help_text="The host where it runs, from its claim on. Empty: the first host with a free slot takes it.",
    )
    version = models.CharField(
        max_length=20, blank=True, db_default="", default="", help_text="The number of the release that claimed it."
    )
    ended_by_version = models.CharField(
        max_length=20, blank=True, default="", db_default="", help_text="The number of the release that ended it."
    )
    boot_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    enqueued_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    last_output_at = models.DateTimeField(null=True, blank=True)
    exit_code = models.IntegerField(null=True, blank=True)
    progress = ForeignChar(max_length=500, blank=True, default="", db_default="")
    failure = models.CharField(
        max_length=30, blank=True, default="", db_default="", help_text="The named failure of its agent, if it had one."
    )
    waiting_for = ForeignChar(
        max_length=300, blank=True, default="", db_default="", help_text="Why the agent waits for its provider now."
    )
    waiting_until = models.DateTimeField(null=True, blank=True)
    cost_note = ForeignChar(
        max_length=500, blank=True, default="", db_default="", help_text="Where two reports of its cost differ."
    )
    anomaly = ForeignChar(
        max_length=300,
        blank=True,
        db_default="",
        help_text="Its spend is several times the usual rate: reported once, stops nothing.",
    )
    unpriced_model = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="A model without a price was used: the cost is not known.",
    )
    doubt = models.CharField(
        max_length=5,
        choices=Doubt.choices,
        blank=True,
        default="",
        db_default="",
        help_text="Whether a person believes that it spent far more than it had reserved.",
    )
    doubt_by = models.CharField(max_length=200, blank=True, default="", db_default="", help_text="Who answered.")
    hold_after_by = models.CharField(
        max_length=200, blank=True, db_default="", help_text="Who requested to put the entry on hold when the round ends."
    )
    phases = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        help_text="[[phase, ISO start time], ...], oldest first; `waiting` while the agent waits for its provider.",
    )
    first_error = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="The number of the first line of its log with an error."
    )

    has_mail = False
    """Read as it is taken: people's words wait for its agent."""

    objects = WorkerSessions()
    of_any_role: "models.Manager[Session]" = models.Manager()

    class Meta:
        base_manager_name = "of_any_role"
        constraints = [
            models.UniqueConstraint(
                fields=["entry", "candidate"],
                condition=Q(status__in=["claimed", "running"]),
                name="one_open_session_per_candidate",
            ),
            models.UniqueConstraint(fields=["entry", "attempt"], name="one_session_per_attempt"),
            models.CheckConstraint(condition=~Q(status="ended") | ~Q(outcome=""), name="what_ended_has_an_outcome"),
            models.CheckConstraint(
                condition=Q(role="implement", entry__isnull=False) | ~Q(role="implement") & Q(entry__isnull=True),
                name="only_a_run_has_no_entry",
            ),
            models.CheckConstraint(condition=Q(doubt__in=["", "open", "true", "false"]), name="session_doubt_is_an_answer"),
            models.UniqueConstraint(
                fields=["workspace"],
                condition=Q(role="orchestrate", status__in=["claimed", "running"]),
                name="one_open_orchestrator_per_workspace",
            ),
        ]
        indexes = [
            # With the role, so that counts of sessions read an index alone.
            models.Index(fields=["workspace", "status", "role"], name="session_by_status"),
            models.Index(fields=["workspace", "-claimed_at"], name="session_newest_first"),
            models.Index(fields=["workspace", "ended_at", "outcome", "role"], name="session_by_end"),
            models.Index(fields=["workspace"], condition=Q(doubt="open"), name="doubted_sessions"),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def is_run(self) -> bool:
        return self.role != self.Role.IMPLEMENT

    @property
    def owner_id(self) -> str:
        """Its entry's id; of a run its own."""
        return self.pk if self.entry_id is None else self.entry_id

    @property
    def work_id(self) -> str:
        """The name of its working copy. Conversations and the homes of CLIs are kept under it too, so that the next round continues them."""
        return f"{self.owner_id}-{self.candidate}" if self.candidate else self.owner_id

    @property
    def branch(self) -> str:
        """The branch of its work, in the workspace's repository."""
        return f"{self.entry.branch}.candidate-{self.candidate}" if self.candidate else self.entry.branch

    @property
    def first_attempt(self) -> int:
        """The attempt of the first candidate of its round: they were claimed together."""
        return self.attempt - max(self.candidate - 1, 0)


class Rounds(models.Manager["Round"]):
    """The rounds that count: without those of candidates that were not chosen, or not yet."""

    def get_queryset(self) -> models.QuerySet["Round"]:
        return super().get_queryset().filter(is_set_aside=False)


class Round(models.Model):
    """One pass over an entry: implementation, then verification. Its cost is in `budget.RoundSpend` of the same number, with that of all its
    candidates."""

    class Verdict(models.TextChoices):
        OPEN = "open"
        PASSED = "passed"
        FAILED = "failed"
        NO_CHANGE = str(Reason.NO_CHANGE)
        UNVERIFIED = "unverified"
        DOOMED = "doomed"

    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="rounds")
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="rounds")
    number = models.PositiveIntegerField()
    candidate = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="That of its session.")
    is_set_aside = models.BooleanField(
        default=False, db_default=False, help_text="A candidate's round that was not chosen, or not yet."
    )
    verdict = models.CharField(max_length=10, choices=Verdict.choices, default=Verdict.OPEN)
    score = models.FloatField(null=True, blank=True)
    improvement_score = models.FloatField(null=True, blank=True)
    base_score = models.FloatField(null=True, blank=True, help_text="Of its base, in the same measure.")
    is_unproven = models.BooleanField(
        default=False, db_default=False, help_text="It passed, and makes no case pass that failed before."
    )
    ended_early = ForeignChar(
        max_length=500, blank=True, default="", db_default="", help_text="What Muster saw when it ended the agent early."
    )
    summary = ForeignText(blank=True)
    agent_done = models.BooleanField(
        default=False, db_default=False, help_text="The agent ended well: its work is not paid again."
    )
    findings = ForeignJSON(default=list, blank=True)
    checks = ForeignJSON(default=list, blank=True)
    prompt = models.TextField(blank=True)
    review = ForeignJSON(default=dict, blank=True, help_text="What the interceptor answered, and its prompt.")
    sandbox = ForeignChar(
        max_length=300, blank=True, default="", db_default="", help_text="How its processes were confined, in a sentence."
    )
    base_commit = models.CharField(max_length=64, blank=True)
    commit = models.CharField(max_length=64, blank=True)
    diffstat = models.JSONField(default=dict, blank=True)
    given_up = models.BooleanField(
        default=False, db_default=False, help_text="Its commit is gone with its host, or was replaced by others: it is no work."
    )
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = Rounds()
    of_any_candidate: "models.Manager[Round]" = models.Manager()

    class Meta:
        base_manager_name = "of_any_candidate"
        constraints = [
            models.UniqueConstraint(fields=["entry", "number", "candidate"], name="one_round_per_candidate"),
            models.CheckConstraint(condition=Q(improvement_score__range=(-1, 1)), name="an_improvement_is_a_share"),
        ]
        ordering = ["entry", "number"]

    def __str__(self) -> str:
        return f"Round {self.number} of {self.entry_id}"


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
    """A thread of an agent's CLI that the entry's next round, or the run's next turn, continues. Losing it costs context, never work."""

    class Role(models.TextChoices):
        IMPLEMENT = "implement"
        REVIEW = "review"
        VERIFY = "verify"
        PLAN = "plan"
        EXPAND = "expand"
        ORCHESTRATE = "orchestrate"

    entry = models.ForeignKey(Entry, null=True, on_delete=models.CASCADE, related_name="conversations")
    run = models.ForeignKey(Session, null=True, on_delete=models.CASCADE, related_name="conversations")
    candidate = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Of the entry's round. 0: it has one agent.")
    role = models.CharField(max_length=12, choices=Role.choices)
    kind = models.CharField(max_length=30)
    thread_id = models.CharField(max_length=200)
    totals = models.JSONField(default=dict, blank=True, help_text="Token totals that its CLI continues to count.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entry", "candidate", "role", "kind"], name="one_conversation_per_candidate"),
            models.UniqueConstraint(fields=["run", "role", "kind"], name="one_conversation_per_run"),
            models.CheckConstraint(
                condition=Q(entry__isnull=False, run__isnull=True) | Q(entry__isnull=True, run__isnull=False),
                name="a_conversation_has_one_owner",
            ),
        ]

    def __str__(self) -> str:
        return self.thread_id
