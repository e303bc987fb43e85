"""People decide about work that waits, and of these the approvers that the config names."""

import pytest
from django.contrib.auth.models import User
from django.utils.timezone import now

from orchestration.approval import comments, deciding, findings, people
from orchestration.configuration import Approve
from orchestration.models import Approval, Entry, FileLock, Landing, ReviewComment
from tests.factories import ANA, CLOSED, a_workspace
from tests.orchestration.approval.asked import asked, asked_again, entry_of
from tests.orchestration.approval.test_deciding import AGENT
from workspaces.access import Caller
from workspaces.errors import Conflict, Forbidden
from workspaces.models import ApiToken, Event, Workspace

pytestmark = pytest.mark.django_db
COMMIT, OTHER = "c" * 40, "d" * 40


@pytest.fixture
def shop() -> Workspace:
    return a_workspace(approve={"mode": "always"})


def test_an_approver_decides_in_person_or_by_a_token_of_theirs() -> None:
    grace, bob = User.objects.create_user("grace"), User.objects.create_user("bob")
    rules = Approve.model_validate({"mode": "always", "approvers": ["grace", "heidi"]})
    for by in (Caller("grace", user=grace), Caller("token:hers", token=ApiToken(owner=grace))):
        people.check(by, rules)
        assert people.person(by) == "grace"
    for by in (
        Caller("bob", user=bob),
        Caller("grace", token=ApiToken(owner=bob)),
        Caller("grace"),
        Caller("t", token=ApiToken()),
    ):
        with pytest.raises(Forbidden, match="only grace, heidi may decide"):
            people.check(by, rules)
        people.check(by, Approve(mode="always"))
    assert people.person(Caller("grace")) == people.person(Caller("t", token=ApiToken())) == ""
    with pytest.raises(Forbidden, match="agent"):
        people.check(Caller("grace", user=grace, token=ApiToken(session_ref="session_1")), rules)


def test_an_agent_releases_no_locks_and_takes_no_comment_back(shop: Workspace) -> None:
    landing = asked(shop)
    FileLock.objects.create(workspace=shop, entry=entry_of(landing), path="a.py")
    Entry.objects.update(reason_at="2026-01-01T00:00:00Z")
    with pytest.raises(Forbidden, match="agent"):
        deciding.release_locks(entry_of(landing), by=AGENT)
    assert FileLock.objects.exists()


def test_only_the_commit_that_waits_takes_a_comment(shop: Workspace) -> None:
    landing = asked(shop, COMMIT)
    comments.add(entry_of(landing), COMMIT, "Why?", by=ANA)
    asked_again(entry_of(landing), OTHER)
    for commit in (COMMIT, "e" * 40, ""):
        with pytest.raises(Conflict, match="does not wait for approval any more"):
            comments.add(entry_of(landing), commit, "Why?", by=ANA)
    comments.add(entry_of(landing), OTHER, "And now?", by=ANA)
    deciding.approve(entry_of(landing), OTHER, by=ANA)
    with pytest.raises(Conflict):
        comments.add(entry_of(landing), OTHER, "Late", by=ANA)
    assert [comment.commit for comment in ReviewComment.objects.order_by("pk")] == [COMMIT, OTHER]


def test_what_was_approved_is_on_its_way_and_what_has_landed_is_not(shop: Workspace) -> None:
    landing = asked(shop, COMMIT)
    approval = deciding.approve(entry_of(landing), COMMIT, by=ANA)
    entry = entry_of(landing)
    assert (entry.status, entry.reason_code) == ("in_progress", "")
    assert deciding.approve(entry, COMMIT, by=ANA) == approval and Event.objects.filter(verb="entry.approved").count() == 1
    Landing.objects.update(state="landed", ended_at=now())
    Entry.objects.filter(pk=entry.pk).update(**CLOSED)
    with pytest.raises(Conflict, match=f"#{entry.seq} is done: nothing of it waits for approval. Nothing was done"):
        deciding.approve(entry, COMMIT, by=ANA)
    assert Approval.objects.count() == 1


def test_another_commit_that_waits_is_named(shop: Workspace) -> None:
    landing = asked(shop, OTHER)
    for decide in (
        lambda: deciding.approve(entry_of(landing), COMMIT, by=ANA),
        lambda: deciding.send_back(entry_of(landing), COMMIT, by=ANA, note="No"),
    ):
        with pytest.raises(Conflict, match=f"Another commit of #1 waits for approval now, {OTHER[:12]}: look at it again"):
            decide()
    assert entry_of(landing).reason_code == "waiting_for_approval" and not Approval.objects.exists()


def test_naming_tests_keeps_the_rest_of_the_spec(shop: Workspace) -> None:
    landing = asked(shop, COMMIT)
    Landing.objects.update(state="unproven")
    Entry.objects.update(spec={"requirements": "Short", "tests": ["t.old"]})
    deciding.name_tests(entry_of(landing), COMMIT, ["t.a", " t.b"], by=ANA)
    assert entry_of(landing).spec == {"requirements": "Short", "tests": ["t.a", "t.b"]}
    assert (entry_of(landing).status, Landing.objects.get().state) == ("pending", "withdrawn")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "review by bob: Why?"),
        ({"path": "a.py"}, "review by bob: a.py: Why?"),
        ({"path": "a.py", "line": 1, "quote": "x = 1"}, "review by bob: a.py, line 1: Why?\n> x = 1"),
        ({"path": "a.py", "line": 2, "side": "old", "quote": "y"}, "review by bob: a.py, line 2 before the change: Why?\n> y"),
        ({"path": "a.py", "side": "old"}, "review by bob: a.py: Why?"),
    ],
)
def test_an_agent_reads_where_a_comment_is_and_what_stands_there(fields: dict[str, object], text: str) -> None:
    assert findings.of_comment(ReviewComment(**{"text": "Why?", "by": "bob", "quote": "", **fields})) == text
