"""A person asks for a run: its row and its reservation are one transaction, and a session worker takes it as it takes a session."""

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from budget.ledger import permits
from budget.models import Category, Hold
from orchestration import configuration, events
from orchestration.messaging import wake_ups
from orchestration.models import Executor, Proposal, Run, Session
from workspaces import activity, ids
from workspaces.access import Caller
from workspaces.errors import Invalid, NotFound
from workspaces.models import Workspace

NO_PLANNER = "This workspace has no planner: set `planner` in its config first"


def plan(workspace: Workspace, goal: str, *, by: Caller) -> Run:
    """Ask the planner for entries that reach the goal. Raises Invalid without a planner, or where the cap or a limit refuses its
    reservation. It needs no running executor: a person asked, and it starts no work.
    """
    with transaction.atomic():
        executor = Executor.objects.select_for_update().get(pk=workspace.pk)
        planner = configuration.load(executor.config).planner
        if planner is None:
            raise Invalid(NO_PLANNER, "workspaceID")
        run_id = ids.run()
        reservation = _reserve(workspace.pk, run_id, configuration.micro(planner.run_usd))
        session = Session.of_any_role.create(
            id=run_id,
            workspace=workspace,
            role=Session.Role.PLAN,
            attempt=1,
            hold=reservation,
            agent=planner.agent.kind,
            model=planner.agent.model or "",
            enqueued_at=Now(),
        )
        run = Run.objects.create(session=session, goal=goal, requested_by=by.name)
        event = events.RunRequested(role=Session.Role.PLAN, goal=goal.strip().split("\n", 1)[0][:120])
        activity.record(workspace.pk, event, by=by, object_id=run_id)
        wake_ups.enqueue_sessions([(run_id, session.attempt)])
        wake_ups.publish_change(workspace.pk, "workers", "budget")
    return run_for(workspace.pk, run.pk)


def _reserve(workspace_id: str, run_id: str, amount: int) -> Hold:
    category = Category.ORCHESTRATOR
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
    """A proposal of the run. Raises NotFound."""
    is_number = proposal_id.isascii() and proposal_id.isdigit() and len(proposal_id) <= 18
    proposal = run.proposals.filter(pk=int(proposal_id)).first() if is_number else None
    if proposal is None:
        raise NotFound("Proposal not found")
    return proposal
