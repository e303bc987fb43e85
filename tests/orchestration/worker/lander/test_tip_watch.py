"""Commits on the integration branch that Muster did not write."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.executor import dispatch
from orchestration.facts import waits
from orchestration.git.command import run as run_git
from orchestration.landing import branch, decisions
from orchestration.models import Integration, Landing, Round, Session
from orchestration.verdicts.comparison import Result
from orchestration.worker.lander import base_branch, judging, service, tip_watch
from orchestration.worker.lander.lease import Lease
from orchestration.worker.lander.service import Service
from tests.factories import ANA, an_entry
from tests.orchestration.git.repositories import git
from tests.orchestration.worker.lander.verified import verified
from tests.orchestration.worker.sessions.shop import BRANCH, Shop, entry_of

Make = Callable[..., Shop]
CHECK = [{"name": "tests", "run": "test ! -e broken"}]


def a_shop(shop: Make, **config: object) -> Shop:
    """A workspace whose first tip is judged."""
    work = shop("echo yes > ok", verify=CHECK, **config)
    work.land()
    return work


def state_of(work: Shop) -> Integration:
    return Integration.objects.get(pk=work.workspace.pk)


def starts(work: Shop) -> int:
    return len(dispatch.cycle(work.workspace.pk).started)


def test_the_first_tip_is_the_baseline_even_if_it_is_red(shop: Make) -> None:
    work = shop("echo yes > ok", verify=[{"name": "tests", "run": "false"}])
    work.land()
    row = state_of(work)
    assert (row.state, row.tip) == ("good", work.git("rev-parse", BRANCH))


def test_good_commits_of_a_person_are_adopted(shop: Make) -> None:
    work = a_shop(shop)
    work.others_merge("by-hand", "fine")
    work.land()
    assert (state_of(work).state, state_of(work).tip) == ("good", work.git("rev-parse", BRANCH))
    session = work.run()
    assert work.merged("by-hand") == "fine" and entry_of(session).status == "done"


def test_nothing_starts_from_commits_that_were_not_judged(shop: Make) -> None:
    work = a_shop(shop)
    an_entry(work.workspace, budget="5")
    work.others_merge("by-hand", "fine")
    assert starts(work) == 0
    work.land()
    assert starts(work) == 1


def test_a_red_tip_stops_dispatch_and_names_its_commit(shop: Make) -> None:
    work = a_shop(shop)
    an_entry(work.workspace, budget="5")
    work.others_merge("fine", "1")
    work.others_merge("broken", "1")
    culprit = work.git("rev-parse", BRANCH)
    work.others_merge("more", "1")
    work.land()
    row = state_of(work)
    assert (row.state, row.culprit) == ("red", culprit)
    assert row.message.startswith(f"muster/integration is red since {culprit[:7]}")
    world = dispatch.cycle(work.workspace.pk)
    assert (len(world.started), {d.why.code for d in world.decisions if hasattr(d, "why")}) == (0, {"integration_red"})
    assert not Session.objects.filter(workspace=work.workspace).exists()


def test_the_culprit_among_many_commits_is_the_first_that_is_red(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    work = a_shop(shop)
    start = work.git("rev-parse", BRANCH)
    commits = "commit refs/heads/many\ncommitter Ana <ana@example.org> 1 +0000\ndata 0\n" + f"from {start}\n"
    run_git(work.repo, "fast-import", "--quiet", text=commits + commits.replace(f"from {start}\n", "") * 249)
    new = work.git("rev-list", "--reverse", f"{start}..many").split()
    monkeypatch.setattr(judging, "of_foreign", lambda _lease, _good, here: Result(new.index(here) < 10, 1.0, 1.0))
    lease = Lease.read(work.workspace.pk, state_of(work).fence, lambda: False)
    assert tip_watch._bisect(lease, start, new[-1]) == new[10]


def test_it_goes_on_by_itself_once_the_branch_is_corrected(shop: Make) -> None:
    work = a_shop(shop)
    work.others_merge("broken", "1")
    work.land()
    assert state_of(work).state == "red"
    good = state_of(work).tip
    work.git("update-ref", f"refs/heads/{BRANCH}", good)
    work.land()
    assert (state_of(work).state, state_of(work).message) == ("good", "")


def test_a_branch_that_was_moved_back_waits_for_a_person(shop: Make) -> None:
    work = a_shop(shop)
    first = state_of(work).tip
    session = work.run()
    work.git("update-ref", f"refs/heads/{BRANCH}", first)
    work.land()
    row = state_of(work)
    assert (row.state, entry_of(session).status) == ("waiting", "done")
    assert (
        row.message
        == "muster/integration was moved by somebody else: 1 landed commit (#1) is no longer in it. Accept it, or put it back"
    )


def test_commits_that_appear_while_sessions_run_wait_for_a_person(shop: Make) -> None:
    work = a_shop(shop)
    session = work.claim()
    Session.objects.filter(pk=session.pk).update(status="running")
    Round.objects.create(entry_id=session.entry_id, session=session, number=1, base_commit=state_of(work).tip)
    work.others_merge("by-hand", "fine")
    work.land()
    assert state_of(work).state == "waiting" and "an agent may have written it" in state_of(work).message
    Integration.objects.update(adopt_foreign=True, recheck=True)
    work.land()
    assert state_of(work).state == "good"


def test_a_checked_out_branch_is_delivered_later_and_landings_go_on(shop: Make) -> None:
    work = a_shop(shop)
    place = work.repo.parent / "mine"
    work.git("worktree", "add", "--quiet", str(place), BRANCH)
    session = work.run()
    row = state_of(work)
    assert entry_of(session).status == "done" and row.tip != work.git("rev-parse", BRANCH)
    assert row.undelivered == f"not delivered: {BRANCH} is checked out in {place}"
    work.git("worktree", "remove", str(place))
    work.land()
    assert (state_of(work).undelivered, work.git("rev-parse", BRANCH)) == ("", row.tip)


def test_a_branch_that_a_person_puts_right_is_noticed_while_nothing_waits(shop: Make) -> None:
    """No entry could start, so no cycle reads the refs: the tick does."""
    work = a_shop(shop)
    place = work.repo.parent / "mine"
    work.git("worktree", "add", "--quiet", str(place), BRANCH)
    work.run()
    work.git("worktree", "remove", str(place))
    tick(work)
    assert (state_of(work).undelivered, work.git("rev-parse", BRANCH)) == ("", state_of(work).tip)
    work.others_merge("broken", "1")
    work.land()
    assert state_of(work).state == "red"
    work.git("update-ref", f"refs/heads/{BRANCH}", state_of(work).tip)
    tick(work)
    assert state_of(work).state == "good"


def tick(work: Shop) -> None:
    branch.wake_due()
    Service(work.heartbeat.worker).run_due()


def land_while_checked_out(work: Shop, name: str, text: str) -> Path:
    """An entry lands while a person has the branch checked out and commits there. Returns the person's working copy."""
    place = work.repo.parent / "mine"
    work.git("worktree", "add", "--quiet", str(place), BRANCH)
    work.run()
    (place / name).write_text(text)
    git(place, "add", "-A")
    git(place, "commit", "--quiet", "-m", "by hand")
    work.land()
    return place


def test_commits_made_in_the_checked_out_branch_are_merged(shop: Make) -> None:
    work = a_shop(shop)
    place = land_while_checked_out(work, "by-hand", "fine")
    work.git("worktree", "remove", str(place))
    work.land()
    assert (work.merged("by-hand"), work.merged("ok"), state_of(work).state) == ("fine", "yes\n", "good")


def test_red_commits_made_in_the_checked_out_branch_are_left_out_once_and_work_goes_on(shop: Make) -> None:
    work = a_shop(shop)
    land_while_checked_out(work, "broken", "1")
    work.land()
    by_hand = work.git("rev-parse", BRANCH)
    assert [landing.state for landing in Landing.objects.filter(kind="base")] == ["refused"]
    assert state_of(work).base_problem.startswith(f"commit {by_hand[:12]} on {BRANCH} cannot be merged into {BRANCH}: ")
    an_entry(work.workspace, budget="5")
    assert state_of(work).state == "good" and starts(work) == 1
    decisions.check_again(work.workspace, by=ANA)
    work.land()
    assert [landing.state for landing in Landing.objects.filter(kind="base")] == ["refused", "refused"]
    assert work.git("rev-parse", BRANCH) == by_hand  # no commit is dropped


def test_checks_that_cannot_run_on_the_base_stop_dispatch_before_anything_is_paid(shop: Make) -> None:
    work = shop("echo yes > ok", setup=["false"], verify=CHECK)
    an_entry(work.workspace, budget="5")
    work.land()
    assert state_of(work).state == "unusable"
    assert "setup command 1 failed: exit 1" in state_of(work).message
    assert starts(work) == 0


def test_checks_that_could_not_run_are_tried_again_by_themselves(
    shop: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = tmp_path / "ready"
    work = shop("echo yes > ok", setup=[f"test -e {ready}"], verify=CHECK)
    monkeypatch.setattr(service, "LOOK_S", 0.0)
    monkeypatch.setattr(waits, "CHECKS_PAUSE_S", 0.0)
    lander = Service(work.heartbeat.worker)
    branch.wake(work.workspace.pk)
    lander.run_due()
    assert state_of(work).state == "unusable"
    ready.touch()
    lander.run_due()
    assert state_of(work).state == "good"


def test_work_is_not_refused_for_a_setup_that_fails_on_the_tip_as_well(shop: Make, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    ready.touch()
    work = a_shop(shop, setup=[f"test -e {ready}"])
    entry = verified(work, "alpha")
    rounds = entry.budget_rounds
    ready.unlink()
    work.land()
    entry.refresh_from_db()
    assert (Landing.objects.get().state, entry.status, entry.budget_rounds) == ("queued", "in_progress", rounds)
    assert "setup command 1 failed" in state_of(work).undelivered
    ready.touch()
    work.land()
    assert (Landing.objects.get().state, work.merged("alpha") is not None, state_of(work).undelivered) == ("landed", True, "")


def test_work_that_breaks_the_setup_itself_is_refused(shop: Make) -> None:
    work = a_shop(shop, setup=["test ! -e alpha"])
    verified(work, "alpha")
    work.land()
    assert (Landing.objects.get().state, work.merged("alpha")) == ("refused", None)


def test_checks_that_cannot_run_are_not_tried_all_the_time(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    work = shop("echo yes > ok", setup=["false"], verify=CHECK)
    monkeypatch.setattr(service, "LOOK_S", 0.0)
    lander = Service(work.heartbeat.worker)
    branch.wake(work.workspace.pk)
    assert (lander.run_due(), lander.run_due()) == (1, 0)
    decisions.check_again(work.workspace, by=ANA)
    assert lander.run_due() == 1  # a person does not wait


def test_new_checks_are_run_on_the_tip_before_work_is_compared_with_it(shop: Make) -> None:
    from orchestration.configuration import workspace_setup

    work = a_shop(shop)
    workspace_setup.configure(work.workspace, {"verify": [{"name": "other", "run": "true"}]}, by=ANA)
    work.land()
    assert work.workspace.verdicts.count() == 2


@pytest.mark.parametrize("follow", [True, False])
def test_new_commits_of_the_base_branch_are_merged_and_judged(shop: Make, follow: bool) -> None:
    work = a_shop(shop, follow_base=follow)
    commit_on_main(work, "from-main", "1")
    work.land()
    assert (work.merged("from-main") == "1") == follow
    if follow:
        assert work.git("log", "-1", "--format=%s", BRANCH) == "Merge main"


@pytest.mark.parametrize("name", ["broken", "ok"])
def test_a_base_that_is_red_or_conflicts_is_left_out_and_work_goes_on(shop: Make, name: str) -> None:
    work = a_shop(shop)
    first = work.run()
    commit_on_main(work, name, "theirs")
    work.land()
    row = state_of(work)
    assert row.state == "good" and row.base_problem.startswith("main cannot be merged into muster/integration: ")
    assert work.merged("ok") == "yes\n" and entry_of(first).status == "done"
    assert branch.observe(work.workspace.pk) == ""


def test_a_red_base_that_was_corrected_before_it_was_judged_leaves_no_problem(shop: Make) -> None:
    """Its lander ended between the two, with its process."""
    work = a_shop(shop)
    commit_on_main(work, "broken", "1")
    base_branch.follow(Lease.read(work.workspace.pk, state_of(work).fence, lambda: False))
    work.git("rm", "--quiet", "broken")
    commit_on_main(work, "corrected", "1")
    work.land()
    assert (work.merged("corrected"), state_of(work).base_problem) == ("1", "")
    assert [landing.state for landing in Landing.objects.order_by("pk")] == ["withdrawn", "landed"]


def test_a_revert_goes_through_the_queue(shop: Make) -> None:
    from orchestration.landing import queue

    work = a_shop(shop)
    work.run()
    queue.enqueue_branch(work.workspace.pk, Landing.Kind.REVERT, work.git("rev-parse", BRANCH), by="ana")
    work.land()
    assert work.merged("ok") is None
    assert work.git("log", "-1", "--format=%s", BRANCH) == 'Revert "#1 Do it"'


def test_a_red_tip_can_be_reverted(shop: Make) -> None:
    from orchestration.landing import queue

    work = a_shop(shop)
    work.others_merge("broken", "1")
    work.land()
    queue.enqueue_branch(work.workspace.pk, Landing.Kind.REVERT, state_of(work).culprit, by="ana")
    work.land()
    assert (work.merged("broken"), state_of(work).state) == (None, "good")


def test_a_revert_decides_nothing_about_a_branch_that_waits_for_a_person(shop: Make) -> None:
    from orchestration.landing import queue

    work = a_shop(shop)
    first = state_of(work).tip
    work.run()
    landed = work.git("rev-parse", BRANCH)
    work.git("update-ref", f"refs/heads/{BRANCH}", first)
    revert = queue.enqueue_branch(work.workspace.pk, Landing.Kind.REVERT, landed, by="ana")
    work.land()
    row = state_of(work)
    revert.refresh_from_db()
    assert (row.state, row.tip, work.git("rev-parse", BRANCH), revert.state) == ("waiting", landed, first, "queued")
    decisions.put_back(work.workspace, first, by=ANA)
    assert work.merged("ok") == "yes\n"


def test_verified_work_waits_while_the_branch_is_red_and_a_revert_passes_it(shop: Make) -> None:
    from orchestration.landing import queue

    work = a_shop(shop)
    session = work.supervise(work.claim())
    work.others_merge("broken", "1")
    work.land()
    work.land()
    assert state_of(work).state == "red" and work.merged("ok") is None
    assert Landing.objects.get().state == "queued" and entry_of(session).status == "in_progress"
    queue.enqueue_branch(work.workspace.pk, Landing.Kind.REVERT, state_of(work).culprit, by="ana")
    work.land()
    assert (work.merged("broken"), work.merged("ok"), entry_of(session).status) == (None, "yes\n", "done")


def commit_on_main(work: Shop, name: str, text: str) -> None:
    (work.repo / name).write_text(text)
    work.git("add", "-A")
    work.git("commit", "--quiet", "-m", f"add {name}")


def test_a_session_that_began_from_that_tip_has_not_written_it(shop: Make) -> None:
    work = a_shop(shop)
    session = work.claim()
    Session.objects.filter(pk=session.pk).update(status="running")
    work.others_merge("by-hand", "fine")
    here = work.git("rev-parse", BRANCH)
    Round.objects.create(entry_id=session.entry_id, session=session, number=1, base_commit=here)
    work.land()
    assert (state_of(work).state, state_of(work).tip) == ("good", here)
