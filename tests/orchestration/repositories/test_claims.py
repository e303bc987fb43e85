"""An entry's work is one ref at the repository that hosts share: claimed by an attempt, moved by its rounds, lost by who was cut off."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestration.git.command import GitError
from orchestration.repositories import claims
from orchestration.repositories.authority import Moved, Own, Unreachable
from orchestration.repositories.remote import Remote
from tests.orchestration.git.repositories import a_repository, git

ENTRY, BRANCH = "entry_00000000000000000001", "muster/1-work"
REF = claims.ref_of(ENTRY)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A remote that nobody works in."""
    return clone(a_repository(tmp_path / "seed"), tmp_path / "shared.git")


def clone(source: Path, target: Path) -> Path:
    git(source, "clone", "-q", "--bare", str(source), str(target))
    return target


def a_host(shared: Path, name: str) -> Remote:
    return Remote(clone(shared, shared.parent / f"{name}.git"), str(shared))


def works(host: Remote, text: str) -> str:
    """A commit on the entry's branch on this host."""
    tip = git(host.repo, "rev-parse", BRANCH) if git(host.repo, "for-each-ref", f"refs/heads/{BRANCH}") else start(host)
    commit = git(host.repo, "commit-tree", f"{tip}^{{tree}}", "-p", tip, "-m", text)
    git(host.repo, "update-ref", f"refs/heads/{BRANCH}", commit)
    return commit


def start(host: Remote) -> str:
    return git(host.repo, "rev-parse", "main")


def test_the_next_attempt_on_another_host_begins_with_the_newest_work(shared: Path) -> None:
    first, second = a_host(shared, "first"), a_host(shared, "second")
    claims.claim(first, ENTRY, BRANCH, attempt=1, start=start(first))
    done = works(first, "round 1")
    claims.publish(first, ENTRY, BRANCH)
    claims.claim(second, ENTRY, BRANCH, attempt=2, start=start(second))
    assert git(second.repo, "rev-parse", BRANCH) == done
    assert claims.work_of(shared, git(shared, "rev-parse", REF)) == done


def test_a_host_that_was_cut_off_cannot_move_what_another_attempt_claimed(shared: Path) -> None:
    first, second = a_host(shared, "first"), a_host(shared, "second")
    claims.claim(first, ENTRY, BRANCH, attempt=1, start=start(first))
    late = works(first, "late")
    claims.claim(second, ENTRY, BRANCH, attempt=2, start=start(second))
    with pytest.raises(Moved):
        claims.publish(first, ENTRY, BRANCH)
    claims.claim(second, ENTRY, BRANCH, attempt=3, start=start(second))
    done = works(second, "on time")
    claims.publish(second, ENTRY, BRANCH)
    claims.claim(first, ENTRY, BRANCH, attempt=4, start=start(first))
    assert git(first.repo, "rev-parse", BRANCH) == done
    assert git(first.repo, "rev-parse", f"refs/muster/strayed/{ENTRY}/{late[:12]}") == late


def test_a_claim_is_in_no_branchs_history(shared: Path) -> None:
    host = a_host(shared, "first")
    claims.claim(host, ENTRY, BRANCH, attempt=1, start=start(host))
    works(host, "round 1")
    claims.publish(host, ENTRY, BRANCH)
    assert "Claim" not in git(shared, "log", "--format=%s", REF)


def test_nothing_is_pushed_where_nothing_is_new(shared: Path) -> None:
    host = a_host(shared, "first")
    claims.claim(host, ENTRY, BRANCH, attempt=1, start=start(host))
    claimed = git(shared, "rev-parse", REF)
    claims.publish(host, ENTRY, BRANCH)
    assert git(shared, "rev-parse", REF) == claimed, "the claim stays until there is work"
    git(host.repo, "update-ref", f"refs/heads/{BRANCH}", start(host))
    claims.publish(host, ENTRY, BRANCH)
    assert git(shared, "rev-parse", REF) == claimed, "what was claimed is no new work"
    works(host, "round 1")
    claims.publish(host, ENTRY, BRANCH)
    claims.publish(host, ENTRY, BRANCH)
    assert git(shared, "rev-parse", f"{REF}^") == git(shared, "rev-parse", f"{claimed}^")


def test_the_host_that_has_the_repository_claims_in_it(shared: Path) -> None:
    own, other = Own(shared), a_host(shared, "other")
    claims.claim(own, ENTRY, BRANCH, attempt=1, start=start(other))
    claims.claim(other, ENTRY, BRANCH, attempt=2, start=start(other))
    done = works(other, "round 1")
    claims.publish(other, ENTRY, BRANCH)
    claims.claim(own, ENTRY, BRANCH, attempt=3, start=start(other))
    assert git(shared, "rev-parse", BRANCH) == done


def test_a_branch_that_a_person_has_checked_out_does_not_follow(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo")
    newer = git(repo, "commit-tree", "main^{tree}", "-p", "main", "-m", "newer")
    git(repo, "worktree", "add", "--quiet", "-b", BRANCH, str(tmp_path / "looking"))
    with pytest.raises(GitError, match="looking"):
        claims.follow(repo, ENTRY, BRANCH, newer)
    assert git(repo, "rev-parse", BRANCH) == git(repo, "rev-parse", "main")


def test_a_repository_that_cannot_be_reached_is_named_without_its_password(tmp_path: Path) -> None:
    host = Remote(a_repository(tmp_path / "repo"), "http://ana:geheim@127.0.0.1:9/none.git")
    with pytest.raises(Unreachable, match=r"^http://127.0.0.1:9/none.git could not be used: ") as caught:
        claims.claim(host, ENTRY, BRANCH, attempt=1, start="")
    assert "geheim" not in str(caught.value)


def test_many_of_one_host_fetch_the_same_ref_at_once_while_it_moves(shared: Path) -> None:
    host, other = a_host(shared, "first"), a_host(shared, "second")
    ref = "refs/heads/muster/integration"
    with ThreadPoolExecutor(8) as pool:
        for n in range(5):
            tip = git(other.repo, "commit-tree", "main^{tree}", "-p", "main", "-m", f"landed {n}")
            git(shared, "fetch", "-q", str(other.repo), tip)
            git(shared, "update-ref", ref, tip)
            list(pool.map(lambda _: host.fetch([ref]), range(8)))
            assert git(host.repo, "rev-parse", ref) == tip
