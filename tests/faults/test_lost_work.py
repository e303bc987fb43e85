"""Work survives whatever an agent does to its git, or a person to its folder, before a kill (F46). And conflicts: two entries change the same
line, and the second resolves it, or not."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.harness import until
from tests.faults.shop import Shop

GIT = "do git -c user.name=a -c user.email=a@localhost"
GIT_ACTIONS = {
    "it commits by itself": [f"1| {GIT} add -A", f"1| {GIT} commit -qm mine"],
    "it switches to a branch of its own": [f"1| {GIT} checkout -qb own", f"1| {GIT} add -A", f"1| {GIT} commit -qm mine"],
    "it commits and goes back": [f"1| {GIT} add -A", f"1| {GIT} commit -qm mine", f"1| {GIT} checkout -q --detach HEAD~1"],
    "it detaches": [f"1| {GIT} checkout -q --detach", f"1| {GIT} add -A", f"1| {GIT} commit -qm mine"],
    "its git was killed": ['1| do touch "$(git rev-parse --git-path index.lock)" "$(git rev-parse --git-path HEAD.lock)"'],
    "it is in the middle of a merge": [
        f"1| {GIT} add -A",
        f"1| {GIT} commit -qm mine",
        f"1| {GIT} merge -q --no-ff --no-commit HEAD~0",
    ],
}


def kill_the_worker(work: Shop) -> None:
    os.kill(work.up.children()["sessions"], signal.SIGKILL)


def test_work_survives_a_kill_whatever_the_agent_did_to_its_git(shop: Callable[..., Shop], tmp_path: Path) -> None:
    """All cases in one run: `up` delays the restart of a worker that is killed repeatedly more and more."""
    work = shop(max_workers=len(GIT_ACTIONS), verify=[{"name": "both", "run": "ls first-* && ls ok-*"}])
    entries = {
        case: work.add(f"1| write first-{n} done", *actions, f"1| do touch {tmp_path}/{n}", "1| sleep 60", f"2| write ok-{n} yes")
        for n, (case, actions) in enumerate(GIT_ACTIONS.items())
    }
    until(lambda: all((tmp_path / str(n)).exists() for n in range(len(GIT_ACTIONS))), 60)
    kill_the_worker(work)
    for n, (case, id_) in enumerate(entries.items()):
        work.becomes(id_, "done", 90)
        assert (work.merged(f"first-{n}"), work.merged(f"ok-{n}")) == ("done", "yes"), case
        assert [session["status"] for session in work.sessions(id_)] == ["passed", "lost"], (case, work.sessions(id_))
    assert work.git("worktree", "list").count("\n") == 0


def test_a_deleted_worktree_is_recreated_from_its_branch(shop: Callable[..., Shop]) -> None:
    work = shop(verify=[{"name": "both", "run": "test -f first && test -f ok"}], max_workers=1)
    id_ = work.add("1| write first done", "2| write ok yes", budget_rounds=1)
    work.becomes(id_, "failed")
    shutil.rmtree(work.folder_of(id_))
    work.call("PATCH", f"/todo/entries/{id_}/rounds", {"budget_rounds": 2})
    work.becomes(id_, "done")
    assert (work.merged("first"), work.merged("ok")) == ("done", "yes")


def test_an_agent_that_dies_slowly_costs_its_reported_usage_and_not_its_whole_reservation(
    shop: Callable[..., Shop], tmp_path: Path
) -> None:
    work = shop()
    ready = tmp_path / "ready"
    id_ = work.add("spend 0.01", f"1| do touch {ready}; trap '' TERM; sleep 60", "2| write ok yes")
    until(ready.exists, 40)
    kill_the_worker(work)
    assert work.becomes(id_, "done", 90)["spent_usd"] == 0.02


def test_an_interrupted_setup_is_repeated(shop: Callable[..., Shop], tmp_path: Path) -> None:
    setup = f"touch {tmp_path}/began; sleep 1; touch {tmp_path}/finished"
    work = shop(setup=[setup], verify=[])
    id_ = work.add(f"do test -e {tmp_path}/finished", "write ok yes")
    until((tmp_path / "began").exists, 40)
    kill_the_worker(work)
    work.becomes(id_, "done", 90)


def test_a_shutdown_during_verification_does_not_pay_the_agent_again(shop: Callable[..., Shop], tmp_path: Path) -> None:
    work = shop(verify=[{"name": "slow", "run": f"test -z $MUSTER_ENTRY_ID || touch {tmp_path}/began; sleep 1; test -f ok"}])
    id_ = work.add("spend 0.1", "write ok yes", budget_usd=0.15)
    until((tmp_path / "began").exists, 40)
    os.kill(work.up.children()["sessions"], signal.SIGTERM)
    assert work.becomes(id_, "done", 90)["spent_usd"] == 0.1
    assert {session["status"] for session in work.sessions(id_)} == {"passed", "interrupted"}


def test_recovery_waits_for_a_git_that_outlives_its_worker(shop: Callable[..., Shop], tmp_path: Path) -> None:
    """Its `git add` is slow. Removing its lock and starting a second git in parallel would corrupt the index."""
    work = shop()
    began, slow_git = tmp_path / "began", work.up.data.parent / "bin" / "git"
    slow = f"mkdir {began} || touch {tmp_path}/overlap; sleep 2; rmdir {began}"
    slow_git.write_text(f'#!/bin/sh\ncase "$*" in *" add --all") {slow};; esac\nexec {shutil.which("git")} "$@"\n')
    slow_git.chmod(0o755)
    try:
        id_ = work.add("1| write a.big text", "write ok yes")
        until(began.exists, 40)
        kill_the_worker(work)
        work.becomes(id_, "done", 90)
    finally:
        slow_git.unlink()
    assert work.merged("a.big") == "text"
    assert not (tmp_path / "overlap").exists()
    assert work.git("fsck", "--strict", "--no-dangling") == ""


RESOLVE = (
    "do python3 -c \"import re; t = open('shared').read(); open('shared', 'w').write(re.sub('(?m)^[<=>]{7}.*\\\\n', '', t))\""
)


def two_entries_on_one_line(work: Shop, gate: Path, *later: str) -> tuple[str, str]:
    """Two entries that declare no files. The second starts before the first is merged, and ends after."""
    slow = work.add("1| write shared second", f"1| do while [ ! -e {gate} ]; do sleep 0.1; done", *later, "write ok-2 yes")
    until(lambda: work.entry(slow)["status"] == "in_progress", 10, every=0.1)
    first = work.add("write shared first", "write ok-1 yes")
    work.becomes(first, "done")
    gate.touch()
    return first, slow


def conflicting(shop: Callable[..., Shop], **config: Any) -> Shop:
    return shop(verify=[{"name": "ok", "run": "ls ok-*"}], **config)


def test_the_next_round_resolves_a_conflict_from_its_prompt(shop: Callable[..., Shop], tmp_path: Path) -> None:
    work = conflicting(shop)
    _, id_ = two_entries_on_one_line(work, tmp_path / "gate", f"2| {RESOLVE}")
    work.becomes(id_, "done", 90)
    assert sorted(work.merged("shared").split()) == ["first", "second"]
    assert [session["status"] for session in work.sessions(id_)] == ["passed", "conflict"]
    first, second = work.rounds(id_)
    assert first["findings"] == [
        "merge_conflict: merging into muster/integration conflicts in shared\nCONFLICT (add/add): Merge conflict in shared"
    ]
    assert "## Conflicts to resolve first" in second["prompt"] and "Merge conflict in shared" in second["prompt"]
    assert second["diffstat"]["files"] == 2, "what the others landed is not this entry's change"


def test_an_unresolved_conflict_blocks_its_entry_and_loses_no_work(shop: Callable[..., Shop], tmp_path: Path) -> None:
    work = conflicting(shop)
    _, id_ = two_entries_on_one_line(work, tmp_path / "gate")
    entry = work.becomes(id_, "blocked", 90)
    assert entry["reasons"][0]["code"] == "merge_conflict"
    assert "shared still holds both sides" in entry["reasons"][0]["message"]
    assert work.call("GET", "/executor/locks") == {}
    assert work.call("GET", "/budget/holds")["held_usd"] == 0
    assert work.merged("shared") == "first" and work.merged("ok-2") == ""
    assert work.git("show", f"{entry['branch']}:ok-2") == "yes"
    assert {"first", "second"} <= set(work.git("show", f"{entry['branch']}:shared").split("\n"))
    assert work.git("log", "--format=%s", entry["branch"]).count("Merge muster/integration") == 1


def test_a_worker_that_dies_with_a_conflict_in_its_files_merges_no_markers(shop: Callable[..., Shop], tmp_path: Path) -> None:
    work = conflicting(shop)
    ready = tmp_path / "ready"
    _, id_ = two_entries_on_one_line(work, tmp_path / "gate", f"2| do touch {ready}", "2| sleep 60", f"3| {RESOLVE}")
    until(ready.exists, 60)
    kill_the_worker(work)
    work.becomes(id_, "done", 90)
    assert sorted(work.merged("shared").split()) == ["first", "second"]
    assert "- shared" in work.rounds(id_)[2]["prompt"]
