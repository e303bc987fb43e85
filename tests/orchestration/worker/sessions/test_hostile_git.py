"""The attacks of an agent on git that once worked, each in one session: none reaches another entry, the checks, or the user's repository."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.models import Session
from tests.orchestration.worker.sessions.shop import BRANCH, Shop, entry_of, rounds_of

Make = Callable[..., Shop]


def test_a_filter_in_one_entrys_git_does_not_empty_the_checks_of_the_next(shop: Make, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    empties = f"touch {ran}; echo true"
    attack = (
        f"git config extensions.worktreeConfig true; git config --worktree filter.j.smudge '{empties}'; "
        f"git config filter.j.clean '{empties}'; mkdir -p .git/info; echo 'check.sh filter=j' > .git/info/attributes; touch ok"
    )
    work = shop(
        f"if [ -f {tmp_path}/second ]; then touch bad; else {attack}; fi", verify=[{"name": "check", "run": "sh check.sh"}]
    )
    work.others_merge("check.sh", "test ! -f bad\n")
    assert work.run().outcome == Session.Outcome.PASSED
    (tmp_path / "second").touch()
    assert work.run().outcome == Session.Outcome.FAILED
    assert not ran.exists()
    assert "filter" not in (work.repo / ".git/config").read_text() and not (work.repo / ".git/config.worktree").exists()


def test_refs_that_an_agent_moves_stay_in_its_clone(shop: Make) -> None:
    moves = " ".join(f"git update-ref {ref} HEAD;" for ref in (f"refs/heads/{BRANCH}", "refs/heads/main", "refs/muster/landed/x"))
    work = shop(f"echo evil > README; git commit -qam evil; {moves} git reset -q --hard HEAD~1; touch other")
    before = work.git("for-each-ref", "refs/heads/main", f"refs/heads/{BRANCH}")
    session = work.run()
    assert session.outcome == Session.Outcome.FAILED and entry_of(session).status == "pending"
    assert work.git("for-each-ref", "refs/heads/main", f"refs/heads/{BRANCH}") == before
    assert work.merged("README") == "hello\n"


def test_commits_that_are_refused_are_a_finding_and_the_files_are_kept(shop: Make) -> None:
    alternates = "echo /somewhere/else/objects >> .git/objects/info/alternates"
    work = shop(f"touch ok; git add ok; git commit -qm mine; {alternates}")
    session = work.run()
    [closed] = rounds_of(session)
    assert session.outcome == Session.Outcome.FAILED and closed.findings[0].startswith("commits_refused: ")
    assert work.git("show", f"{entry_of(session).branch}:ok") == ""


@pytest.mark.parametrize("how", ["rm -rf .git", "rm -rf .git; ln -s /etc .git", "rm -rf .git; mkfifo .git", "rm .git/HEAD"])
def test_an_agent_that_breaks_its_git_loses_no_file(shop: Make, how: str) -> None:
    work = shop(f"echo yes > ok; {how}")
    assert work.run().outcome == Session.Outcome.PASSED
    assert work.merged("ok") == "yes\n"
