"""Verified work lands once a person has approved exactly its commit; until then its merge is tried on each new tip."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils.timezone import now

from budget.models import Hold
from orchestration.approval import comments, deciding, reads
from orchestration.backlog import deletion, entry_actions
from orchestration.executor import dispatch
from orchestration.models import Approval, Entry, FileLock, Landing, Session
from tests.factories import ANA, an_entry
from tests.orchestration.worker.sessions.shop import Shop, entry_of, rounds_of
from workspaces.access import Caller
from workspaces.errors import Conflict, Forbidden, Invalid
from workspaces.models import ApiToken, Event

Make = Callable[..., Shop]

# Writes its round's number to the file that its entry names.
AGENT = 'echo $MUSTER_ROUND > "$(head -1 $MUSTER_SPEC_FILE | sed "s/.*write \\([a-z0-9]*\\).*/\\1/")"'
TOGETHER = [{"name": "pair", "run": "test ! -e old || test ! -e new"}]


@pytest.fixture
def work(shop: Make) -> Shop:
    return shop(AGENT, verify=[{"name": "ok", "run": "true"}], approve={"mode": "always"})


def waiting(work: Shop, name: str = "alpha") -> tuple[Session, Landing]:
    """A session whose work waits for approval, and its landing."""
    session = work.run(content=f"write {name}\nmore", files=[name])
    return session, Landing.objects.get(entry_id=session.entry_id, state="waiting")


def verbs(session: Session) -> list[str]:
    mine = Event.objects.filter(object_id=session.entry_id, verb__startswith="entry.").order_by("id")
    return [verb.removeprefix("entry.") for verb in mine.values_list("verb", flat=True)]


def test_verified_work_waits_with_its_locks_and_without_a_slot_or_money(work: Shop) -> None:
    session, landing = waiting(work)
    entry = entry_of(session)
    assert (entry.status, entry.reason_code) == ("pending", "waiting_for_approval")
    assert FileLock.objects.filter(entry=entry).exists() and work.merged("alpha") is None
    assert not Session.objects.filter(status__in=Session.OPEN).exists() and not Hold.objects.filter(state="open").exists()
    assert landing.tried_verdict is not None and landing.tried_verdict.passed


def test_no_cycle_starts_it_and_a_lander_asks_once(work: Shop) -> None:
    session, _ = waiting(work)
    work.land()
    work.land()
    assert Session.objects.filter(entry=entry_of(session)).count() == 1
    assert verbs(session) == ["approval_asked"]


def test_approved_work_lands(work: Shop) -> None:
    session, landing = waiting(work)
    deciding.approve(entry_of(session), landing.commit, by=ANA)
    assert entry_of(session).status == "in_progress"
    work.land()
    assert (entry_of(session).status, work.merged("alpha")) == ("done", "1\n")
    approval = Approval.objects.get()
    assert (approval.commit, approval.by) == (landing.commit, "ana")
    assert not FileLock.objects.filter(entry=entry_of(session)).exists()
    assert verbs(session) == ["approval_asked", "approved", "landed"]


def test_a_second_approval_changes_nothing_and_another_commit_is_refused(work: Shop) -> None:
    session, landing = waiting(work)
    entry = entry_of(session)
    with pytest.raises(Conflict, match="Another commit"):
        deciding.approve(entry, "0" * 40, by=ANA)
    deciding.approve(entry, landing.commit, by=ANA)
    deciding.approve(entry, landing.commit, by=ANA)
    assert Approval.objects.count() == 1 and verbs(session).count("approved") == 1


def test_no_decision_about_a_commit_is_taken_once_its_entry_is_done(work: Shop) -> None:
    session, landing = waiting(work)
    deciding.approve(entry_of(session), landing.commit, by=ANA)
    work.land()
    done, recorded = entry_of(session), verbs(session)
    for decide in (
        lambda: deciding.approve(done, landing.commit, by=ANA),
        lambda: deciding.send_back(done, landing.commit, by=ANA, note="Shorter"),
        lambda: deciding.name_tests(done, landing.commit, ["tests.test_a"], by=ANA),
        lambda: deciding.release_locks(done, by=ANA),
    ):
        with pytest.raises(Conflict, match="is done"):
            decide()
    assert entry_of(session).status == "done" and verbs(session) == recorded


def test_what_is_sent_back_begins_its_next_round_with_the_comments(work: Shop) -> None:
    session, landing = waiting(work)
    entry = entry_of(session)
    comments.add(entry, landing.commit, "Write a word", by=ANA, path="alpha", line=1)
    comments.add(entry, landing.commit, "Is the file needed?", by=ANA, path="alpha")
    comments.add(entry, landing.commit, "Say why", by=ANA)
    assert deciding.send_back(entry, landing.commit, by=ANA, note="Nearly") == 4
    entry.refresh_from_db()
    assert (entry.status, entry.reason_code, entry.budget_rounds) == ("pending", "", 6)
    work.run(entry)
    prompt = rounds_of(session)[1].prompt
    expected = [
        "review by ana: Nearly",
        "review by ana: Say why",
        "alpha: Is the file needed?",
        "alpha, line 1: Write a word",
        "> 1",
    ]
    places = [prompt.index(text) for text in expected]
    assert places == sorted(places)
    again = Landing.objects.get(entry=entry, state="waiting")
    assert again.commit != landing.commit and work.merged("alpha") is None
    assert verbs(session) == ["approval_asked", "sent_back", "approval_asked"]


def test_sending_back_needs_a_reason(work: Shop) -> None:
    session, landing = waiting(work)
    with pytest.raises(Invalid, match="Say what is to change"):
        deciding.send_back(entry_of(session), landing.commit, by=ANA)


def test_a_round_that_a_person_asked_for_counts_towards_no_plateau(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "pair", "run": "test ! -e old"}], approve={"mode": "always"}, plateau={"rounds": 1})
    session, landing = waiting(work, "alpha")
    deciding.send_back(entry_of(session), landing.commit, by=ANA, note="More")
    Entry.objects.filter(pk=session.entry_id).update(content="write old\nmore")
    work.run(entry_of(session))
    assert (entry_of(session).status, rounds_of(session)[1].verdict) == ("pending", "failed")


def test_a_comment_is_on_a_line_that_the_work_has(work: Shop) -> None:
    session, landing = waiting(work)
    entry = entry_of(session)
    for place in ({"path": "README"}, {"path": "alpha", "line": 2}, {"path": "alpha", "line": 1, "side": comments.Side.OLD}):
        with pytest.raises(Invalid):
            comments.add(entry, landing.commit, "No", by=ANA, **place)  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        comments.add(entry, "0" * 40, "No", by=ANA)


def test_work_that_conflicts_with_a_new_tip_gets_a_round_before_anybody_is_asked_again(work: Shop) -> None:
    session, landing = waiting(work)
    work.others_merge("alpha", "theirs")
    work.land()
    entry = entry_of(session)
    assert (entry.status, entry.reason_code) == ("pending", "")
    assert "merge_conflict: merging into muster/integration conflicts in alpha" in rounds_of(session)[0].findings[0]
    with pytest.raises(Conflict):
        deciding.approve(entry, landing.commit, by=ANA)


def test_work_that_is_red_on_a_new_tip_goes_back(shop: Make) -> None:
    work = shop(AGENT, verify=TOGETHER, approve={"mode": "always"})
    session, _ = waiting(work, "new")
    work.others_merge("old", "theirs")
    work.land()
    assert (entry_of(session).status, entry_of(session).reason_code) == ("pending", "")
    assert rounds_of(session)[0].findings[0].startswith("merge_conflict: green alone, red on the current tip")


def test_on_a_new_tip_the_merge_is_tried_and_the_question_stays_one(work: Shop) -> None:
    session, landing = waiting(work)
    work.others_merge("beta", "theirs")
    work.land()
    again = Landing.objects.get(entry_id=session.entry_id)
    assert (
        again.state == "waiting"
        and again.tried_tip != landing.tried_tip
        and again.tried_tip == work.git("rev-parse", "muster/integration")
    )
    assert work.git("show", f"{again.tried_commit}:alpha") == "1" and verbs(session) == ["approval_asked"]


def test_an_approval_is_void_when_its_commit_does_not_land(work: Shop) -> None:
    session, landing = waiting(work)
    deciding.approve(entry_of(session), landing.commit, by=ANA)
    work.others_merge("alpha", "theirs")
    work.land()
    assert entry_of(session).status == "pending" and Approval.objects.get().void_at is not None
    assert verbs(session) == ["approval_asked", "approved", "approval_void", "refused"]
    work.run(entry_of(session))
    assert Landing.objects.get(entry_id=session.entry_id, state="waiting").commit != landing.commit


def test_an_approved_landing_that_was_withdrawn_needs_no_second_approval(work: Shop) -> None:
    session, landing = waiting(work)
    deciding.approve(entry_of(session), landing.commit, by=ANA)
    entry_actions.put_on_hold(entry_of(session), by=ANA)
    entry_actions.resume(entry_of(session), by=ANA)
    work.run(entry_of(session))
    assert (entry_of(session).status, work.merged("alpha")) == ("done", "1\n")
    assert verbs(session).count("approval_asked") == 1


def test_a_person_who_acts_on_the_entry_ends_the_question(work: Shop) -> None:
    session, landing = waiting(work)
    entry_actions.put_on_hold(entry_of(session), by=ANA)
    assert Landing.objects.get(pk=landing.pk).state == "withdrawn"
    entry_actions.resume(entry_of(session), by=ANA)
    work.run(entry_of(session))
    assert entry_of(session).reason_code == "waiting_for_approval" and len(rounds_of(session)) == 1


def test_an_entry_that_was_deleted_and_restored_asks_again(work: Shop) -> None:
    session, _ = waiting(work)
    deletion.delete_all([entry_of(session)], by=ANA)
    assert reads.waiting([work.workspace.pk]) == []
    deletion.restore(entry_of(session), [], by=ANA)
    work.run(entry_of(session))
    assert [row.entry_id for row in reads.waiting([work.workspace.pk])] == [session.entry_id]


def test_others_may_have_its_files_once_a_person_releases_its_locks_after_a_day(work: Shop) -> None:
    session, landing = waiting(work)
    other = an_entry(work.workspace, budget="5", content="write beta\nmore", files=["alpha"])
    dispatch.cycle(work.workspace.pk)
    assert not Session.objects.filter(entry=other).exists()
    with pytest.raises(Conflict, match="first 24 h"):
        deciding.release_locks(entry_of(session), by=ANA)
    Entry.objects.filter(pk=session.entry_id).update(reason_at=now() - timedelta(hours=25))
    assert deciding.release_locks(entry_of(session), by=ANA) == 1
    assert work.claim(other).entry_id == other.pk and Landing.objects.get(pk=landing.pk).state == "waiting"
    assert verbs(session)[-1] == "locks_released"


def test_only_what_the_rules_name_waits(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}], approve={"mode": "when", "paths": ["al*"]})
    free = work.run(content="write beta\nmore")
    held, landing = waiting(work, "alpha")
    assert (entry_of(free).status, landing.approval_needed) == ("done", "It changes alpha")
    assert entry_of(held).reason_message == "Waiting for approval: It changes alpha"


def test_a_batch_lands_without_the_work_that_waits(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}], approve={"mode": "when", "paths": ["be*"]}, max_workers=8)
    sessions = [work.supervise(work.claim(content=f"write {name}\nmore")) for name in ("alpha", "beta", "gamma")]
    work.land()
    assert [entry_of(session).status for session in sessions] == ["done", "pending", "done"]


def test_an_approval_that_is_void_lets_nothing_land(work: Shop) -> None:
    """Not even the commit that it was given for, once other work had taken its place."""
    session, landing = waiting(work)
    deciding.approve(entry_of(session), landing.commit, by=ANA)
    Approval.objects.update(void_at=now())
    entry_actions.put_on_hold(entry_of(session), by=ANA)
    entry_actions.resume(entry_of(session), by=ANA)
    work.run(entry_of(session))
    assert entry_of(session).reason_code == "waiting_for_approval" and work.merged("alpha") is None


def test_another_commit_than_the_one_that_waits_is_not_sent_back(work: Shop) -> None:
    session, _ = waiting(work)
    with pytest.raises(Conflict, match="Another commit"):
        deciding.send_back(entry_of(session), "0" * 40, by=ANA, note="Do it otherwise")
    assert entry_of(session).reason_code == "waiting_for_approval" and rounds_of(session)[0].findings == []


def test_an_agent_releases_no_locks_whatever_its_token_may_do(work: Shop) -> None:
    session, _ = waiting(work)
    Entry.objects.filter(pk=session.entry_id).update(reason_at=now() - timedelta(hours=25))
    agent = Caller("agent", token=ApiToken(session_ref=session.pk))
    with pytest.raises(Forbidden):
        deciding.release_locks(entry_of(session), by=agent)
    assert FileLock.objects.filter(entry=entry_of(session)).exists()
