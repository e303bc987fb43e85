"""Role by operation, for every operation there is: who may, who may not, and for whom the workspace does not exist."""

import re
from pathlib import Path
from typing import Any

import pytest

from budget.amounts import usd
from budget.ledger import permits
from budget.models import BudgetChange, Category, LedgerEntry, Review
from orchestration.backlog import splitting
from orchestration.backlog.entries import Draft
from orchestration.configuration import credentials, secrets
from orchestration.dialogue import questions
from orchestration.executor import control
from orchestration.models import ProviderBreaker, Question, Run, Session, Trigger
from orchestration.proposals import applying, run_requests
from tests.cases import all_cases
from tests.contract.api import Api, Response, not_found
from tests.contract.operations import FOR_AGENTS, NAMED, OPERATIONS, Operation
from tests.factories import (
    ANA,
    a_channel,
    a_charge,
    a_review,
    a_session,
    a_token,
    a_trigger,
    a_workspace,
    an_entry,
    blocked_event,
    ended,
    keep_alive,
    project,
)
from tests.orchestration.proposals.made import ORCHESTRATOR, PLANNER, a_rearranging_run, a_run
from tests.plugins import stages
from workspaces import activity
from workspaces.models import Channel, Delivery, Event, Role, Workspace
from workspaces.people import tokens

pytestmark = pytest.mark.django_db


PAGE = Path(__file__).resolve().parents[2] / "docs/reference/people.md"
ROWS = dict(re.findall(r"^\| ([^|]+) \| (`.+`) \|$", PAGE.read_text(), re.M))
READ, RUN, SPEND, ADMINISTER, NO_TOKEN, ONLY_ITS_AGENT = (
    re.findall(r"`(\w+)`", ROWS[who])
    for who in ("every role", "operator, admin", "budget, admin", "admin", "beyond one workspace", "a session's own agent")
)

MAY = {
    "viewer": {*READ},
    "operator": {*READ, *RUN},
    "budget": {*READ, *SPEND},
    "admin": {*READ, *RUN, *SPEND, *ADMINISTER},
}
DECIDE_ABOUT_WORK = ("approvalsApprove", "approvalsChoose", "approvalsNameTests", "approvalsReleaseLocks", "approvalsSendBack")
NEED_A_STATE = (*DECIDE_ABOUT_WORK, "landingAccept", "landingMerge", "landingPush", "landingPutBack", "landingRevert")
"""Refused while nothing waits for a decision."""


def one_of_each() -> Session:
    """With one of everything else in its workspace that a path can name."""
    workspace = a_workspace(planner=PLANNER, expander=PLANNER, orchestrator=ORCHESTRATOR)
    a_channel(workspace)
    a_run(workspace, "Parse dates")
    a_review(workspace)
    a_trigger(workspace)
    keys = a_session(an_entry(workspace))
    activity.record(workspace.pk, blocked_event(), by=ANA, object_id=keys.entry_id)
    return keys


@pytest.fixture
def stage() -> stages.Make:
    return one_of_each


@pytest.fixture
def session(db: None) -> Session:
    session = stages.row(one_of_each)
    keep_alive()
    return session


@pytest.fixture
def workspace(session: Session) -> Workspace:
    return session.workspace


def call(api: Api, operation: Operation, session: Session, **other: str) -> tuple[int, str]:
    """The status, and the sentence of a refusal."""
    response = send(api, operation, session, operation.body, **other)
    return response.status, response.json["data"]["message"] if response.status in (401, 403, 404) else ""


def send(api: Api, operation: Operation, session: Session, body: Any, **other: str) -> Response:
    ids = {"workspaceID": session.workspace_id, "entryID": session.entry_id, "sessionID": session.pk, "secretName": "A_KEY"}
    ids |= {
        "permitID": "permit_00000000000000000000",
        "ledgerID": "999999",
        "questionID": "999999",
        "credentialName": "team-plan",
    }
    ids["channelID"] = Channel.objects.get(workspace_id=session.workspace_id).pk
    ids["deliveryID"] = str(Delivery.objects.filter(channel_id=ids["channelID"])[0].pk)
    ids["reviewID"] = Review.objects.get(project_id=session.workspace_id).pk
    ids["triggerID"] = Trigger.objects.filter(workspace_id=session.workspace_id).earliest("created_at").pk
    run = Run.objects.filter(session__workspace_id=session.workspace_id).earliest("session__claimed_at")
    ids |= {"runID": run.pk, "proposalID": str(run.proposals.get().pk), **other}
    return api.call(operation.method, operation.url(**ids), body)


def count() -> tuple[int, ...]:
    return Event.objects.count(), BudgetChange.objects.count(), LedgerEntry.objects.count(), Workspace.objects.count()


def ready(workspace: Workspace, session: Session, name: str) -> dict[str, str]:
    """Prepare what the operation needs to succeed, and return the ids that it is called with."""
    idle = an_entry(workspace, budget="3")
    if name == "executorReverifyEntry":
        ended(a_session(idle))
    if name == "executorResume":
        control.pause(workspace.pk, by=ANA)
    if name == "workspaceDelete":
        ended(session)
    run = Run.objects.get(session__workspace=workspace)
    if name in ("todoEntrySplitUndo", "todoEntryStop"):
        splitting.split(idle, [Draft("First half"), Draft("Second half")], by=ANA)
    if name == "runsReopen":
        applying.reject(run, by=ANA)
    if name == "runsUndo":
        applying.apply(run, by=ANA)
    if name == "runsStop":
        run = run_requests.plan(workspace, "Make it better", by=ANA)
    if name == "runsProposalPatch":
        run = a_rearranging_run(workspace, {"kind": "change", "entry": f"#{idle.seq}", "priority": "high"})
    if name == "sessionSpendAnswer":
        Session.objects.filter(pk=session.pk).update(doubt="open")
    secrets.put(workspace.pk, "A_KEY", "s3cret-value", by=ANA)
    credentials.put(workspace.pk, "team-plan", {"key": "s3cret-value"}, by=ANA)
    if name == "credentialsRetry":
        ProviderBreaker.objects.create(workspace=workspace, credential="team-plan", code="quota", count=1)
    permit = permits.open_permit(project(workspace), None, category=Category.EXPANSION, amount=usd("0.5"), by=ANA)
    a_charge(None, "0.2", category="orchestrator", in_=workspace)
    Delivery.objects.filter(channel__workspace=workspace).update(state="failed")
    row = LedgerEntry.objects.latest("pk")
    questions.ask(session, "1", "Which one?")
    proposal = run.proposals.first()
    named = {"proposalID": str(proposal.pk)} if proposal else {}
    return (
        named
        | {"runID": run.pk, "entryID": idle.pk, "permitID": permit.session_ref, "ledgerID": str(row.pk)}
        | {"questionID": str(Question.objects.latest("pk").pk)}
    )


def test_every_operation_is_in_the_matrix_once() -> None:
    listed = [*READ, *RUN, *SPEND, *ADMINISTER, *NO_TOKEN, *ONLY_ITS_AGENT]
    assert sorted(listed) == sorted(operation.name for operation in OPERATIONS)


@pytest.mark.parametrize("operation", **NAMED)
def test_a_role_may_do_exactly_what_is_in_the_matrix(operation: Operation, workspace: Workspace, session: Session) -> None:
    with all_cases(undo=True) as case:
        for role in MAY:
            with case(role):
                ids = ready(workspace, session, operation.name)
                before = count()
                status, sentence = call(Api(workspace, a_token(workspace, role)), operation, session, **ids)
                if operation.name == "todoEntryDiff":
                    assert status == 404 and "no commit yet" in sentence
                elif operation.name in NEED_A_STATE and operation.name in MAY[role]:
                    assert status in (400, 409)
                elif operation.name in MAY[role]:
                    assert status == (201 if "201" in map(str, operation.details["responses"]) else 200)
                elif operation.name in ONLY_ITS_AGENT:
                    assert status == 404  # another's session, whatever the role
                else:
                    assert (status, count()) == (403, before)


def test_without_credentials_everything_is_401(workspace: Workspace, session: Session) -> None:
    with all_cases(undo=True) as case:
        for operation in OPERATIONS:
            with case(operation.name):
                before = count()
                assert call(Api(workspace), operation, session)[0] == 401
                assert count() == before


def test_a_sessions_token_may_only_report_for_its_session(workspace: Workspace, session: Session) -> None:
    with all_cases(undo=True) as case:
        for operation in OPERATIONS:
            with case(operation.name):
                agent = Api(workspace, tokens.create("agent", workspace=workspace, session_ref=session.pk))
                before = count()
                status, _ = call(agent, operation, session)
                if operation.name in FOR_AGENTS:
                    assert status == 200
                elif operation.name == "workspacesList":
                    assert agent.get("/api/v1/workspaces").json == {"workspaces": [], "next_cursor": None}
                elif operation.name == "meGet":
                    assert agent.get("/api/v1/me").json["workspaces"] == []
                else:
                    named = operation.name in ("workspacesCreate", *DECIDE_ABOUT_WORK)
                    assert (status, count()) == (403 if named else 404, before)


def test_anothers_workspace_does_not_exist(workspace: Workspace, session: Session) -> None:
    with all_cases(undo=True) as case:
        for operation in OPERATIONS:
            if "{workspaceID}" not in operation.path:
                continue
            with case(operation.name):
                before = count()
                stranger = Api(workspace, a_token(a_workspace(name="Other")))
                assert call(stranger, operation, session)[1] == "Workspace not found"
                assert count()[:3] == before[:3]


@pytest.mark.parametrize(("parameter", "kind"), [("entryID", "Entry"), ("sessionID", "Worker session")])
def test_an_id_of_another_workspace_does_not_exist_in_this_one(
    parameter: str, kind: str, workspace: Workspace, session: Session
) -> None:
    with all_cases(undo=True) as case:
        for operation in OPERATIONS:
            if f"{{{parameter}}}" not in operation.path:
                continue
            with case(operation.name):
                theirs = a_session(an_entry(a_workspace(name="Other")))
                before = count()
                foreign = {"entryID": theirs.entry_id, "sessionID": theirs.pk}[parameter]
                response = call(Api(workspace, a_token()), operation, session, **{parameter: foreign})
                assert response == (404, not_found(kind)[1]["data"]["message"])
                theirs.refresh_from_db()
                assert count() == before and theirs.stop_wanted_at is None


def test_only_admins_see_the_values_of_an_agents_env(workspace: Workspace, shop: Api) -> None:
    shop.patch(
        "/config", {"agent": {"env": {"KEY": "mine"}, "settings": {"env": 5}}, "interceptor": {"agent": {"env": {"KEY": "mine"}}}}
    )
    viewer = Api(workspace, tokens.create("viewer", role=Role.VIEWER, workspace=workspace))
    for path in ("/config", f"/api/v1/workspaces/{workspace.pk}"):
        assert "mine" in shop.get(path).text
        assert "KEY" in viewer.get(path).text and "mine" not in viewer.get(path).text
