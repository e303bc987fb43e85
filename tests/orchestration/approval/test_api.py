"""The approval calls: who may decide, and about which commit."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from orchestration.models import Landing, ReviewComment
from tests.contract.api import Api
from tests.factories import a_token
from tests.orchestration.approval.test_landing import AGENT, waiting
from tests.orchestration.worker.sessions.shop import Shop, entry_of, rounds_of
from workspaces.people import tokens

Make = Callable[..., Shop]


@pytest.fixture
def work(shop: Make) -> Shop:
    return shop(AGENT, verify=[{"name": "ok", "run": "true"}], approve={"mode": "always"})


def api_of(work: Shop, role: str = "operator") -> Api:
    return Api(work.workspace, a_token(work.workspace, role))


def test_an_operator_lists_what_waits_and_approves_it(work: Shop) -> None:
    session, landing = waiting(work)
    [row] = api_of(work, "viewer").get("/approvals").json["approvals"]
    assert (row["entry_id"], row["commit"], row["title"]) == (session.entry_id, landing.commit, "write alpha")
    status, answer = api_of(work).post(f"/todo/entries/{session.entry_id}/approve", {"commit": landing.commit})
    assert (status, answer["commit"], answer["by"]) == (200, landing.commit, "token:test")
    work.land()
    assert entry_of(session).status == "done" and api_of(work).get("/approvals").json == {"approvals": []}


def test_another_commit_is_409(work: Shop) -> None:
    session, _ = waiting(work)
    assert api_of(work).post(f"/todo/entries/{session.entry_id}/approve", {"commit": "a" * 40}).status == 409
    assert Landing.objects.get(entry_id=session.entry_id).state == "waiting"


def test_comments_go_with_the_work_that_is_sent_back(work: Shop) -> None:
    session, landing = waiting(work)
    body = {
        "commit": landing.commit,
        "comments": [{"text": "A word", "path": "alpha", "line": 1}, {"text": "Why?", "path": "alpha"}, {"text": "In all"}],
    }
    status, answer = api_of(work).post(f"/todo/entries/{session.entry_id}/send-back", body)
    assert (status, answer) == (200, {"sent_back": True, "findings": 3})
    rows = api_of(work, "viewer").get(f"/todo/entries/{session.entry_id}/comments").json["comments"]
    assert [(row["path"], row["line"], row["quote"]) for row in rows] == [("alpha", 1, "1"), ("alpha", None, ""), ("", None, "")]
    assert all(row["sent_at"] for row in rows) and len(rounds_of(session)[0].findings) == 3


@pytest.mark.parametrize(
    "comment",
    [{"text": "x", "path": "nowhere"}, {"text": "x", "path": "alpha", "line": 9}, {"text": "x", "line": 1}, {"text": " "}],
)
def test_a_comment_on_no_line_of_the_work_sends_nothing_back(work: Shop, comment: dict[str, object]) -> None:
    session, landing = waiting(work)
    body = {"commit": landing.commit, "comments": [comment]}
    assert api_of(work).post(f"/todo/entries/{session.entry_id}/send-back", body).status == 400
    assert entry_of(session).reason_code == "waiting_for_approval" and not ReviewComment.objects.exists()


@pytest.mark.parametrize("call", ["approve", "send-back", "release-locks"])
def test_neither_a_viewer_nor_an_agent_decides(work: Shop, call: str) -> None:
    session, landing = waiting(work)
    agent = Api(work.workspace, tokens.create("agent", workspace=work.workspace, session_ref=session.pk))
    body = None if call == "release-locks" else {"commit": landing.commit}
    for api in (api_of(work, "viewer"), api_of(work, "budget"), agent):
        assert api.post(f"/todo/entries/{session.entry_id}/{call}", body).status == 403
    assert Landing.objects.get(entry_id=session.entry_id).state == "waiting"


def test_where_approvers_are_named_only_they_decide(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}], approve={"mode": "always", "approvers": ["grace"]})
    session, landing = waiting(work)
    grace = User.objects.create_superuser("grace")
    hers = tokens.create("hers", role="operator", workspace=work.workspace, owner=grace)
    body, path = {"commit": landing.commit}, f"/todo/entries/{session.entry_id}/approve"
    status, refusal = api_of(work, "admin").post(path, body)
    assert (status, refusal["data"]["message"]) == (403, "In this workspace, only grace may decide about work that waits")
    assert Api(work.workspace, hers).post(path, body).status == 200
