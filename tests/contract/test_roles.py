"""Role by operation, for every operation there is: who may, who may not, and for whom the workspace does not exist."""

import pytest

from budget.models import BudgetChange, LedgerEntry, Review
from orchestration.models import Session
from tests.contract.api import Api, not_found
from tests.contract.operations import FOR_AGENTS, FOR_PEOPLE, NAMED, OPERATIONS, Operation
from tests.factories import ANA, a_channel, a_review, a_session, a_token, a_workspace, an_entry, blocked_event
from workspaces import activity, tokens
from workspaces.access import GRANTS
from workspaces.models import Channel, Delivery, Event, Role, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(workspace: Workspace) -> Session:
    """With one of everything else in its workspace that a path can name."""
    a_channel(workspace)
    a_review(workspace)
    keys = a_session(an_entry(workspace))
    activity.record(workspace.pk, blocked_event(), by=ANA, object_id=keys.entry_id)
    return keys


def call(api: Api, operation: Operation, session: Session, **other: str) -> tuple[int, str]:
    """The status, and the sentence of a refusal."""
    ids = {"workspaceID": session.workspace_id, "entryID": session.entry_id, "sessionID": session.pk, "secretName": "A_KEY"}
    ids |= {"permitID": "permit_00000000000000000000", "ledgerID": "999999"}
    ids["channelID"] = Channel.objects.get(workspace_id=session.workspace_id).pk
    ids["deliveryID"] = str(Delivery.objects.filter(channel_id=ids["channelID"])[0].pk)
    ids["reviewID"] = Review.objects.get(project_id=session.workspace_id).pk
    ids |= other
    response = api.call(operation.method, operation.url(**ids), operation.body)
    return response.status, response.json["data"]["message"] if response.status in (401, 403, 404) else ""


def count() -> tuple[int, ...]:
    return Event.objects.count(), BudgetChange.objects.count(), LedgerEntry.objects.count(), Workspace.objects.count()


@pytest.mark.parametrize("operation", **NAMED)
@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_do_exactly_what_it_grants(operation: Operation, role: Role, workspace: Workspace, session: Session) -> None:
    before = count()
    status, _ = call(Api(workspace, a_token(workspace, role)), operation, session)
    if operation.name in FOR_AGENTS:
        assert status == 404  # another's session, whatever the role
    elif operation.name in FOR_PEOPLE or operation.name == "workspacesCreate" or operation.need not in GRANTS[role]:
        assert (status, count()) == (403, before)
    else:
        absent = operation.name in ("secretsDelete", "permitsDelete", "adjustmentsCreate")
        assert status == 404 if absent else status in (200, 201, 400)  # 400: an entry at work cannot be deleted, and the like


@pytest.mark.parametrize("operation", **NAMED)
def test_without_credentials_everything_is_401(operation: Operation, workspace: Workspace, session: Session) -> None:
    before = count()
    assert call(Api(workspace), operation, session)[0] == 401
    assert count() == before


@pytest.mark.parametrize("operation", **NAMED)
def test_a_sessions_token_may_only_report_for_its_session(operation: Operation, workspace: Workspace, session: Session) -> None:
    agent = Api(workspace, tokens.create("agent", workspace=workspace, session_ref=session.pk))
    before = count()
    status, _ = call(agent, operation, session)
    if operation.name in FOR_AGENTS:
        assert status == 200
    elif operation.name == "workspacesList":
        assert agent.get("/api/v1/workspaces").json == {"workspaces": [], "next_cursor": None}
    else:
        assert (status, count()) == (403 if operation.name == "workspacesCreate" else 404, before)


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if "{workspaceID}" in o.path], ids=lambda o: o.name)
def test_anothers_workspace_does_not_exist(operation: Operation, workspace: Workspace, session: Session) -> None:
    before = count()
    stranger = Api(workspace, a_token(a_workspace(name="Other")))
    assert call(stranger, operation, session)[1] == "Workspace not found"
    assert count()[:3] == before[:3]


@pytest.mark.parametrize(
    ("operation", "parameter"),
    [(o, name) for o in OPERATIONS for name in ("entryID", "sessionID") if f"{{{name}}}" in o.path],
    ids=lambda value: value.name if isinstance(value, Operation) else value,
)
def test_an_id_of_another_workspace_does_not_exist_in_this_one(
    operation: Operation, parameter: str, workspace: Workspace, session: Session
) -> None:
    theirs = a_session(an_entry(a_workspace(name="Other")))
    before = count()
    foreign = {"entryID": theirs.entry_id, "sessionID": theirs.pk}[parameter]
    response = call(Api(workspace, a_token()), operation, session, **{parameter: foreign})
    kind = "Entry" if parameter == "entryID" else "Worker session"
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
