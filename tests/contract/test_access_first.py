"""A caller without the right to an operation gets 403 or 404, whatever the input; any other one gets 400 with the name of a property."""

import pytest

from orchestration.models import Run, Session
from tests.cases import all_cases
from tests.contract.api import Api, names_of, not_found
from tests.contract.operations import FOR_AGENTS, OPERATIONS
from tests.contract.test_roles import MAY, NO_TOKEN, one_of_each, send
from tests.factories import a_token, a_workspace, keep_alive
from tests.plugins import stages

pytestmark = pytest.mark.django_db

WITH_BODY = [operation for operation in OPERATIONS if "requestBody" in operation.details]
NOT_BODIES = {"none": b"", "a list": "[]", "a word": "x", "an unknown property": '{"nonsense": 1}', "not UTF-8": b'{"\xff": 1}'}
OURS = [operation for operation in WITH_BODY if operation.name not in (*FOR_AGENTS, *NO_TOKEN)]


@pytest.fixture
def stage() -> stages.Make:
    return one_of_each


@pytest.fixture
def session(db: None) -> Session:
    session = stages.row(one_of_each)
    keep_alive()
    return session


@pytest.mark.parametrize("role", ["viewer", "operator", "budget"])
def test_a_role_that_may_not_call_it_is_refused_whatever_the_body(session: Session, role: str) -> None:
    api = Api(session.workspace_id, a_token(session.workspace, role))
    with all_cases(undo=True) as case:
        for operation in OURS:
            if operation.name not in MAY[role]:
                for name, body in NOT_BODIES.items():
                    with case(f"{operation.name}, {name}"):
                        response = send(api, operation, session, body)
                        assert response.status == 403 and f"The role {role} may not" in response.json["data"]["message"]


def test_a_workspace_that_the_caller_may_not_see_is_404_whatever_the_body(session: Session) -> None:
    stranger = Api(session.workspace_id, a_token(a_workspace(name="Other")))
    with all_cases(undo=True) as case:
        for operation in OURS:
            with case(operation.name):
                assert tuple(send(stranger, operation, session, b"")) == not_found("Workspace")


def test_a_body_that_is_missing_or_no_object_names_properties_of_the_operation(session: Session) -> None:
    api = Api(session.workspace_id, a_token(session.workspace))
    with all_cases(undo=True) as case:
        for operation in OURS:
            for name in ("none", "a list"):
                with case(f"{operation.name}, {name}"):
                    named = names_of(send(api, operation, session, NOT_BODIES[name]))
                    assert named and set(named) <= (operation.properties or {"body"})


def test_a_decision_about_proposals_needs_a_body(session: Session) -> None:
    api = Api(session.workspace_id, a_token(session.workspace))
    for verb in ("apply", "reject", "reopen"):
        response = api.post(f"/runs/{Run.objects.get().pk}/{verb}")
        assert tuple(response) == (
            400,
            {
                "data": {},
                "errors": [{"propertyNames": ["proposals"], "message": "The body is missing: send a JSON object"}],
                "success": False,
            },
        )


def test_a_wrong_query_or_number_is_reported_after_the_refusal(session: Session) -> None:
    viewer, stranger = (
        Api(session.workspace_id, a_token(session.workspace, "viewer")),
        Api(session.workspace_id, a_token(a_workspace(name="O"))),
    )
    assert viewer.post("/executor/start?nonsense=1").status == 403
    assert names_of(viewer.get("/budget/ledger?limit=x")) == ["limit"]
    assert stranger.get("/budget/ledger?limit=x").status == stranger.get("/budget?nonsense=1").status == 404


def test_without_credentials_every_operation_is_401_whatever_the_body(session: Session) -> None:
    with all_cases(undo=True) as case:
        for operation in WITH_BODY:
            with case(operation.name):
                assert send(Api(session.workspace_id), operation, session, b"").status == 401


def test_a_new_workspace_without_a_body_is_403_but_for_an_admin_of_the_server(session: Session) -> None:
    assert Api(session.workspace_id, a_token(session.workspace)).post("/api/v1/workspaces").status == 403
    assert names_of(Api(session.workspace_id, a_token()).post("/api/v1/workspaces")) == [
        "name",
        "repo",
        "total_budget_usd",
        "max_project_spend_usd",
    ]
