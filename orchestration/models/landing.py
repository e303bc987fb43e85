"""Verdicts on trees, the landing queue, and the commits that Muster writes on integration branches."""

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

from orchestration.facts.reasons import Reason
from orchestration.models.approvals import Approval
from orchestration.models.entries import Entry
from orchestration.models.executor import Worker
from orchestration.models.sessions import Round
from workspaces.models import Workspace
from workspaces.values.foreign_fields import ForeignChar, ForeignJSON


class TreeVerdict(models.Model):
    """The checks' verdict on one git tree. The newest of a tree and `checks_hash` counts; rows never change."""

    class Kind(models.TextChoices):
        """The reason why the checks ran. accepted: a person declared a tip good."""

        BASELINE = "baseline"
        ROUND = "round"
        LANDING = "landing"
        TIP = "tip"
        ACCEPTED = "accepted"

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="verdicts", db_index=False)
    tree = models.CharField(max_length=64)
    checks_hash = models.CharField(max_length=64, help_text="Of everything that decides what the checks say of a tree.")
    commit = models.CharField(max_length=64, help_text="The commit whose tree was judged.")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    passed = models.BooleanField(help_text="Compared with its base by the workspace's pass policy.")
    base_tree = models.CharField(max_length=64, blank=True, help_text="What it was compared with.")
    round = models.ForeignKey(Round, null=True, blank=True, on_delete=models.SET_NULL, related_name="tree_verdicts")
    checks = ForeignJSON(default=list, blank=True, help_text="The evidence of each check.")
    cases = models.BinaryField(default=bytes, blank=True, help_text="Every test case by check: JSON, compressed by zlib.")
    by = models.CharField(max_length=200, blank=True, help_text="Who accepted it.")
    seconds = models.FloatField(default=0)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["workspace", "tree", "checks_hash", "-id"], name="verdict_of_a_tree")]

    def __str__(self) -> str:
        return f"{self.kind} verdict on {self.tree[:12]}"


class Integration(models.Model):
    """The integration branch of a workspace: its tip, what is known of it, and the lander that works on it now.

    One process at a time holds the lease; `fence` counts the leases, and each write of a lander carries its own.
    """

    class State(models.TextChoices):
        """unknown: not judged yet. good: work may start from it. red: it broke. waiting: it was rewritten, a person decides.
        unusable: the checks cannot run on it."""

        UNKNOWN = "unknown"
        GOOD = "good"
        RED = "red"
        WAITING = "waiting"
        UNUSABLE = "unusable"

    workspace = models.OneToOneField(Workspace, primary_key=True, on_delete=models.PROTECT, related_name="integration")
    only_branches = models.BooleanField(
        db_default=False,
        default=False,
        help_text="Its remote refuses refs that are no branches: Muster's own are branches there.",
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.UNKNOWN, db_default=State.UNKNOWN)
    tip = models.CharField(max_length=64, blank=True, db_default="", help_text="The newest commit from which work may start.")
    delivered = models.CharField(
        max_length=64, blank=True, db_default="", help_text="Where Muster last saw or put the branch itself."
    )
    foreign_tip = models.CharField(
        max_length=64, blank=True, db_default="", help_text="A tip that Muster did not write and that is not good."
    )
    message = ForeignChar(max_length=1000, blank=True, db_default="", help_text="Why nothing starts, as a sentence.")
    culprit = models.CharField(max_length=64, blank=True, db_default="", help_text="The commit that broke it.")
    base_tip = models.CharField(
        max_length=64, blank=True, db_default="", help_text="The commit of the base branch that was last handled."
    )
    base_problem = ForeignChar(
        max_length=1000, blank=True, db_default="", help_text="Why the base branch's commits are not merged."
    )
    adopt_foreign = models.BooleanField(
        default=False, db_default=False, help_text="Good tips that others wrote while sessions were running are adopted."
    )
    recheck = models.BooleanField(default=False, db_default=False, help_text="A person requested a new verdict on the tip.")
    entry_scoped = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        blank=True,
        help_text="Hash of the checks: names of those that look at their entry.",
    )
    judging_tree = models.CharField(max_length=64, blank=True, db_default="", help_text="The tree on which the checks run now.")
    due = models.BooleanField(default=True, db_default=True, help_text="A lander must look.")
    push_wanted = models.BooleanField(default=False, db_default=False, help_text="A person requested a push.")
    undelivered = ForeignChar(max_length=300, blank=True, db_default="")
    phase = models.CharField(max_length=200, blank=True, db_default="", help_text="What the lander does now.")
    phase_since = models.DateTimeField(null=True, blank=True)
    worker = models.ForeignKey(Worker, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveBigIntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        return f"Integration of {self.workspace_id}"


class IntegrationCommit(models.Model):
    """A first-parent commit that Muster writes on an integration branch. The row is written before the branch moves: a lander that finds it
    `intended` completes it."""

    class Kind(models.TextChoices):
        ENTRIES = "entries"
        BASE = "base"
        REVERT = "revert"
        RESTORE = "restore"

    class State(models.TextChoices):
        INTENDED = "intended"
        DONE = "done"
        VOID = "void"

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="integration_commits", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.ENTRIES)
    state = models.CharField(max_length=10, choices=State.choices, default=State.INTENDED)
    old = models.CharField(max_length=64)
    new = models.CharField(max_length=64)
    tree = models.CharField(max_length=64)
    subject = ForeignChar(max_length=300)
    verdict = models.ForeignKey(TreeVerdict, null=True, blank=True, on_delete=models.PROTECT, related_name="landed")
    reused = models.BooleanField(default=False, help_text="The tree had been judged before: nothing ran.")
    fence = models.PositiveBigIntegerField(default=0)
    at = models.DateTimeField(db_default=Now())
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace"], condition=Q(state="intended"), name="one_intent_per_workspace"),
        ]
        indexes = [models.Index(fields=["workspace", "-id"], name="landed_newest_first")]

    def __str__(self) -> str:
        return self.subject


class Landing(models.Model):
    """Verified work in the queue of the integration branch. The row is the job. `queued -> checking -> landed | refused | withdrawn`.
    Where a person must approve it: `checking -> waiting -> queued` once approved, or `sent_back`. Where it lands by pull request: `checking ->
    proposed -> landed` once the forge has merged it. Work that makes no failing test pass by itself waits as `unproven` for what builds on it, or
    for a person."""

    class State(models.TextChoices):
        QUEUED = "queued"
        CHECKING = "checking"
        WAITING = "waiting"
        PROPOSED = "proposed"
        UNPROVEN = str(Reason.UNPROVEN)
        SENT_BACK = "sent_back"
        LANDED = "landed"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    class Kind(models.TextChoices):
        ENTRY = "entry"
        BASE = "base"
        REVERT = "revert"

    OPEN = (State.QUEUED, State.CHECKING)
    UNDECIDED = (State.WAITING, State.PROPOSED, State.UNPROVEN)
    NOT_ENDED = (*OPEN, *UNDECIDED)

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="landings", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.ENTRY)
    entry = models.ForeignKey(Entry, null=True, blank=True, on_delete=models.PROTECT, related_name="landings")
    round = models.ForeignKey(Round, null=True, blank=True, on_delete=models.SET_NULL, related_name="landings")
    commit = models.CharField(max_length=64, help_text="What is to be merged; of a revert, what is to be undone.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    intent = models.ForeignKey(
        IntegrationCommit, null=True, blank=True, on_delete=models.PROTECT, related_name="landings",
        help_text="Set once it can no longer be withdrawn.",
    )  # fmt: skip
    message = ForeignChar(max_length=1000, blank=True, help_text="Why it was refused or withdrawn, or which host it waits for.")
    not_before = models.DateTimeField(
        null=True, blank=True, help_text="Its commit is on a host that has not shared it: it is looked for again then."
    )
    by = models.CharField(max_length=200, blank=True, help_text="Who requested it, if a person did.")
    approval_needed = models.CharField(
        max_length=300, blank=True, db_default="", help_text="Why a person must approve it, as a sentence; empty: nobody must."
    )
    approval = models.ForeignKey(
        Approval, null=True, blank=True, on_delete=models.PROTECT, related_name="landings", help_text="Of this commit."
    )
    tried_tip = models.CharField(
        max_length=64, blank=True, db_default="", help_text="The tip on which its merge was last built and judged."
    )
    tried_commit = models.CharField(
        max_length=64, blank=True, db_default="", help_text="That merge. Nothing refers to it in git."
    )
    tried_verdict = models.ForeignKey(TreeVerdict, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    tried_at = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["entry"], condition=Q(state__in=["queued", "checking"]), name="one_open_landing_per_entry"
            ),
            models.CheckConstraint(
                condition=(Q(kind="entry", entry__isnull=False) | (~Q(kind="entry") & Q(entry__isnull=True))),
                name="only_landings_of_entries_have_one",
            ),
            models.UniqueConstraint(fields=["entry"], condition=Q(state="waiting"), name="one_waiting_landing_per_entry"),
            models.UniqueConstraint(fields=["entry"], condition=Q(state="proposed"), name="one_proposed_landing_per_entry"),
            models.UniqueConstraint(
                fields=["entry"], condition=Q(state=str(Reason.UNPROVEN)), name="one_unproven_landing_per_entry"
            ),
            models.CheckConstraint(
                condition=Q(intent__isnull=True) | Q(approval_needed="") | Q(approval__isnull=False),
                name="what_lands_is_approved",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace"], condition=Q(state__in=["queued", "checking"]), name="open_landings"),
            models.Index(fields=["workspace"], condition=Q(state="waiting"), name="waiting_landings"),
            models.Index(fields=["workspace"], condition=Q(state="proposed"), name="proposed_landings"),
            models.Index(fields=["workspace"], condition=Q(state=str(Reason.UNPROVEN)), name="landings_without_proof"),
            models.Index(fields=["workspace", "-id"], name="landing_newest_first"),
        ]

    def __str__(self) -> str:
        return f"Landing of {self.entry_id or self.commit[:12]}"

    @property
    def is_without_proof(self) -> bool:
        return self.state == self.State.UNPROVEN
