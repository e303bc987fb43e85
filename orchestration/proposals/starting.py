"""Asks the orchestrators of workspaces whose backlog gives occasion to. For the tick: it may be called at any time, and twice."""

import structlog
from django.utils.timezone import now

from budget.models import Project
from orchestration import configuration
from orchestration.backlog import completion
from orchestration.configuration import Config, agent_states
from orchestration.facts import events
from orchestration.facts.reasons import Reason
from orchestration.models import Entry, Executor, Round, Run, Session
from orchestration.proposals import roles, run_requests, triggers
from orchestration.proposals.triggers import Facts
from orchestration.sessions.doubts import spend_doubts
from workspaces import activity
from workspaces.access import MUSTER
from workspaces.errors import Conflict, Invalid
from workspaces.models import Event

log = structlog.get_logger(__name__)

ROLE = roles.ORCHESTRATOR
# Entries that wait for a person or for money, or that another one blocks: that one counts.
NOT_STUCK = {Reason.HUMAN_HOLD, Reason.DEPENDENCY_FAILED, Reason.BUDGET_EXCEEDED, Reason.PROJECT_BUDGET_EXCEEDED}


def ask_if_due(workspace_id: str) -> Run | None:
    """Ask the orchestrator of a workspace whose executor runs, if an event in its config has happened. A refusal is recorded, and counts as
    a run for the pause between runs."""
    executor = Executor.objects.select_related("workspace").get(pk=workspace_id)
    config = configuration.load(executor.config)
    orchestrator = config.orchestrator
    is_able = executor.state == Executor.State.RUNNING and not executor.repository_code
    if orchestrator is None or not orchestrator.on or not is_able or spend_doubts.is_any_open(workspace_id):
        return None
    if agent_states.is_unavailable(executor, orchestrator, ROLE.name):
        return None
    facts = _facts(workspace_id, config)
    trigger = triggers.due(facts, orchestrator.on, cooldown_s=orchestrator.cooldown_s, every_rounds=orchestrator.every_rounds)
    if trigger is None:
        return None
    try:
        return run_requests.orchestrate(executor.workspace, by=MUSTER, trigger=trigger)
    except Conflict:  # somebody was first
        return None
    except Invalid as refused:
        log.info("run.not_asked", workspace=workspace_id, role=ROLE.name, why=refused.message)
        event = events.RunRefused(role=ROLE.name, trigger=trigger)
        activity.record(workspace_id, event, by=MUSTER, object_id=workspace_id, reason=refused.message)
        return None


def _facts(workspace_id: str, config: Config) -> Facts:
    runs = Session.of_any_role.filter(workspace_id=workspace_id, role=ROLE.name)
    newest = runs.order_by("-claimed_at").values_list("claimed_at", flat=True).first()
    refusals = Event.objects.filter(workspace_id=workspace_id, verb=events.RunRefused.verb)
    refused = refusals.order_by("-id").values_list("at", flat=True).first()
    last = max((at for at in (newest, refused) if at is not None), default=None)
    alive = Entry.objects.filter(workspace_id=workspace_id, deleted_at__isnull=True)
    halted = alive.filter(status__in=[Entry.Status.BLOCKED, Entry.Status.FAILED])
    ended = Round.objects.filter(entry__workspace_id=workspace_id, ended_at__isnull=False)
    added, sessions = alive, Session.objects.filter(workspace_id=workspace_id, ended_at__isnull=False)
    if last is not None:
        halted, ended = halted.filter(reason_at__gt=last), ended.filter(ended_at__gt=last)
        added, sessions = added.filter(created_at__gt=last), sessions.filter(ended_at__gt=last)
    return Facts(
        now=now(),
        last=last,
        stuck=halted.exclude(reason_code__in=[*NOT_STUCK, Reason.NO_IMPROVEMENT]).count(),
        on_plateau=halted.filter(reason_code=Reason.NO_IMPROVEMENT).count(),
        rounds=ended.count(),
        is_idle=_is_idle(workspace_id, max(config.min_round, 1)),
        has_changed=added.exists() or sessions.exists(),
        is_open=runs.filter(status__in=Session.OPEN).exists(),
    )


def _is_idle(workspace_id: str, min_round: int) -> bool:
    alive = Entry.objects.filter(workspace_id=workspace_id, deleted_at__isnull=True)
    if alive.filter(completion.GOING).exists() or Project.objects.get(pk=workspace_id).headroom < min_round:
        return False
    return alive.exclude(status=Entry.Status.DONE).exists()
