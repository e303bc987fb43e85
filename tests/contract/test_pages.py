"""Lists in pages: a page has `limit` rows, the cursor leads to the next, and no row of another entry or workspace is among them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.models import IntegrationCommit, Message, PullRequest, Question, Session
from tests.contract.api import Api
from tests.factories import a_session, a_token, a_workspace, an_entry
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def pull_request(session: Session, n: int) -> int:
    entry = an_entry(session.workspace)
    return PullRequest.objects.create(workspace=session.workspace, entry=entry, branch=f"b{n}", base="main", head="c" * 40).pk


def message(session: Session, n: int) -> int:
    return Message.objects.create(entry=session.entry, text=f"{n}", sent_by="ana").pk


def question(session: Session, n: int) -> int:
    return Question.objects.create(workspace=session.workspace, entry=session.entry, session=session, name=f"{n}", text=f"{n}").pk


def commit(session: Session, n: int) -> int:
    done, void = IntegrationCommit.State.DONE, IntegrationCommit.State.VOID
    IntegrationCommit.objects.create(workspace=session.workspace, state=void, old="a", new="b", tree="c", subject="void")
    return IntegrationCommit.objects.create(
        workspace=session.workspace, state=done, old="a", new=f"{n}" * 40, tree="c", subject=f"{n}", done_at=now()
    ).pk


LISTS: dict[str, tuple[str, Callable[[Session, int], int], bool]] = {
    "pull_requests": ("/pull-requests", pull_request, True),
    "messages": ("/todo/entries/{entry}/messages", message, True),
    "questions": ("/todo/entries/{entry}/questions", question, True),
    "unanswered": ("/todo/questions", question, False),
    "landed": ("/landing/history", commit, True),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_page_has_its_rows_and_leads_to_the_next(name: str) -> None:
    path, create, newest_first = LISTS[name]
    shop, other = a_workspace(), a_workspace(name="Other")
    session, theirs = a_session(an_entry(shop)), a_session(an_entry(other))
    elsewhere = create(theirs, 9)
    rows = [create(session, n) for n in range(3)]
    create(theirs, 8)
    expected = rows[::-1] if newest_first else rows
    key = "questions" if name == "unanswered" else name
    address = path.format(entry=session.entry_id)
    api = Api(shop, a_token(shop, "viewer"))
    first = api.get(f"{address}?limit=2").json
    identity = "number" if name == "pull_requests" else "id"
    assert len(first[key]) == 2 and first["next_cursor"] == str(expected[1])
    second = api.get(f"{address}?limit=2&cursor={first['next_cursor']}").json
    assert len(second[key]) == 1 and second["next_cursor"] is None
    whole = api.get(f"{address}?limit=3").json
    assert whole[key] == first[key] + second[key] and whole["next_cursor"] is None
    assert identity == "number" or [row["id"] for row in whole[key]] == expected
    assert elsewhere not in expected


def _unanswered(workspace: Workspace) -> list[dict[str, Any]]:
    return Api(workspace, a_token(workspace, "viewer")).get("/todo/questions").json["questions"]


def test_what_is_answered_done_or_deleted_is_not_among_the_questions() -> None:
    shop = a_workspace()
    session = a_session(an_entry(shop))
    number = question(session, 1)
    assert [row["id"] for row in _unanswered(shop)] == [number]
    assert (_unanswered(shop)[0]["entry_id"], _unanswered(shop)[0]["text"]) == (session.entry_id, "1")
    Question.objects.update(answered_at=now(), answer="yes")
    assert _unanswered(shop) == []
    Question.objects.update(answered_at=None, answer="")
    type(session.entry).objects.update(deleted_at=now())
    assert _unanswered(shop) == []
