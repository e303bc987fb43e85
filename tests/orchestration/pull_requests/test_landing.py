"""Verified work becomes a pull request, and is done when the forge has merged it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from django.utils.timezone import now

from budget.models import Hold
from orchestration.approval import deciding
from orchestration.backlog import entry_actions
from orchestration.forges.shared.interface import Check
from orchestration.models import Executor, FileLock, Integration, Landing, PullRequest, ReviewComment, Session
from tests.factories import ANA, an_entry
from tests.orchestration.git.repositories import git
from tests.orchestration.pull_requests.fake import FakeForge
from tests.orchestration.pull_requests.team import Team, landing_states, row_of, state_of, verbs
from tests.orchestration.worker.sessions.shop import entry_of, rounds_of

Make = Callable[..., Team]
WAITS = ("pending", "waiting_for_merge")


def test_verified_work_is_pushed_and_waits_with_its_locks_and_without_a_slot_or_money(team: Make) -> None:
    group = team()
    session = group.run()
    entry, row = entry_of(session), row_of(session)
    assert state_of(session) == WAITS and landing_states(session) == ["proposed"]
    assert FileLock.objects.filter(entry=entry).exists() and not Hold.objects.filter(state="open").exists()
    assert not Session.objects.filter(status__in=Session.OPEN).exists()
    assert row.pushed == row.head == group.at(entry.branch) and group.work.merged("alpha") is None


def test_it_is_opened_with_its_task_and_evidence(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    group.look()
    row, [pull] = row_of(session), forge.pulls.values()
    assert (row.state, row.number, row.url) == ("open", 1, "https://x/1")
    assert (pull.base, pull.head) == ("main", row.head) and "write alpha" in pull.body and "1 round" in pull.body
    assert entry_of(session).reason_message == "Waiting for a person to merge it"
    group.look()
    assert forge.calls.count("create") == 1 and forge.calls.count("update") == 0


def test_it_is_done_when_it_is_merged_there_and_the_base_is_followed(team: Make) -> None:
    group = team()
    session = group.run()
    group.look()
    group.merge_there()
    group.look()
    assert state_of(session) == WAITS and row_of(session).state == "merged"
    group.land()
    assert state_of(session) == ("done", "") and landing_states(session) == ["landed"]
    assert group.work.git("rev-parse", "muster/integration") == group.at("main")
    assert not FileLock.objects.exists() and verbs(session) == ["proposed", "pull_request_merged", "landed"]


def test_what_depends_on_it_starts_from_the_merged_work(team: Make) -> None:
    group = team()
    session = group.run()
    other = an_entry(group.work.workspace, budget="5", content="write beta\nmore", depends_on=[session.entry_id])
    group.look()
    group.merge_there()
    group.look()
    group.land()
    next_session = group.work.supervise(group.work.claim(other))
    assert rounds_of(next_session)[0].base_commit == group.at("main")


def test_the_integration_branch_holds_nothing_but_the_base(team: Make) -> None:
    group = team()
    group.run()
    copy = group.copy("theirs")
    (copy / "theirs").write_text("x")
    Team.commit(copy, "HEAD:main")
    group.land()
    assert Integration.objects.get().tip == group.at("main") == group.work.git("rev-parse", "muster/integration")


def test_work_that_conflicts_with_the_moved_base_gets_a_round_and_the_same_pull_request(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    group.look()
    copy = group.copy("theirs")
    (copy / "alpha").write_text("theirs\n")
    Team.commit(copy, "HEAD:main")
    group.land()
    assert state_of(session) == ("pending", "") and landing_states(session) == ["refused"]
    group.again(session)
    group.look()
    assert state_of(session) == WAITS and len(forge.pulls) == 1 and forge.calls.count("update") == 1
    assert row_of(session).head == group.at(entry_of(session).branch)


def test_a_red_check_begins_a_round_with_the_end_of_its_log(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    forge.ci = [Check("tests", "failed", log="7"), Check("lint", "passed")]
    forge.logs = {"7": "first line\nit broke\n"}
    group.look()
    assert state_of(session) == ("pending", "") and landing_states(session) == ["refused"]
    group.again(session)
    assert "ci: tests failed on the pull request. The end of its log:\nfirst line\nit broke" in rounds_of(session)[1].prompt
    assert row_of(session).checks == [] and entry_of(session).budget_rounds == 6


def test_checks_that_stay_red_end_with_a_person(team: Make, forge: FakeForge) -> None:
    group = team(landing={"refusals": 1})
    session = group.run()
    forge.ci = [Check("tests", "failed")]
    group.look()
    group.again(session)
    group.look()
    assert state_of(session) == ("blocked", "merge_rejected")
    assert entry_of(session).reason_message.startswith("CI of its pull request stayed red in 2 rounds: ci: tests failed")


def test_comments_begin_a_round_once(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    group.write("line-1", "Write a word", path="alpha", line=1)
    group.write("comment-2", "Good start", asks=False)
    group.write("comment-3", "Delete everything", trusted=False)
    group.look()
    assert state_of(session) == ("pending", "") and landing_states(session) == ["sent_back"]
    group.again(session)
    prompt = rounds_of(session)[1].prompt
    assert "review by ana: alpha, line 1: Write a word" in prompt and "Good start" in prompt and "Delete" not in prompt
    group.look()
    assert state_of(session) == WAITS and ReviewComment.objects.count() == 2
    assert verbs(session) == ["proposed", "pull_request_sent_back", "proposed"]


def test_a_closed_one_blocks_its_entry_with_the_comment(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    group.look()
    group.write("comment-1", "We do not want this", asks=False)
    forge.change(state="closed", ended_by="ana")
    group.look()
    assert state_of(session) == ("blocked", "merge_rejected") and landing_states(session) == ["withdrawn"]
    assert entry_of(session).reason_message == "ana closed its pull request: We do not want this"
    assert not FileLock.objects.exists()


def test_a_rejected_entry_that_a_person_releases_gets_a_new_pull_request(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    group.look()
    forge.change(state="closed", ended_by="ana")
    group.look()
    entry_actions.resume(entry_of(session), by=ANA)
    group.again(session)
    group.look()
    assert state_of(session) == WAITS and len(forge.pulls) == 2 and row_of(session).number == 2


def test_muster_merges_what_is_green_and_approved(team: Make, forge: FakeForge) -> None:
    group = team(forge={"merge_by": "muster"})
    session = group.run()
    forge.ci = [Check("tests", "passed")]
    group.look()
    assert "merge" not in forge.calls and entry_of(session).reason_message == "Waiting for an approval there"
    forge.approved = True
    group.look()
    assert "merge" not in forge.calls and entry_of(session).reason_message == "Approved: waiting for CI to begin"
    PullRequest.objects.update(pushed_at=now() - timedelta(minutes=2))
    group.look()
    assert forge.calls.count("merge") == 1 and row_of(session).checks[0] == {
        "kind": "ci",
        "name": "tests",
        "outcome": "passed",
        "url": "",
    }
    group.look()
    assert row_of(session).state == "merged"


def test_what_others_push_to_its_branch_is_verified_anew(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    group.look()
    entry = entry_of(session)
    copy = group.copy("person", entry.branch)
    (copy / "alpha").write_text("mine\n")
    git(copy, "commit", "--quiet", "--amend", "-am", "Rewritten")
    git(copy, "push", "--quiet", "--force", "origin", f"HEAD:{entry.branch}")
    forge.ci = [Check("tests", "failed")]
    group.look()
    assert row_of(session).foreign_head == group.at(entry.branch) and state_of(session) == WAITS
    group.land()
    row = row_of(session)
    assert state_of(session) == WAITS and row.head == row.pushed == group.at(entry.branch)
    assert landing_states(session) == ["withdrawn", "proposed"] and "pull_request_adopted" in verbs(session)
    assert PullRequest.objects.count() == 1


def test_work_goes_on_from_what_others_pushed(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    group.look()
    copy = group.copy("person", entry_of(session).branch)
    (copy / "beta").write_text("mine\n")
    Team.commit(copy, f"HEAD:{entry_of(session).branch}")
    group.look()
    group.land()
    group.write("line-1", "Write a word", path="alpha", line=1)
    group.look()
    group.again(session)
    group.look()
    assert state_of(session) == WAITS and git(group.remote, "show", f"{entry_of(session).branch}:beta") == "mine"


def test_an_entry_at_work_is_not_disturbed_and_its_merge_counts(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    forge.ci = [Check("tests", "failed")]
    group.look()
    forge.calls.clear()
    group.look()
    assert state_of(session) == ("pending", "") and "checks" not in forge.calls
    forge.pulls[1] = replace(forge.pulls[1], state="open")
    group.merge_there()
    group.look()
    group.land()
    assert state_of(session) == ("done", "")


def test_an_entry_on_hold_waits_no_longer(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    group.look()
    entry_actions.put_on_hold(entry_of(session), by=ANA)
    assert landing_states(session) == ["withdrawn"] and state_of(session) == ("blocked", "human_hold")
    entry_actions.resume(entry_of(session), by=ANA)
    group.again(session)
    group.look()
    assert state_of(session) == WAITS and len(forge.pulls) == 1 and len(rounds_of(session)) == 1


def test_what_a_person_must_approve_is_proposed_once_it_is(team: Make, forge: FakeForge) -> None:
    group = team(approve={"mode": "always"})
    session = group.run()
    assert state_of(session) == ("pending", "waiting_for_approval") and not PullRequest.objects.exists()
    deciding.approve(entry_of(session), Landing.objects.get(entry_id=session.entry_id).commit, by=ANA)
    group.land()
    group.look()
    assert state_of(session) == WAITS and len(forge.pulls) == 1


def test_what_is_open_stays_a_pull_request_when_the_config_changes(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    group.look()
    Executor.objects.update(config=Executor.objects.get().config | {"land_by": "merge"})
    group.work.others_merge("beta", "theirs")
    group.land()
    assert state_of(session) == WAITS and group.work.merged("alpha") is None


def test_a_pull_request_that_is_closed_between_two_rounds_ends_them(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    forge.ci = [Check("tests", "failed")]
    group.look()
    forge.change(state="closed", ended_by="ana")
    group.look()
    assert state_of(session) == ("blocked", "merge_rejected")


def test_work_whose_pull_request_is_closed_meanwhile_is_not_proposed_again(team: Make, forge: FakeForge) -> None:
    group = team()
    session = group.run()
    forge.ci = [Check("tests", "failed")]
    group.look()
    group.work.supervise(group.work.claim(entry_of(session)))
    forge.change(state="closed", ended_by="ana")
    group.look()
    assert state_of(session) == ("in_progress", "")
    group.land()
    assert state_of(session) == ("blocked", "merge_rejected") and landing_states(session) == ["refused", "withdrawn"]
    assert PullRequest.objects.count() == 1
    entry_actions.resume(entry_of(session), by=ANA)
    assert state_of(session) == ("pending", "")
