"""Each decision changes what it is about, and leaves the rest alone."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils.timezone import now

from orchestration.approval import deciding, waiting
from orchestration.models import Approval, Entry, Executor, FileLock, Integration, Landing, ReviewComment, Round
from tests.factories import ANA, a_workspace
from tests.orchestration.approval.asked import WHY, asked, asked_again, entry_of
from workspaces.access import Caller
from workspaces.errors import Conflict, Forbidden, Invalid
from workspaces.models import ApiToken, Event, Workspace

pytestmark = pytest.mark.django_db
State = Landing.State
AGENT = Caller("agent", token=ApiToken(session_ref="session_1"))
COMMIT, OTHER = "c" * 40, "d" * 40


@pytest.fixture
def shop() -> Workspace:
    a_workspace(name="Other", approve={"mode": "always", "approvers": ["grace"]})
    return a_workspace(approve={"mode": "always"})


@pytest.fixture
def landing(shop: Workspace) -> Landing:
    return asked(shop, COMMIT)


def unproven(landing: Landing) -> Entry:
    Landing.objects.filter(pk=landing.pk).update(state=State.UNPROVEN)
    return entry_of(landing)


def test_an_approval_queues_the_landing_wakes_a_lander_and_names_its_person(landing: Landing) -> None:
    ana, other = User.objects.create_user("ana"), asked(landing.workspace, COMMIT)
    Integration.objects.update(due=False)
    approval = deciding.approve(entry_of(landing), COMMIT, by=Caller("token:hers", token=ApiToken(owner=ana)))
    landing.refresh_from_db()
    assert (landing.state, landing.approval) == ("queued", approval) and Integration.objects.get().due
    assert (approval.by, approval.user, approval.entry_id) == ("token:hers", ana, landing.entry_id)
    assert deciding.approve(entry_of(landing), COMMIT, by=Caller("bob")).by == "token:hers"
    assert Landing.objects.get(pk=other.pk).state == "waiting"
    events = Event.objects.filter(verb__in=("entry.approval_asked", "entry.approved"), object_id=landing.entry_id)
    assert [(event.actor, event.reason) for event in events.order_by("id")] == [("muster", WHY), ("token:hers", "")]


def test_a_commit_that_is_on_its_way_without_an_approval_that_counts_is_not_approved_again(landing: Landing) -> None:
    deciding.approve(entry_of(landing), COMMIT, by=ANA)
    with pytest.raises(Conflict):
        deciding.approve(entry_of(landing), OTHER, by=ANA)
    Approval.objects.update(void_at=now())
    for change in ({}, {"approval": None}, {"commit": OTHER}):
        Landing.objects.filter(pk=landing.pk).update(**change)
        with pytest.raises(Conflict, match="does not wait for approval any more"):
            deciding.approve(entry_of(landing), COMMIT, by=ANA)


def test_an_approval_that_was_void_counts_once_a_person_gives_it_again(landing: Landing) -> None:
    Approval.objects.create(entry=landing.entry, commit=COMMIT, by="bob", void_at=now())
    approval = deciding.approve(entry_of(landing), COMMIT, by=ANA)
    assert (approval.by, approval.void_at, Approval.objects.count()) == ("ana", None, 1)


def test_only_comments_on_this_commit_that_no_round_was_given_go_with_it(landing: Landing) -> None:
    def comment(text: str, **more: object) -> ReviewComment:
        fields = {"entry": landing.entry, "commit": COMMIT, "by": "bob", **more}
        return ReviewComment.objects.create(text=text, **fields)

    late, early = comment("late", path="b", line=2), comment("early", path="b", line=1)
    file_, work = comment("file", path="b"), comment("work")
    others = comment("older work", commit=OTHER), comment("given", sent_at=now() - timedelta(days=1))
    theirs = comment("of another entry", entry=asked(landing.workspace, COMMIT).entry)
    draft = ReviewComment(entry=landing.entry, commit=COMMIT, path="a", text="draft", by="ana")
    assert deciding.send_back(entry_of(landing), COMMIT, by=ANA, new=[draft]) == 5
    texts = [finding.rsplit(": ", 1)[1] for finding in Round.objects.get(entry=landing.entry).findings]
    assert texts == ["work", "draft", "file", "early", "late"]
    sent = set(ReviewComment.objects.filter(sent_at__gt=now() - timedelta(hours=1)).values_list("pk", flat=True))
    assert sent == {late.pk, early.pk, file_.pk, work.pk, draft.pk} and theirs.pk not in sent and others[0].pk not in sent


def test_what_is_sent_back_ends_its_landing_and_is_implemented_with_one_round_more(landing: Landing) -> None:
    Entry.objects.update(next_work=Entry.Work.VERIFY)
    rounds, other = entry_of(landing).budget_rounds, asked(landing.workspace, COMMIT)
    deciding.send_back(entry_of(landing), COMMIT, by=ANA, note="  Shorter\n")
    landing.refresh_from_db()
    other.refresh_from_db()
    assert (other.state, entry_of(other).budget_rounds) == ("waiting", rounds)
    entry = entry_of(landing)
    assert (landing.state, landing.message) == ("sent_back", "Sent back by ana") and landing.ended_at is not None
    assert (entry.status, entry.budget_rounds, entry.next_work) == ("pending", rounds + 1, "implement")
    assert Event.objects.get(verb="entry.sent_back").reason == "Shorter"


def test_tests_are_named_for_unproven_work_alone(landing: Landing) -> None:
    entry = entry_of(landing)
    with pytest.raises(Conflict):
        deciding.name_tests(entry, COMMIT, ["t.a"], by=ANA)
    entry = unproven(landing)
    with pytest.raises(Conflict, match="Another commit"):
        deciding.name_tests(entry, OTHER, ["t.a"], by=ANA)
    with pytest.raises(Invalid, match="at least one"):
        deciding.name_tests(entry, COMMIT, [" ", ""], by=ANA)
    assert (entry_of(landing).spec, entry_of(landing).budget_rounds) == (entry.spec, entry.budget_rounds)
    deciding.name_tests(entry, COMMIT, [" t.a ", ""], by=ANA)
    after = entry_of(landing)
    assert after.spec["tests"] == ["t.a"] and (after.next_work, after.budget_rounds) == ("verify", entry.budget_rounds + 1)


@pytest.mark.parametrize("minutes", [-1, 1])
def test_locks_are_released_after_the_hours_of_the_config(landing: Landing, minutes: int) -> None:
    Executor.objects.filter(pk=landing.workspace_id).update(config={"approve": {"mode": "always", "lock_hours": 3}})
    other = asked(landing.workspace, OTHER)
    for each, path in ((landing, "b"), (landing, "a"), (other, "c")):
        FileLock.objects.create(workspace=each.workspace, entry=each.entry, path=path)
    Entry.objects.update(reason_at=now() - timedelta(hours=3, minutes=minutes))
    if minutes < 0:
        with pytest.raises(Conflict, match="first 3 h"):
            deciding.release_locks(entry_of(landing), by=ANA)
        return
    assert deciding.release_locks(entry_of(landing), by=ANA) == 2
    assert deciding.release_locks(entry_of(landing), by=ANA) == 0
    assert [lock.path for lock in FileLock.objects.all()] == ["c"]
    released = Event.objects.get(verb="entry.locks_released")
    assert (released.data["count"], released.data["paths"]) == (2, ["a", "b"])


DECISIONS: dict[str, Callable[[Entry, Caller], object]] = {
    "approve": lambda entry, by: deciding.approve(entry, COMMIT, by=by),
    "send back": lambda entry, by: deciding.send_back(entry, COMMIT, by=by, note="No"),
    "name tests": lambda entry, by: deciding.name_tests(entry, COMMIT, ["t.a"], by=by),
}


@pytest.mark.parametrize("name", DECISIONS)
def test_neither_an_agent_nor_one_who_is_no_approver_decides(landing: Landing, name: str) -> None:
    entry = unproven(landing)
    with pytest.raises(Forbidden, match="agent"):
        DECISIONS[name](entry, AGENT)
    Executor.objects.filter(pk=landing.workspace_id).update(config={"approve": {"mode": "always", "approvers": ["grace"]}})
    with pytest.raises(Forbidden, match="only grace"):
        DECISIONS[name](entry, ANA)
    assert entry_of(landing).reason_code == entry.reason_code and not Approval.objects.exists()


def test_newer_work_makes_each_approval_void_but_of_what_landed_and_of_itself(landing: Landing) -> None:
    entry = entry_of(landing)
    for commit in (COMMIT, OTHER, "e" * 40):
        Approval.objects.create(entry=entry, commit=commit, by="bob")
    theirs = Approval.objects.create(entry=asked(landing.workspace).entry, commit=COMMIT, by="bob")
    Landing.objects.create(workspace=entry.workspace, entry=entry, commit="e" * 40, state=State.LANDED)
    Landing.objects.create(workspace=entry.workspace, entry=entry, commit=OTHER, state=State.REFUSED)
    asked_again(entry, "f" * 40)
    standing = Approval.objects.filter(void_at__isnull=True)
    assert {(each.entry_id, each.commit) for each in standing} == {(entry.pk, "e" * 40), (theirs.entry_id, COMMIT)}
    assert Event.objects.filter(verb="entry.approval_void").count() == 2
    waiting.void(entry, but="e" * 40)
    assert Event.objects.filter(verb="entry.approval_void").count() == 2


@pytest.mark.parametrize("change", [{"state": State.WITHDRAWN}, {"state": State.LANDED}, {"approval": True}])
def test_what_was_decided_meanwhile_does_not_begin_to_wait(landing: Landing, change: dict[str, object]) -> None:
    if "approval" in change:
        change = {"approval": Approval.objects.create(entry=landing.entry, commit=COMMIT, by="bob")}
    Landing.objects.filter(pk=landing.pk).update(**change, tried_tip="")
    assert not waiting.keep(landing, "Why", tip="e" * 40, commit="e" * 40, verdict=None)
    assert Landing.objects.get(pk=landing.pk).tried_tip == ""


def test_a_deleted_entry_does_not_begin_to_wait(shop: Workspace, landing: Landing) -> None:
    Entry.objects.filter(pk=landing.entry_id).update(status="in_progress", reason_code="", deleted_at=now())
    assert waiting.keep(landing, "Why", tip="e" * 40, commit="e" * 40, verdict=None)
    assert entry_of(landing).reason_code == "" and Event.objects.filter(verb="entry.approval_asked").count() == 1
