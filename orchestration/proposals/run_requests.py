"""A run is asked for: its row and its reservation are one transaction, and a session worker takes it as it takes a session."""

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from budget import amounts
from budget.ledger import permits
from budget.models import Category, Hold, Project
from orchestration import configuration
from orchestration.facts import events
from orchestration.hosts import online
from orchestration.hosts.placing import Need
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, Proposal, Run, Session
from orchestration.proposals import roles
from orchestration.proposals.roles import Role
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid, NotFound
from workspaces.machine import release
from workspaces.models import Workspace
from workspaces.values import ids


def plan(workspace: Workspace, goal: str, *, by: Caller, key: str = "") -> Run:
    """Ask the planner for entries that reach the goal. It needs no running executor: a person asked, and it starts no work. Raises Invalid
    as `start`. The same `key` counts once."""
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace.pk)
        return find_started(workspace, key) or start(workspace, roles.PLANNER, by=by, goal=goal, key=key)


def orchestrate(workspace: Workspace, note: str = "", *, by: Caller, trigger: Run.Trigger = Run.Trigger.PERSON) -> Run:
    """Ask the orchestrator how the backlog should go on. `note`: what it should look at. Raises Conflict while one is asked already, else
    as `start`."""
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace.pk)
        if Session.of_any_role.filter(workspace=workspace, role=roles.ORCHESTRATOR.name, status__in=Session.OPEN).exists():
            raise Conflict("The orchestrator is at work already: wait for its proposals, or stop its run")
        return start(workspace, roles.ORCHESTRATOR, by=by, goal=note, trigger=trigger)


def start(
    workspace: Workspace,
    role: Role,
    *,
    by: Caller,
    goal: str = "",
    subject: Entry | None = None,
    trigger: Run.Trigger = Run.Trigger.PERSON,
    key: str = "",
) -> Run:
    """Reserve money for a run and enqueue it. `goal`: what it is asked, for people and the agent. The caller's transaction holds the
    executor's row. `key`: for `find_started`. Raises Invalid where the config has no agent for the role, or where the cap or a limit refuses its reservation.
    """
    config = configuration.load(Executor.objects.get(pk=workspace.pk).config)
    proposer = config.proposers[role.name]
    if proposer is None:
        raise roles.missing(role)
    agent = proposer.acting_agent
    if agent.kind == "command" and agent.command is None:
        raise roles.without_command(role)
    _refuse_steering(workspace.pk, config.max_steering_share)
    run_id = ids.run_for(f"{workspace.pk}:{key}") if key else ids.run()
    reservation = _reserve(workspace.pk, run_id, role.category, configuration.micro(proposer.run_usd))
    session = Session.of_any_role.create(
        id=run_id,
        workspace=workspace,
        role=role.name,
        attempt=1,
        hold=reservation,
        agent=agent.kind,
        model=agent.model or "",
        enqueued_at=Now(),
        host_id=online.place(workspace, Need(frozenset({agent.kind}), frozenset(config.requires))),
        version=release.NUMBER,
    )
    Run.objects.create(session=session, goal=goal, requested_by=by.name, subject=subject, trigger=trigger)
    event = events.RunRequested(role=role.name, goal=goal.strip().split("\n", 1)[0][:120], trigger=trigger)
    activity.record(workspace.pk, event, by=by, object_id=run_id)
    wake_ups.enqueue_sessions([(run_id, session.attempt, session.host_id)])
    wake_ups.publish_change(workspace.pk, "workers", "budget")
    return run_for(workspace.pk, run_id)


def find_started(workspace: Workspace, key: str) -> Run | None:
    """The run that was started with this key."""
    run_id = ids.run_for(f"{workspace.pk}:{key}")
    return run_for(workspace.pk, run_id) if key and Run.objects.filter(pk=run_id).exists() else None


def _refuse_steering(workspace_id: str, limit: float | None) -> None:
    """Raises Invalid where too much of all spend went into planning, splitting and reviewing."""
    money = Project.objects.get(pk=workspace_id)
    if limit is not None and money.steering_share > limit:
        raise Invalid(
            f"Steering has cost {amounts.format_usd(money.steering_spent)} of {amounts.format_usd(money.total_spent)}, which is "
            f"{100 * money.steering_share:.0f} % and more than the config's max_steering_share of {100 * limit:g} %: "
            "raise that, or ask again after more work on entries",
            "workspaceID",
        )


def _reserve(workspace_id: str, run_id: str, category: Category, amount: int) -> Hold:
    try:
        with transaction.atomic():
            return Hold.objects.create(project_id=workspace_id, category=category, session_ref=run_id, amount=amount)
    except IntegrityError as refusal:
        sentence = permits.refusal_sentence(workspace_id, None, category, amount, str(refusal), asks="a run needs")
        raise Invalid(sentence, "workspaceID") from None


def run_for(workspace_id: str, run_id: str) -> Run:
    """A run of the workspace, open or ended. Raises NotFound."""
    if ids.is_id(run_id):
        runs = Run.objects.select_related("session__hold", "session__worker")
        if run := runs.filter(pk=run_id, session__workspace_id=workspace_id).first():
            return run
    raise NotFound("Run not found")


def proposal_for(run: Run, proposal_id: str) -> Proposal:
    """Raises NotFound."""
    is_number = proposal_id.isascii() and proposal_id.isdigit() and len(proposal_id) <= 18
    proposal = run.proposals.filter(pk=int(proposal_id)).first() if is_number else None
    if proposal is None:
        raise NotFound("Proposal not found")
    return proposal
