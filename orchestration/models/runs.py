"""Runs of agents that propose, and their proposals."""

from django.db import models
from django.db.models import Q

from orchestration.facts.reasons import Reason
from orchestration.models.entries import Entry
from orchestration.models.sessions import Session
from workspaces.values.foreign_fields import ForeignChar, ForeignJSON, ForeignText


class Run(models.Model):
    """The request to a run, and its answer. Its state, cost and log are its session's, which has the same id."""

    class Trigger(models.TextChoices):
        """The cause of a run: a person, or an event of the backlog."""

        PERSON = "person"
        STUCK = "stuck"
        NO_IMPROVEMENT = str(Reason.NO_IMPROVEMENT)
        IDLE = "idle"
        EVERY_N_ROUNDS = "every_n_rounds"
        TOO_LARGE = "too_large"

    session = models.OneToOneField(Session, primary_key=True, on_delete=models.CASCADE, related_name="run")
    goal = models.TextField(blank=True)
    requested_by = models.CharField(max_length=200)
    trigger = models.CharField(max_length=20, choices=Trigger.choices, default=Trigger.PERSON, db_default=Trigger.PERSON)
    subject = models.ForeignKey(
        Entry,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="runs",
        help_text="The entry that it was asked about; none: the backlog.",
    )
    commit = models.CharField(max_length=64, blank=True, db_default="", default="", help_text="The commit that it read.")
    prompt = models.TextField(blank=True, db_default="", default="")
    answer = ForeignText(blank=True, db_default="", default="", help_text="The agent's last answer, as it came.")
    problems = ForeignJSON(default=list, blank=True, help_text="What was wrong with its answers, in sentences.")

    def __str__(self) -> str:
        return f"Run {self.session_id}"


class Proposal(models.Model):
    """One change of the backlog that a run proposes. People apply it, edit it before, or reject it."""

    class Kind(models.TextChoices):
        """change: new values of an entry. merge: an entry takes over another, which is dropped. split: an entry gets children."""

        ADD = "add"
        CHANGE = "change"
        SPLIT = "split"
        MERGE = "merge"
        DROP = "drop"
        HOLD = "hold"

    class State(models.TextChoices):
        """outdated: the backlog changed since, so that it cannot be applied."""

        OPEN = "open"
        APPLIED = "applied"
        REJECTED = "rejected"
        OUTDATED = "outdated"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="proposals", db_index=False)
    number = models.PositiveIntegerField(help_text="Its place in the run's answer, from 1.")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.ADD, db_default=Kind.ADD)
    subject = models.ForeignKey(
        Entry,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="changes_proposed",
        help_text="The entry that it changes; none: it adds one.",
    )
    before = ForeignJSON(null=True, blank=True, help_text="The entry as the run read it.")
    after = ForeignJSON(help_text="The new entry, or the new values, as the schema of proposals has them.")
    reason = ForeignChar(max_length=500, blank=True, help_text="Why the agent proposes it.")
    note = ForeignChar(max_length=500, blank=True, help_text="What Muster found, such as an entry that says the same.")
    tests_on_base = ForeignJSON(default=dict, blank=True, help_text="What its tests said on the commit that the run read.")
    estimate = models.JSONField(
        default=dict, blank=True, help_text="The agent's estimate: chances to pass, micro-USD of a round."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    entry = models.ForeignKey(
        Entry,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="proposals",
        help_text="The entry that it added or changed, once it is applied.",
    )
    edited_by = models.CharField(max_length=200, blank=True)
    decided_by = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="one_proposal_per_number"),
            models.CheckConstraint(
                condition=Q(state="applied", entry__isnull=False) | ~Q(state="applied") & Q(entry__isnull=True),
                name="what_was_applied_has_an_entry",
            ),
            models.CheckConstraint(
                condition=Q(kind="add") | Q(subject__isnull=False, before__isnull=False), name="a_change_has_a_subject"
            ),
        ]

    def __str__(self) -> str:
        return f"Proposal {self.number} of {self.run_id}"

    @property
    def title(self) -> str:
        """The new title, or that of the entry that it changes."""
        content = self.after.get("content") or (self.before or {}).get("content", "")
        return str(content).strip().split("\n", 1)[0][:120]
