"""The executor of a workspace, and the worker processes that serve all of them."""

from django.db import models
from django.db.models import Value
from django.db.models.functions import Now

from workspaces.machine import release
from workspaces.models import Workspace
from workspaces.values.foreign_fields import ForeignChar, ForeignJSON


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
        db_default=0, default=0, help_text="Counts changes of the state: an action from an outdated page is refused."
    )
    stop_all_at = models.DateTimeField(null=True, blank=True, help_text="When all sessions were last requested to stop.")
    stop_all_by = models.CharField(max_length=200, blank=True, db_default="")
    trouble_code = models.CharField(
        max_length=30, blank=True, help_text="Unused since agents have circuit breakers of their own: for the release before."
    )
    trouble_message = ForeignChar(max_length=500, blank=True)
    trouble_since = models.DateTimeField(null=True, blank=True)
    trouble_until = models.DateTimeField(null=True, blank=True, help_text="Then one session is tried.")
    trouble_count = models.PositiveIntegerField(default=0, help_text="Sessions in a row that found the provider unavailable.")
    repository_code = models.CharField(
        max_length=20,
        blank=True,
        db_default="",
        default="",
        help_text="The circuit breaker of the repository: why nothing can work in it.",
    )
    repository_message = ForeignChar(max_length=500, blank=True, db_default="", default="")
    repository_branch = models.CharField(
        max_length=250, blank=True, db_default="", default="", help_text="The entry's branch that is checked out elsewhere."
    )
    repository_since = models.DateTimeField(null=True, blank=True)
    repository_seen_at = models.DateTimeField(null=True, blank=True, help_text="When it was last unusable, or came back.")
    push_error = ForeignChar(max_length=500, blank=True, help_text="Why the last push of the integration branch failed.")
    pushed_commit = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"Executor of {self.workspace_id}"


class Worker(models.Model):
    """A process that runs sessions, or cycles. Online: seen within a lease."""

    id = models.CharField(primary_key=True, max_length=60)
    queue = models.CharField(max_length=20)
    host = models.CharField(max_length=200)
    host_id = models.CharField(
        max_length=40,
        blank=True,
        db_default="",
        default="",
        help_text="Of its data directory, which all workers of a host share.",
    )
    version = models.CharField(
        max_length=20,
        blank=True,
        db_default="",
        default=release.number,
        help_text="The number of its release. Releases before 0.2.0 write none, and get no session.",
    )
    boot_id = models.CharField(max_length=64)
    pid = models.PositiveIntegerField()
    started_ticks = models.BigIntegerField(
        help_text="Start time of the process in clock ticks: distinguishes it from a later process with the same pid."
    )
    slots = models.PositiveIntegerField()
    labels = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        help_text="MUSTER_LABELS of its host: what entries may require.",
    )
    unreachable = ForeignJSON(
        default=dict,
        db_default=Value({}, models.JSONField()),
        blank=True,
        help_text="Workspaces whose shared repository its host cannot use now: why, as a sentence.",
    )
    free_mb = models.PositiveBigIntegerField(null=True, blank=True, help_text="Free on the disk of its data directory.")
    problem = ForeignChar(
        max_length=300, blank=True, db_default="", default="", help_text="What is wrong with its host, as a sentence."
    )
    drain_by = models.CharField(
        max_length=200, blank=True, db_default="", default="", help_text="Who asked that its host takes no new sessions."
    )
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    ticked_at = models.DateTimeField(null=True, blank=True, help_text="A control worker's last tick: the executor is alive.")
    agents = models.JSONField(default=dict, blank=True, help_text="The agents' programs found on its host: kind to version.")

    def __str__(self) -> str:
        return f"{self.queue} worker {self.pid} on {self.host}"

    @property
    def trouble(self) -> str:
        """Its problem, as a sentence: of its release, which this release judges, or the one that it wrote itself."""
        return release.why_incompatible(self.version) or self.problem
