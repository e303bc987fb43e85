"""With `forge.stack`, what depends on an entry starts from its open pull request."""

from collections.abc import Callable

from orchestration.backlog import entry_actions
from orchestration.forges.shared.interface import Check
from orchestration.maintenance import rebuild
from orchestration.models import Dependency, Entry, FileLock, Integration, PullRequest, Session
from orchestration.worker.preparing import stacked_start
from tests.factories import ANA, an_entry
from tests.orchestration.git.repositories import git
from tests.orchestration.pull_requests.fake import FakeForge
from tests.orchestration.pull_requests.team import Team, row_of, state_of
from tests.orchestration.worker.sessions.shop import entry_of, rounds_of

Make = Callable[..., Team]
WAITS = ("pending", "waiting_for_merge")


def second(group: Team, *on: Session, name: str = "beta") -> Entry:
    return an_entry(
        group.work.workspace, budget="5", content=f"write {name}\nmore", files=[name], depends_on=[each.entry_id for each in on]
    )


def run(group: Team, entry: Entry) -> Session:
    session = group.work.supervise(group.work.claim(entry))
    group.land()
    return session


def waits_for(entry: Entry) -> int:
    entry.refresh_from_db()
    assert rebuild.find(entry.workspace_id) == []
    return entry.unmet_dependencies


def test_it_starts_from_the_head_and_has_a_pull_request_of_its_own(team: Make, forge: FakeForge) -> None:
    group = team(forge={"stack": True})
    below = group.run()
    group.look()
    other = second(group, below)
    assert waits_for(other) == 0
    above = run(group, other)
    group.look()
    assert rounds_of(above)[0].base_commit == row_of(below).head and state_of(above) == WAITS
    assert git(group.remote, "show", f"{entry_of(above).branch}:alpha") == "1" and len(forge.pulls) == 2
    assert "It contains https://x/1, to be merged first." in forge.pulls[2].body
    assert FileLock.objects.count() == 2 and Dependency.objects.get().is_stacked


def test_without_it_what_depends_on_it_waits(team: Make) -> None:
    group = team()
    assert waits_for(second(group, group.run())) == 1


def test_what_has_not_begun_waits_while_it_is_at_work_again(team: Make, forge: FakeForge) -> None:
    group = team(forge={"stack": True})
    below = group.run()
    other = second(group, below)
    forge.ci = [Check("tests", "failed")]
    group.look()
    assert state_of(below) == ("pending", "") and waits_for(other) == 1
    group.again(below)
    assert state_of(below) == WAITS and waits_for(other) == 0
    entry_actions.put_on_hold(entry_of(below), by=ANA)
    assert waits_for(other) == 1


def test_it_starts_from_all_that_it_depends_on_and_from_what_landed_since(team: Make) -> None:
    group = team(forge={"stack": True})
    first, next_one = group.run("alpha"), group.run("gamma")
    copy = group.copy("theirs")
    (copy / "theirs").write_text("x")
    Team.commit(copy, "HEAD:main")
    group.land()
    above = run(group, second(group, first, next_one))
    [base] = [each.base_commit for each in rounds_of(above)]
    assert stacked_start.start_for(above, group.work.repo, Integration.objects.get().tip) == base
    assert group.work.git("show", f"{base}:gamma") == group.work.git("show", f"{base}:alpha") == "1"
    assert group.work.git("show", f"{base}:theirs") == "x"


def test_muster_merges_it_only_after_what_it_contains(team: Make, forge: FakeForge) -> None:
    group = team(forge={"stack": True, "merge_by": "muster"})
    below = group.run()
    above = run(group, second(group, below))
    forge.approved, forge.ci = True, [Check("tests", "passed")]
    for _ in range(3):
        group.look()
    assert row_of(above).message == "Waiting for pull request 1 to be merged first" and "merge" not in forge.calls


def test_it_is_merged_after_its_squashed_base(team: Make) -> None:
    group = team(forge={"stack": True})
    below = group.run()
    above = run(group, second(group, below))
    group.look()
    group.look()
    for session, number in ((below, row_of(below).number), (above, row_of(above).number)):
        assert number is not None
        group.merge_there(number)
        group.look()
        group.look()
        group.land()
        assert state_of(session) == ("done", "")
    assert group.work.merged("alpha") == group.work.merged("beta") == "1\n" and not FileLock.objects.exists()


def test_it_goes_to_a_person_when_what_it_contains_is_closed(team: Make, forge: FakeForge) -> None:
    group = team(forge={"stack": True})
    below = group.run()
    group.look()
    above = run(group, second(group, below))
    waiting = second(group, below, name="gamma")
    forge.change(1, state="closed", ended_by="ana")
    group.look()
    group.look()
    assert state_of(above) == ("blocked", "merge_rejected")
    assert entry_of(above).reason_message.startswith(
        f"It contains the work of #{entry_of(below).seq} write alpha, whose pull request"
    )
    assert waits_for(waiting) == 1 and PullRequest.objects.count() == 2


def test_work_that_contains_what_was_closed_meanwhile_is_not_proposed(team: Make, forge: FakeForge) -> None:
    group = team(forge={"stack": True})
    below = group.run()
    group.look()
    above = group.work.supervise(group.work.claim(second(group, below)))
    forge.change(1, state="closed", ended_by="ana")
    group.look()
    group.land()
    assert state_of(above) == ("blocked", "merge_rejected") and PullRequest.objects.count() == 1


def test_an_entry_without_work_yet_is_not_rejected_with_what_it_was_to_start_from(team: Make, forge: FakeForge) -> None:
    """Its first session ended before its first round: nothing of what was closed is in it."""
    group = team(forge={"stack": True})
    below = group.run()
    group.look()
    waiting = second(group, below)
    Dependency.objects.filter(entry=waiting).update(is_stacked=True)
    forge.change(1, state="closed", ended_by="ana")
    group.look()
    waiting.refresh_from_db()
    assert state_of(below) == ("blocked", "merge_rejected") and (waiting.status, waiting.reason_code) == ("pending", "")
