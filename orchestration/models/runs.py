"""Runs of agents that propose, and their proposals."""

from django.db import models
from django.db.models import Q

from orchestration.models.entries import Entry
from orchestration.models.sessions import Session


class Run(models.Model):
    """What a run was asked, and what it answered. Its state, cost and log are its session's, which has the same id."""

    session = models.OneToOneField(Session, primary_key=True, on_delete=models.CASCADE, related_name="run")
    goal = models.TextField()
    requested_by = models.CharField(max_length=200)
    commit = models.CharField(max_length=64, blank=True, db_default="", default="", help_text="The commit that it read.")
    prompt = models.TextField(blank=True, db_default="", default="")
    answer = models.TextField(blank=True, db_default="", default="", help_text="The agent's last answer, as it came.")
    problems = models.JSONField(default=list, blank=True, help_text="What was wrong with its answers, in sentences.")

    def __str__(self) -> str:
        return f"Run {self.session_id}"


class Proposal(models.Model):
    """One change of the backlog that a run proposes: an entry to add. People apply it, edit it before, or reject it."""

    class State(models.TextChoices):
        """outdated: the backlog changed since, so that it cannot be applied."""

        OPEN = "open"
        APPLIED = "applied"
        REJECTED = "rejected"
        OUTDATED = "outdated"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="proposals", db_index=False)
    number = models.PositiveIntegerField(help_text="Its place in the run's answer, from 1.")
    after = models.JSONField(help_text="The entry, as the schema of proposals has it.")
    reason = models.CharField(max_length=500, blank=True, help_text="Why the agent proposes it.")
    note = models.CharField(max_length=500, blank=True, help_text="What Muster found, such as an entry that says the same.")
    tests_on_base = models.JSONField(default=dict, blank=True, help_text="What its tests said on the commit that the run read.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    entry = models.ForeignKey(
        Entry, null=True, blank=True, on_delete=models.PROTECT, related_name="proposals", help_text="What it became."
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
        ]

    def __str__(self) -> str:
        return f"Proposal {self.number} of {self.run_id}"

    @property
    def title(self) -> str:
        return str(self.after.get("content", "")).strip().split("\n", 1)[0][:120]
