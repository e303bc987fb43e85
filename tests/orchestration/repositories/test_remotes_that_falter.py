"""A remote that refuses a push for a while: no work is hidden, and nothing is concluded of the refs that it accepts."""

from pathlib import Path

import pytest

from orchestration.git.command import GitError
from orchestration.repositories import claims, remote
from orchestration.repositories.authority import Moved, Unreachable
from orchestration.repositories.remote import Remote
from tests.orchestration.git.repositories import git
from tests.orchestration.repositories import remotes
from tests.orchestration.repositories.test_claims import BRANCH, ENTRY, REF, clone, start, works

WIP = f"refs/heads/muster/wip/{ENTRY}"


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(remote, "_refused_at", {})
    monkeypatch.setattr(remote, "APART_S", 0.0)
    return remotes.a_remote(tmp_path)


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return remotes.local_ssh(tmp_path / "ssh", monkeypatch)


def a_host(bare: Path, name: str, *, only_branches: bool = False, url: str = "") -> Remote:
    repo = bare.parent / f"{name}.git"
    return Remote(repo if repo.exists() else clone(bare, repo), url or bare.as_uri(), only_branches=only_branches)


def claim(host: Remote, attempt: int) -> None:
    claims.claim(host, ENTRY, BRANCH, attempt=attempt, start=start(host))


def refs_of(bare: Path) -> list[str]:
    return git(bare, "for-each-ref", "--format=%(refname)", "refs/muster", "refs/heads/muster").split()


def a_hook(bare: Path, script: str) -> None:
    hook = bare / "hooks" / "pre-receive"
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)


def test_a_push_that_could_not_be_unpacked_once_is_repeated_and_teaches_nothing(bare: Path, ssh: Path) -> None:
    host = a_host(bare, "first", url=f"git@127.0.0.1:{bare}")
    claim(host, 1)
    (ssh / "fails-every").write_text("3")
    (ssh / "pushes").write_text("1\n2\n")
    done = works(host, "round 1")
    claims.publish(a_host(bare, "first", url=host.url), ENTRY, BRANCH)
    assert (refs_of(bare), git(bare, "rev-parse", REF)) == ([REF], done) and not host.only_branches


def test_work_is_shared_in_the_end_by_a_remote_that_fails_one_unpack_in_two(bare: Path, ssh: Path) -> None:
    (ssh / "fails-every").write_text("2")
    url = f"git@127.0.0.1:{bare}"
    for attempt in range(1, 11):
        host = a_host(bare, "even" if attempt % 2 else "odd", url=url)
        claim(host, attempt)
        done = works(host, f"round {attempt}")
        claims.publish(a_host(bare, host.repo.stem, url=url), ENTRY, BRANCH)
        assert a_host(bare, "reader", url=url).refs(REF) == {REF: done}
    assert refs_of(bare) == [REF]


@pytest.mark.parametrize("words", ["out of quota", "GitLab: 502", "Internal server error", "the disk is full", "try again later"])
def test_a_hook_that_fails_for_a_while_moves_no_work_to_branches(bare: Path, words: str) -> None:
    host = a_host(bare, "first")
    claim(host, 1)
    done = works(host, "round 1")
    a_hook(bare, f"echo {words} >&2; exit 1")
    for _ in range(3):
        with pytest.raises(Unreachable):
            claims.publish(a_host(bare, "first"), ENTRY, BRANCH)
    a_hook(bare, "exit 0")
    claims.publish(a_host(bare, "first"), ENTRY, BRANCH)
    assert (refs_of(bare), a_host(bare, "second").refs(REF)) == ([REF], {REF: done})


def test_one_odd_refusal_puts_the_work_on_a_branch_where_every_host_finds_it(bare: Path) -> None:
    host = a_host(bare, "first")
    claim(host, 1)
    a_hook(bare, "while read old new ref; do case $ref in refs/muster/*) echo no >&2; exit 1;; esac; done")
    done = works(host, "round 1")
    claims.publish(a_host(bare, "first"), ENTRY, BRANCH)
    (bare / "hooks" / "pre-receive").unlink()
    for only_branches in (False, True):
        second = a_host(bare, "second", only_branches=only_branches)
        assert second.refs(REF) == second.under(claims.PREFIX) == {REF: done}
        second.fetch([REF])
        assert git(second.repo, "rev-parse", REF) == done
    claim(a_host(bare, "second"), 2)
    works(host, "late")
    with pytest.raises(Moved):
        claims.publish(a_host(bare, "first"), ENTRY, BRANCH)
    second.discard(second.refs(REF))
    assert refs_of(bare) == []


@pytest.mark.parametrize("refuses", [True, False])
def test_what_was_shared_before_branches_were_required_is_found_and_goes_on(bare: Path, refuses: bool) -> None:
    claim(host := a_host(bare, "first"), 1)
    if refuses:
        remotes.refuses(bare, "refs/muster/*")
    done = works(host, "round 1")
    claims.publish(a_host(bare, "first", only_branches=True), ENTRY, BRANCH)
    claim(second := a_host(bare, "second", only_branches=True), 2)
    assert git(second.repo, "rev-parse", BRANCH) == done
    assert (WIP in refs_of(bare)) is refuses


def test_branches_alone_are_learned_by_two_refusals_without_one_that_was_accepted(bare: Path) -> None:
    learned: list[bool] = []
    host = Remote(clone(bare, bare.parent / "first.git"), bare.as_uri(), on_only_branches=learned.append)
    remotes.refuses(bare, "refs/muster/*")
    host.move("refs/muster/hosts/a", start(host), before="")
    assert not learned and host.refs("refs/muster/hosts/a")
    (bare / "hooks" / "update").unlink()
    host.move("refs/muster/hosts/b", start(host), before="")
    remotes.refuses(bare, "refs/muster/*")
    for name in "cd":
        assert not learned
        host.move(f"refs/muster/hosts/{name}", start(host), before="")
    assert learned == [True] and host.only_branches
    host.ask_again("refs/muster/hosts/e", start(host))
    assert learned == [True]
    (bare / "hooks" / "update").unlink()
    host.ask_again("refs/muster/hosts/e", start(host))
    assert learned == [True, False] and "refs/muster/hosts/e" not in refs_of(bare)


def test_a_push_whose_answer_was_lost_supersedes_no_attempt(bare: Path) -> None:
    claim(host := a_host(bare, "first"), 1)
    for text in ("round 1", "round 2"):
        came = works(host, text)
        git(host.repo, "push", "--quiet", bare.as_uri(), f"+{came}:{REF}")
        claims.publish(a_host(bare, "first"), ENTRY, BRANCH)
        git(host.repo, "push", "--quiet", bare.as_uri(), f"+{works(host, 'came')}:{REF}")
        done = works(host, "more")
        claims.publish(a_host(bare, "first"), ENTRY, BRANCH)
        assert git(bare, "rev-parse", REF) == done


def test_a_ref_that_cannot_be_locked_there_is_not_taken_for_one_that_moved(bare: Path) -> None:
    claim(host := a_host(bare, "first"), 1)
    works(host, "round 1")
    (lock := bare / f"{REF}.lock").touch()
    with pytest.raises(Unreachable, match="could not store what was pushed"):
        claims.publish(a_host(bare, "first"), ENTRY, BRANCH)
    lock.unlink()
    claims.publish(a_host(bare, "first"), ENTRY, BRANCH)


def test_what_is_asked_for_is_looked_up_at_the_remote_and_not_in_the_mirror(bare: Path) -> None:
    claim(host := a_host(bare, "first"), 1)
    done = works(host, "round 1")
    claims.publish(host, ENTRY, BRANCH)
    git(bare, "update-ref", "-d", REF)
    assert claims.share(a_host(bare, "first"), ENTRY, BRANCH, done) and git(bare, "rev-parse", REF) == done
    claim(a_host(bare, "second"), 2)
    newer = works(host, "late")
    with pytest.raises(Moved):
        claims.share(a_host(bare, "first"), ENTRY, BRANCH, newer)


def test_a_remote_that_refuses_everything_is_named_by_its_first_refusal(bare: Path) -> None:
    remotes.refuses(bare, "*")
    with pytest.raises(GitError, match=f"{REF}: .*hook declined"):
        claim(a_host(bare, "first"), 1)
