"""Attacks by what an agent leaves in its working copy, in whole rounds: with the sandbox and without, where its own clone, the quarantine and
the worker's checks must do. Each is a finding in plain words or harmless; the entry's other work counts, and its next round can correct it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.orchestration.worker.sessions.shop import Shop, entry_of, rounds_of

Make = Callable[..., Shop]

FINDINGS = {
    "a pipe in place of a tracked file": (
        "rm README; mkfifo README",
        "not_committed: git cannot take all files: README: can only add",
    ),
    "a socket in place of a tracked file": (
        "rm README; python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('README')\"",
        "not_committed: git cannot take all files: README: can only add",
    ),
    "a folder that other systems take for .git": ("mkdir -p sub/.GIT; touch sub/.GIT/config", "invalid path 'sub/.GIT/config'"),
    "a folder with the short name of .git": ("mkdir git~1; touch git~1/config", "invalid path 'git~1/config'"),
    "a folder with an invisible letter in .git": (
        "name=$(printf '.g\\342\\200\\214it'); mkdir $name; touch $name/config",
        "not_committed: git cannot take all files: invalid path",
    ),
    "submodule settings that are a link": ("ln -s /etc/passwd .gitmodules", "invalid path '.gitmodules'"),
    "a submodule whose path is an option": (
        "printf '[submodule \"a\"]\\n\\tpath = -x\\n\\turl = x\\n' > .gitmodules",
        "not_committed: gitmodulesPath: disallowed submodule path: -x. Nothing of this round was committed",
    ),
    "a submodule that a program fetches": (
        'printf \'[submodule "a"]\\n\\tpath = a\\n\\turl = "ext::sh -c evil"\\n\' > .gitmodules',
        "submodule_changed: .gitmodules leads to another repository",
    ),
    "a link to a commit of another repository": (
        "mkdir sub; git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),sub; git commit -qm sub",
        "submodule_changed: sub leads to another repository",
    ),
    "an encoding that no git knows": (
        "echo '* working-tree-encoding=NOPE' > .gitattributes",
        "not_committed: git cannot take all files: failed to encode",
    ),
    "a filter with which no later entry could work": (
        "echo '*.bin filter=lfs' > .gitattributes",
        "filter_added: .gitattributes of the repository uses lfs",
    ),
    "folders deeper than a path can be long": (
        "python3 -c \"import os; [(os.mkdir('d' * 50), os.chdir('d' * 50)) for _ in range(1050)]; open('file', 'w')\"",
        "not_committed: git cannot take all files: could not open directory",
    ),
    "a name that is no text": ("touch \"$(printf 'caf\\351')\"", r"files_locked: 'caf\\xe9' may not be changed"),
    "a name with a line break": ("touch \"$(printf 'a\\nb')\"", r"files_locked: 'a\nb' may not be changed"),
}


@pytest.mark.parametrize("attack", FINDINGS)
def test_it_is_a_finding_and_the_next_round_can_correct_it(either: Make, attack: str) -> None:
    command, finding = FINDINGS[attack]
    undone = "rm -rf sub git~1 .g[!i]* .gitmodules .gitattributes README dddd* a*b caf*; git checkout -q $base -- README"
    work = either(
        f"echo yes > ok; base=$(git rev-list --max-parents=0 HEAD); if test $MUSTER_ROUND = 1; then {command}; else {undone}; fi"
    )
    session = work.run()
    assert session.outcome == "failed", session.outcome_message
    assert finding in "\n".join(rounds_of(session)[0].findings)
    second = work.run(entry_of(session))
    assert (second.outcome, work.merged("ok")) == ("passed", "yes\n"), second.outcome_message


HARMLESS = {
    "a pipe as .gitignore": "mkdir sub; mkfifo sub/.gitignore",
    "a pipe as .gitattributes": "mkfifo .gitattributes",
    "a pipe that nothing tracks": "mkfifo pipe",
    "settings, hooks and filters of its own git": "git config core.fsmonitor ./evil; git config filter.x.clean ./evil; echo '* filter=x' > .git/info/attributes",
    "an index that hides a change": "git update-index --skip-worktree README; echo hidden > README",
    "a sparse checkout": "git sparse-checkout set nothing; touch README",
    "a .git that is a file": "rm -rf .git; echo 'gitdir: /etc' > .git",
    "no .git": "rm -rf .git",
    "locks of git": "touch .git/index.lock .git/HEAD.lock",
    "repositories in a repository": "git init -q sub; git init -q sub/sub; touch sub/a sub/sub/b; git -C sub/sub add b; git -C sub/sub commit -qm b",
    "a link to a file of the host": "ln -s /etc/shadow link",
    "a folder that became a link": "ln -s /etc folder; ln -s .. up",
    "branches of others": "for name in main muster/integration muster/other; do git update-ref refs/heads/$name HEAD; done",
    "a replaced and a grafted history": "git commit -qm x --allow-empty; git replace HEAD HEAD~1; git rev-parse HEAD > .git/shallow",
    "folders without rights": "mkdir locked; touch locked/file; chmod 000 locked/file locked",
}


@pytest.mark.parametrize("attack", HARMLESS)
def test_it_changes_nothing_but_the_branch_of_its_entry(either: Make, attack: str, tmp_path: Path) -> None:
    work = either(f"echo yes > ok; printf '#!/bin/sh\\ntouch {tmp_path}/ran\\n' > evil; chmod +x evil; {HARMLESS[attack]}")
    before = work.git("for-each-ref")
    session = work.run()
    assert session.outcome == "passed", session.outcome_message
    assert work.merged("ok") == "yes\n"
    after = [line for line in work.git("for-each-ref").split("\n") if "muster/" not in line]
    assert after == [line for line in before.split("\n") if "muster/" not in line]
    assert not (tmp_path / "ran").exists(), "a program of the agent's was run"


def test_an_alternate_to_another_repository_brings_nothing_in(either: Make, tmp_path: Path) -> None:
    work = either("echo yes > ok; echo /somewhere/.git/objects >> .git/objects/info/alternates; git commit -qm x --allow-empty")
    session = work.run()
    assert session.outcome == "failed"
    assert "commits_refused: its .git names other object folders than the store" in rounds_of(session)[0].findings[0]


def test_folders_that_no_path_reaches_are_removed_after_a_session(either: Make, settings: Any) -> None:
    top = "HOME" if settings.SANDBOX == "bubblewrap" else "PWD"
    deep = f"import os; os.chdir(os.environ['{top}']); [(os.mkdir('d' * 50), os.chdir('d' * 50)) for _ in range(1050)]"
    session = either("echo yes > ok", verify=[{"name": "ok", "run": f'python3 -c "{deep}"'}]).run()
    assert session.outcome == "passed", session.outcome_message
    for folder in ("sessions", "worktrees"):
        assert not list((settings.DATA_DIR / folder).glob("**/ddd*"))
