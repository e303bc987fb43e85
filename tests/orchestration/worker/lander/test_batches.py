"""Verified work lands: alone, together, or not at all; and every commit that Muster writes was judged."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestration.backlog import content, dependencies, entry_actions
from orchestration.executor import control
from orchestration.landing import queue
from orchestration.models import Entry, FileLock, IntegrationCommit, Landing, Session, TreeVerdict
from orchestration.worker.lander import batches
from orchestration.worker.lander.service import Service
from tests.factories import ANA, an_entry
from tests.orchestration.worker.sessions.shop import BRANCH, Shop, entry_of, rounds_of
from workspaces.errors import Conflict

Make = Callable[..., Shop]

# Writes the file that its entry names. The check fails when both `old` and `new` are there: right alone, wrong together.
AGENT = 'echo $MUSTER_ROUND > "$(head -1 $MUSTER_SPEC_FILE | sed "s/.*write \\([a-z0-9]*\\).*/\\1/")"'
TOGETHER = [{"name": "pair", "run": "test ! -e old || test ! -e new"}]


def first_parents(work: Shop) -> list[str]:
    return work.git("log", "--first-parent", "--reverse", "--format=%s", f"main..{BRANCH}").split("\n")


def verified(work: Shop, *names: str) -> list[Session]:
    """A session for each of these files, verified and not landed."""
    claims = [work.claim(content=f"write {name}\nmore") for name in names]
    return [work.supervise(session) for session in claims]


def test_verified_work_waits_for_its_landing_with_its_locks_and_without_a_slot(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}])
    session = work.supervise(work.claim(content="write alpha", files=["alpha"]))
    entry = entry_of(session)
    assert (session.status, session.outcome, entry.status) == ("ended", "passed", "in_progress")
    assert FileLock.objects.filter(entry=entry).exists() and work.merged("alpha") is None
    work.land()
    assert (entry_of(session).status, work.merged("alpha")) == ("done", "1\n")
    assert not FileLock.objects.filter(entry=entry).exists()


def test_work_on_the_current_tip_lands_without_running_a_check_again(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "ok", "run": "echo run >> ../../runs; true"}])
    work.land()  # the first baseline
    work.run(content="write alpha")
    [commit] = IntegrationCommit.objects.all()
    assert commit.reused and commit.verdict is not None and commit.verdict.kind == "round"
    assert commit.tree == work.git("rev-parse", f"{BRANCH}^{{tree}}")


def test_a_single_entry_lands_as_its_own_merge_with_readable_names(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}])
    session = work.run(content="write alpha")
    assert first_parents(work) == ["#1 write alpha"]
    assert entry_of(session).branch == "muster/1-write-alpha"
    body = work.git("log", "-1", "--format=%B", BRANCH)
    for trailer in (f"Muster-Entry: {session.entry_id}", "Muster-Score: 1", "Muster-Agent: command", "Muster-Cost-USD: 0.000000"):
        assert trailer in body
    assert f"Muster-Verdict: {work.git('rev-parse', BRANCH + '^{tree}')}" in body


def test_several_land_as_one_commit_whose_tree_was_judged(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}])
    sessions = verified(work, "alpha", "beta", "gamma")
    work.land()
    assert first_parents(work) == ["Land #1, #2, #3"]
    assert [entry_of(session).status for session in sessions] == ["done"] * 3
    tree = work.git("rev-parse", f"{BRANCH}^{{tree}}")
    assert TreeVerdict.objects.filter(tree=tree, passed=True).exists()
    assert [work.merged(name) for name in ("alpha", "beta", "gamma")] == ["1\n"] * 3


def test_work_that_is_red_together_with_other_work_goes_back_with_its_finding(shop: Make) -> None:
    work = shop(AGENT, verify=TOGETHER, max_workers=8)
    old, new = verified(work, "old", "new")
    work.land()
    entry = entry_of(new)
    assert (entry_of(old).status, entry.status, first_parents(work)) == ("done", "pending", ["#1 write old"])
    assert entry.budget_rounds == 6 and entry.rounds_completed == 1
    [finding] = rounds_of(new)[0].findings
    assert finding.startswith("merge_conflict: green alone, red together with #1:\npair: exited with 1")
    assert Landing.objects.get(entry=entry).state == "refused"


def test_a_red_landing_is_judged_twice_and_no_more(shop: Make) -> None:
    """The check was good on the base, so it needs no entry's variables: they are not tried."""
    work = shop(AGENT, verify=[{"name": "pair", "run": "echo run >> ../../runs; test ! -e old || test ! -e new"}])
    work.land()
    verified(work, "old", "new")
    work.land()
    runs = (work.repo.parent.parent / "data" / "runs").read_text().split()
    assert len(runs) == 5  # the base, two rounds, and twice both together


def test_a_check_that_looks_at_its_entry_is_found_out_and_lands(shop: Make) -> None:
    work = shop("touch $MUSTER_ENTRY_ID", verify=[{"name": "own", "run": 'test -e $MUSTER_ENTRY_ID -a -n "$MUSTER_ENTRY_ID"'}])
    work.land()
    session = work.run(content="write alpha")
    assert entry_of(session).status == "done"


def test_a_tip_that_only_a_round_judged_hides_no_check_that_looks_at_its_entry(shop: Make) -> None:
    """The first one's tree is known from its round, where the check had the variables."""
    own = [{"name": "own", "run": 'test -e $MUSTER_ENTRY_ID -a -n "$MUSTER_ENTRY_ID"'}]
    work = shop("touch $MUSTER_ENTRY_ID", verify=own, landing={"batch": 1}, max_workers=8)
    work.land()
    sessions = verified(work, "alpha", "beta", "gamma")
    work.land()
    assert [entry_of(session).status for session in sessions] == ["done", "done", "done"]
    assert not Landing.objects.filter(state="refused").exists()


def test_the_longest_green_prefix_lands_and_what_follows_the_refused_goes_again(shop: Make) -> None:
    work = shop(AGENT, verify=TOGETHER, max_workers=8)
    sessions = verified(work, "alpha", "old", "beta", "new", "gamma")
    work.land()
    assert [entry_of(session).status for session in sessions] == ["done", "done", "done", "pending", "done"]
    assert first_parents(work) == ["Land #1, #2, #3", "#5 write gamma"]
    [finding] = rounds_of(sessions[3])[0].findings
    assert finding.startswith("merge_conflict: green alone, red together with what landed meanwhile (#1, #2, #3):")


def test_after_a_refusal_batches_start_small_and_grow_again(shop: Make) -> None:
    """A batch in which several pairs are wrong together is judged many times for each entry that lands."""
    work = shop(AGENT, verify=TOGETHER, max_workers=8)
    verified(work, "old", "new", "alpha", "beta", "gamma", "delta")
    work.land()
    assert first_parents(work) == ["#1 write old", "#3 write alpha", "#4 write beta", "Land #5, #6"]


def test_what_a_round_made_pass_must_pass_when_it_lands_on_a_red_base_too(shop: Make) -> None:
    """alpha corrects the case a and beta the case b; with both, a fails again. The cases fail on the base: nothing that passed there breaks."""
    case = "no(){ echo '<failure message=\"no\"/>'; }; a=$(test -e alpha -a ! -e beta || no); b=$(test -e beta || no)"
    lines = "<testcase name='a'>$a</testcase><testcase name='b'>$b</testcase><testcase name='c'/>"
    run = f'{case}; echo "<testsuite>{lines}</testsuite>" > j.xml; test -z "$a$b"'
    work = shop(AGENT, verify=[{"name": "tests", "run": run, "junit": "j.xml"}], max_workers=8)
    alpha, beta = verified(work, "alpha", "beta")
    work.land()
    assert (entry_of(alpha).status, entry_of(beta).status, first_parents(work)) == ("done", "pending", ["#1 write alpha"])
    assert "tests: a passed before: no" in rounds_of(beta)[0].findings[0]


def test_refused_work_is_blocked_after_its_extra_rounds(shop: Make) -> None:
    work = shop(AGENT, verify=TOGETHER, landing={"refusals": 1})
    _, new = verified(work, "old", "new")
    work.land()
    entry = entry_of(new)
    Entry.objects.filter(pk=entry.pk).update(reason_code="")
    refused = Landing.objects.get(entry=entry)
    Entry.objects.filter(pk=entry.pk).update(status="in_progress")
    queue.enqueue(entry, refused.commit, round_=refused.round)
    work.land()
    entry.refresh_from_db()
    assert (entry.status, entry.reason_code, entry.budget_rounds) == ("blocked", "merge_conflict", 6)
    assert entry.reason_message == "merge_conflict: green alone, red together with #1:"


def test_what_others_wait_for_lands_alone(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}])
    first, second = verified(work, "alpha", "beta")
    waiting = an_entry(work.workspace, budget="5", content="write gamma")
    dependencies.depend(waiting, entry_of(first), by=ANA)
    work.land()
    assert first_parents(work) == ["#1 write alpha", "#2 write beta"]
    assert entry_of(second).status == "done"


def test_a_long_queue_gives_way_to_another_workspace_after_each_batch(shop: Make) -> None:
    busy, other = (shop(AGENT, verify=[{"name": "ok", "run": "true"}], landing={"batch": 1}) for _ in range(2))
    verified(busy, "alpha", "beta")
    verified(other, "gamma", "delta")
    assert Service(busy.heartbeat.worker).run_due() == 2
    assert (first_parents(busy), first_parents(other)) == (["#1 write alpha"], ["#1 write gamma"])
    busy.land()
    assert first_parents(busy) == ["#1 write alpha", "#2 write beta"]


def test_a_text_conflict_with_what_landed_meanwhile_goes_back(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}])
    work.land()
    [session] = verified(work, "same")
    work.others_merge("same", "theirs")
    work.land()
    assert (entry_of(session).status, work.merged("same")) == ("pending", "theirs")
    assert "merge_conflict: merging into muster/integration conflicts in same" in rounds_of(session)[0].findings[0]


def test_a_withdrawn_landing_does_not_land_and_is_queued_again_without_its_agent(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}])
    [session] = verified(work, "alpha")
    entry_actions.put_on_hold(entry_of(session), by=ANA)
    work.land()
    assert (entry_of(session).status, work.merged("alpha")) == ("blocked", None)
    entry_actions.resume(entry_of(session), by=ANA)
    work.run(entry_of(session))
    assert (entry_of(session).status, work.merged("alpha"), len(rounds_of(session))) == ("done", "1\n", 1)


def test_work_is_not_refused_for_what_was_withdrawn_before_it_landed(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    work = shop(AGENT, verify=TOGETHER, max_workers=8)
    old, new = verified(work, "old", "new")
    swap_ = batches._swap

    def withdrawn_first(*args: Any) -> bool:
        monkeypatch.setattr(batches, "_swap", swap_)
        entry_actions.put_on_hold(entry_of(old), by=ANA)
        return swap_(*args)

    monkeypatch.setattr(batches, "_swap", withdrawn_first)
    work.land()
    assert (entry_of(old).status, entry_of(new).status, first_parents(work)) == ("blocked", "done", ["#2 write new"])


def test_withdrawn_work_whose_text_is_changed_is_done_again_by_its_agent(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}])
    [session] = verified(work, "alpha")
    entry_actions.put_on_hold(entry_of(session), by=ANA)
    content.edit(entry_of(session), content.Change(content="write beta"), by=ANA)
    entry_actions.resume(entry_of(session), by=ANA)
    work.run(entry_of(session))
    assert (entry_of(session).status, work.merged("beta"), len(rounds_of(session))) == ("done", "2\n", 2)


def test_an_entry_whose_commit_is_being_written_answers_that_it_lands_now(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}])
    [session] = verified(work, "alpha")
    intent = IntegrationCommit.objects.create(workspace=work.workspace, old="0", new="1", tree="2", subject="x")
    Landing.objects.update(intent=intent, state="checking")
    with pytest.raises(Conflict, match="#1 is landing now"):
        entry_actions.put_on_hold(entry_of(session), by=ANA)


def test_nothing_lands_after_stop_all_until_resume(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}])
    [session] = verified(work, "alpha")
    control.stop_all(work.workspace.pk, by=ANA)
    work.land()
    assert (entry_of(session).status, work.merged("alpha")) == ("in_progress", None)
    control.resume(work.workspace.pk, by=ANA)
    work.land()
    assert entry_of(session).status == "done"


def test_every_commit_of_the_branch_that_muster_writes_has_a_passing_verdict(shop: Make) -> None:
    work = shop(AGENT, verify=TOGETHER, max_workers=8)
    verified(work, "alpha", "old", "beta", "new", "gamma")
    work.land()
    for tree in work.git("log", "--first-parent", "--format=%T", f"main..{BRANCH}").split():
        assert TreeVerdict.objects.filter(tree=tree, passed=True).exists()


def test_a_batch_is_as_large_as_configured(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}], landing={"batch": 2}, max_workers=8)
    verified(work, "a", "b", "c")
    work.land()
    assert first_parents(work) == ["Land #1, #2", "#3 write c"]


def test_what_others_wait_for_joins_no_batch_of_others_either(shop: Make) -> None:
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}], max_workers=8)
    _, second, _ = verified(work, "alpha", "beta", "gamma")
    waiting = an_entry(work.workspace, budget="5", content="write delta")
    dependencies.depend(waiting, entry_of(second), by=ANA)
    work.land()
    assert first_parents(work) == ["#1 write alpha", "#2 write beta", "#3 write gamma"]


def test_a_check_that_looks_at_its_entry_runs_at_the_landing_of_a_known_tree_too(shop: Make) -> None:
    own = {"name": "own", "run": "echo $MUSTER_ENTRY_ID >> ../../own", "scope": "entry"}
    work = shop(AGENT, verify=[own, {"name": "ok", "run": "true"}])
    work.land()
    session = work.supervise(work.claim(content="write alpha"))
    [notes] = work.repo.parent.parent.rglob("own")
    before = notes.read_text().split().count(str(session.entry_id))
    work.land()
    assert notes.read_text().split().count(str(session.entry_id)) == before + 1
