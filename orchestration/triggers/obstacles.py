"""The reasons why issues are not looked at that Muster knows without its forge, each with what to do."""

from orchestration import configuration
from orchestration.models import Executor, Trigger
from orchestration.pull_requests import connecting

STOPPED = "The workspace is stopped: start it, and labels that were added meanwhile count"


def of(row: Trigger, executor: Executor) -> str:
    """All that its admin has to do, as sentences; empty: its issues are looked at, or it has none."""
    if row.kind != Trigger.Kind.ISSUE or not row.is_enabled:
        return ""
    stopped = STOPPED if executor.state == Executor.State.STOPPED else ""
    access = connecting.obstacle(executor.workspace_id, configuration.load(executor.config))
    return ". ".join(sentence for sentence in (access, stopped) if sentence)
