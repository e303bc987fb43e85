"""Files that git ignores are in every clone and judged tree that asks for them, and in no commit, whatever an agent does."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration import configuration
from orchestration.landing import reads
from orchestration.models import LogChunk, TreeVerdict
from orchestration.sessions.folders import session_dir
from orchestration.verdicts import checks_hash
from tests.cases import all_cases
from tests.factories import ANA
from tests.orchestration.git.repositories import git, write
from tests.orchestration.worker.sessions.shop import BRANCH, Shop, entry_of, rounds_of
from workspaces.files import bundle

ENV = b'API_KEY="sk-of-the-file-41"\nNODE_ENV=development\n'
Make = Callable[..., Shop]
NEEDS = [{"name": "env", "run": "grep -q sk-of-the-file-41 .env && test -f ok"}]


def with_file(work: Shop, *, include: str = ".env\n", ignore: str = ".env\n", path: str = ".env", **tracked: str) -> Shop:
    for name, text in {".worktreeinclude": include, ".gitignore": ignore, **tracked}.items():
        write(work.repo / name, text)
    git(work.repo, "add", "-A", "--force")
    git(work.repo, "commit", "--quiet", "-m", "ignore")
    git(work.repo, "branch", "--force", BRANCH)
    bundle.put(work.workspace.pk, path, ENV, by=ANA)
    return work


def copy_of(work: Shop) -> Path:
    [folder] = [path for path in session_dir.worktrees().iterdir() if path.name.startswith("entry_")]
    return folder


def test_setup_agent_and_the_judges_of_base_and_work_have_the_file_and_the_branch_does_not(shop: Make) -> None:
    setup = ['test "$(stat -c %a .env)" = 600 && grep -q development .env']
    work = with_file(shop("grep -q sk-of-the-file-41 .env && touch ok", setup=setup, verify=NEEDS))
    session = work.run()
    assert (session.outcome, entry_of(session).status) == ("passed", "done")
    assert (work.merged("ok"), work.merged(".env")) == ("", None)


@pytest.mark.parametrize(
    "agent",
    [
        "git add --force .env; git commit -qm env; touch ok",
        "git add -f .env; git commit -qm one; git rm -q --cached .env; git commit -qm two; touch ok",
        "echo > .gitignore; git add -A; touch ok",
        "echo '!.env' > .gitignore; cp .env .env.mine; rm .env .env.mine; mkdir .env; touch .env/x ok",
    ],
    ids=["committed", "committed and removed", "no longer ignored", "a folder in its place"],
)
def test_no_commit_of_an_agent_brings_the_file_to_a_branch(shop: Make, agent: str) -> None:
    work = with_file(shop(agent))
    session = work.run()
    assert ".env" not in {
        name.split("/")[0] for name in work.git("log", "--all", "--format=", "--name-only", "-m").split() if name != ".env.mine"
    }
    assert "sk-of-the-file" not in work.git("log", "--all", "-p", "--format=")
    refused = [finding for finding in rounds_of(session)[0].findings if "commits_refused" in finding]
    assert bool(refused) == ("commit" in agent) and not any("sk-of" in finding for finding in refused)


def test_a_link_of_the_agents_is_replaced_and_leads_nowhere(shop: Make, tmp_path: Path) -> None:
    outside = write(tmp_path / "outside" / ".env", "theirs\n")
    agent = f"test -e ok && exit; rm -rf .env config; ln -s {outside} .env; ln -s {outside.parent} config; touch ok; exit 3"
    work = with_file(shop(agent), include=".env\n/config/.env\n")
    bundle.put(work.workspace.pk, "config/.env", ENV, by=ANA)
    first = work.run()
    bundle.put(work.workspace.pk, ".env", ENV + b"MORE=1\n", by=ANA)
    work.supervise(work.claim(entry_of(first)))
    assert outside.read_text() == "theirs\n" and os.listdir(outside.parent) == [".env"]
    text = str([chunk.lines for chunk in LogChunk.objects.all()])
    assert "config/.env was not written: Not a directory" in text or "config/.env was not written: Too many" in text


def test_a_tree_decides_what_it_gets_and_a_hostile_one_gets_nothing(shop: Make) -> None:
    cases = {
        "no line": {"include": "other\n"},
        "not ignored": {"ignore": "other\n"},
        "tracked": {".env": "committed\n"},
        "taken back": {"include": ".env\n!.env\n"},
        "huge": {"include": ".env\n" * 20_000},
        "elsewhere": {"include": "/etc/shadow\n../x\n/../.env\n"},
    }
    with all_cases() as case:
        for name, given in cases.items():
            with case(name):
                work = with_file(shop("test -e .env && ! grep -q committed .env || touch ok"), **given)
                assert work.run().outcome == "passed"


def test_values_are_masked_and_only_those_of_secrets_refuse_work(shop: Make) -> None:
    work = with_file(shop("echo $(cat .env); echo development > ok"))
    assert work.run().outcome == "passed"
    text = str([chunk.lines for chunk in LogChunk.objects.all()])
    assert "sk-of-the-file-41" not in text and "[secret API_KEY of .env]" in text and "[secret NODE_ENV of .env]" in text
    leaking = with_file(shop("cp .env ok")).run()
    assert "secret_leaked" in rounds_of(leaking)[0].findings[0] and "API_KEY of .env" in rounds_of(leaking)[0].findings[0]


def test_a_verdict_counts_for_the_files_that_it_was_made_with(shop: Make) -> None:
    work = with_file(shop("touch work-$(date +%N)", verify=[{"name": "env", "run": "test -f .env"}]))
    without = checks_hash.of(configuration.load(work.workspace.executor.config))
    for content in (ENV, ENV + b"MORE=1\n"):
        bundle.put(work.workspace.pk, ".env", content, by=ANA)
        assert work.run().outcome == "passed"
        known = reads.verdict_of(work.workspace, work.git("rev-parse", BRANCH))
        assert known is not None and known.passed and known.checks_hash != without
    assert TreeVerdict.objects.values("checks_hash").distinct().count() == 2


def test_a_copy_keeps_the_file_while_it_is_the_same_and_loses_it_with_the_bundle(shop: Make) -> None:
    work = with_file(shop("echo MINE=1 >> .env; touch ok; exit 3"))
    entry = entry_of(work.run())
    work.supervise(work.claim(entry))
    assert (copy_of(work) / ".env").read_bytes() == ENV + b"MINE=1\n" * 2
    bundle.remove(work.workspace.pk, ".env", by=ANA)
    work.supervise(work.claim(entry))
    assert (copy_of(work) / ".env").read_bytes() == b"MINE=1\n"
