"""Whatever an agent writes into the .git of its clone, Muster's git runs nothing of it, reads nothing else for it, and moves nothing else."""

import os
import zlib
from dataclasses import replace
from hashlib import sha1
from pathlib import Path

import pytest

from orchestration.git.clones.safety import untrusted
from orchestration.git.clones.safety.records import Record
from orchestration.git.clones.safety.wrapping import bare
from orchestration.git.clones.store import importing
from tests.orchestration.git.clones.conftest import Site
from tests.orchestration.git.repositories import git, try_git, write


@pytest.fixture
def evil(site: Site) -> str:
    """A program that must never run."""
    program = write(site.root.parent / "evil", f"#!/bin/sh\ntouch {site.ran}\ncat\n")
    program.chmod(0o755)
    return str(program)


def test_settings_filters_hooks_and_aliases_of_a_clone_run_nothing(site: Site, evil: str) -> None:
    site.prepare()
    site.agent("config", "extensions.worktreeConfig", "true")
    for setting in ("filter.j.clean", "filter.j.smudge", "core.fsmonitor", "core.hooksPath", "alias.add", "core.sshCommand"):
        write(site.path / ".git/config.worktree", "")
        git(site.path, "config", setting, evil)
    git(site.path, "config", "--worktree", "filter.j.process", evil)
    for hook in ("pre-commit", "post-index-change", "reference-transaction", "post-checkout"):
        write(site.path / ".git/hooks" / hook, f"#!/bin/sh\n{evil}\n").chmod(0o755)
    write(site.path / ".git/info/attributes", "* filter=j\n")
    write(site.path / ".gitattributes", "* filter=j diff=j merge=j\n")
    write(site.path / "work", "mine\n")
    assert site.commit().findings == ()
    assert git(site.repo, "show", "muster/e1:work") == "mine"
    site.prepare()
    assert "evil" not in (site.path / ".git/config").read_text()
    assert not (site.path / ".git/hooks").exists()


def test_a_submodule_with_settings_of_its_own_runs_nothing(site: Site, evil: str) -> None:
    site.prepare()
    inner = site.path / "sub"
    git(site.path, "init", "--quiet", str(inner))
    write(inner / "file", "x\n")
    git(inner, "add", "--all")
    git(inner, "commit", "--quiet", "-m", "inner")
    site.agent("add", "sub")
    site.agent("commit", "--quiet", "-m", "a link")
    git(inner, "config", "core.fsmonitor", evil)
    git(inner, "config", "filter.j.clean", evil)
    write(inner / ".git/info/attributes", "* filter=j\n")
    write(inner / "file", "y\n")  # of the same size: git must read it to see the change
    site.commit()
    assert git(site.repo, "ls-tree", "muster/e1", "sub").startswith("160000")
    assert (site.path / "sub/.git").is_dir(), "it is there again"


def test_an_alternate_to_another_repository_refuses_the_commits_and_keeps_the_files(site: Site) -> None:
    site.prepare()
    stolen = git(site.other, "rev-parse", "HEAD")
    alternates = site.path / ".git/objects/info/alternates"
    alternates.write_text(alternates.read_text() + f"{site.other}/.git/objects\n")
    site.agent("reset", "--quiet", "--soft", stolen)
    write(site.path / "work", "mine\n")
    [finding] = site.commit().findings
    assert "objects/info/alternates" in finding
    assert site.files() == ["one", "two", "work"]
    assert try_git(site.repo, "cat-file", "-e", stolen)[0] != 0


@pytest.mark.parametrize("name", ["objects/info/alternates", "objects/pack", "objects", "HEAD", "refs", "packed-refs", "index"])
@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_a_part_of_git_that_is_no_longer_what_it_was_neither_blocks_nor_leads_elsewhere(site: Site, name: str, kind: str) -> None:
    site.prepare()
    part = site.path / ".git" / name
    stolen = git(site.other, "rev-parse", "HEAD")
    write(site.path / ".git/refs/heads/muster/e1", f"{stolen}\n")
    if os.path.lexists(part):
        part.rename(site.root.parent / "was")
    if kind == "link":
        part.symlink_to(site.other / ".git" / name)
    elif kind == "fifo":
        os.mkfifo(part)
    else:
        part.mkdir()
    write(site.path / "work", "mine\n")
    site.commit()
    assert site.files() == ["one", "two", "work"]
    assert try_git(site.repo, "cat-file", "-e", stolen)[0] != 0
    assert not site.prepare().fresh and site.agent("status", "--porcelain") == ""


@pytest.mark.parametrize("kind", ["file", "link", "fifo", "nothing"])
def test_a_git_that_is_no_folder_loses_no_file(site: Site, kind: str) -> None:
    site.prepare()
    own = site.path / ".git"
    own.rename(site.root.parent / "was")
    if kind == "file":
        own.write_text(f"gitdir: {site.other}/.git\n")
    elif kind == "link":
        own.symlink_to(site.other / ".git")
    elif kind == "fifo":
        os.mkfifo(own)
    write(site.path / "work", "mine\n")
    site.commit()
    assert site.files() == ["one", "two", "work"]
    assert git(site.other, "status", "--porcelain") == "" and git(site.other, "for-each-ref").count("\n") == 0


def test_refs_and_reflogs_of_the_clone_mean_nothing_to_the_users_repository(site: Site) -> None:
    site.prepare()
    mine = site.agent_commits()
    for ref in (
        "refs/heads/main",
        "refs/heads/muster/integration",
        "refs/heads/muster/e2",
        "refs/muster/landed/ws",
        "refs/tags/v9",
    ):
        site.agent("update-ref", ref, mine)
    log = site.path / ".git/logs/refs/heads/muster/integration"
    write(log, f"{mine} {mine} Muster <muster@localhost> 1 +0000\tmuster: land\n")
    site.commit()
    assert git(site.repo, "rev-parse", "muster/e1") == mine


def loose(path: Path, kind: str, content: bytes) -> str:
    """Write an object past git's own checks."""
    data = f"{kind} {len(content)}\0".encode() + content
    sha = sha1(data).hexdigest()
    file = path / ".git/objects" / sha[:2] / sha[2:]
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(zlib.compress(data))
    return sha


@pytest.mark.parametrize("name", ["..", ".git", ".GIT", "a/b", ""])
def test_a_tree_that_would_write_outside_of_itself_is_refused(site: Site, name: str) -> None:
    base = site.prepare().base_sha
    blob = loose(site.path, "blob", b"#!/bin/sh\n")
    tree = loose(site.path, "tree", b"100644 " + name.encode() + b"\0" + bytes.fromhex(blob))
    text = f"tree {tree}\nparent {base}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nevil\n"
    commit = loose(site.path, "commit", text.encode())
    write(site.path / ".git/refs/heads/muster/e1", f"{commit}\n")
    write(site.path / "work", "mine\n")
    [finding] = site.commit().findings
    assert finding.startswith("commits_refused: ")
    assert site.files() == ["one", "two", "work"]
    assert try_git(site.copy.store.path, "cat-file", "-e", commit)[0] != 0, "the store does not have it"


@pytest.mark.parametrize("missing", ["the commit", "its tree"])
def test_a_head_that_names_what_is_not_there_is_refused(site: Site, missing: str) -> None:
    base = site.prepare().base_sha
    text = f"tree {'1' * 40}\nparent {base}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nhalf\n"
    commit = loose(site.path, "commit", text.encode()) if missing == "its tree" else "2" * 40
    write(site.path / ".git/HEAD", f"{commit}\n")
    write(site.path / "work", "mine\n")
    [finding] = site.commit().findings
    assert finding.startswith("commits_refused: ")
    assert site.files() == ["one", "two", "work"]


@pytest.mark.parametrize(("bound", "value"), [("MAX_BYTES", 2000), ("MAX_OBJECTS", 3), ("MAX_FILES", 2)])
def test_more_than_the_bounds_is_refused_and_the_files_are_kept(
    site: Site, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(importing, bound, value)
    site.prepare()
    (site.path / "big").write_bytes(os.urandom(100_000))
    site.agent_commits("a")
    site.agent_commits("b")
    [finding] = site.commit().findings
    assert finding.startswith("commits_refused: ")
    assert site.files() == ["a", "b", "big", "one", "two"]
    assert list(site.copy.store.objects.glob("pack/tmp*")) == []


def test_replaced_and_grafted_commits_are_imported_as_they_are(site: Site) -> None:
    base = site.prepare().base_sha
    mine = site.agent_commits()
    write(site.path / "two", "hidden\n")
    site.agent("commit", "--quiet", "--all", "-m", "hides a change")
    last = site.agent("rev-parse", "HEAD")
    site.agent("replace", last, mine)
    write(site.path / ".git/info/grafts", f"{last} {base}\n")
    write(site.path / ".git/shallow", f"{last}\n")
    site.commit()
    assert git(site.repo, "log", "--format=%H", f"{base}..muster/e1").split() == [last, mine]
    assert git(site.repo, "diff", "--name-only", base, "muster/e1").split() == ["mine", "two"]


def test_a_folder_that_became_a_link_is_not_followed(site: Site) -> None:
    site.prepare()
    site.path.rename(site.root.parent / "was")
    site.path.symlink_to(site.other)
    with pytest.raises(Exception, match="no working copy"):
        site.commit()
    assert not site.copy.exists()


def test_a_wrapper_starts_the_only_git_that_reads_what_an_agent_wrote(site: Site) -> None:
    """It gets the paths that a sandbox must let it read, and its pipes are all it needs besides."""
    calls: list[list[str]] = []

    def wrap(argv, *, readable):
        calls.append(list(argv))
        assert [path.name for path in readable] == ["view", "objects"] and all(path.is_absolute() for path in readable)
        return ["env", "--chdir=/", *argv]

    site.prepare()
    copy = replace(site.copy, wrap=wrap)
    copy.commit("nothing of its own")
    assert calls == [], "an agent that did not commit costs nothing"
    mine = site.agent_commits()
    copy.commit("round 1")
    assert [call for call in calls if "pack-objects" not in call] == [] and len(calls) == 1
    assert git(site.repo, "rev-parse", "muster/e1") == mine


def test_a_commit_without_its_files_never_reaches_the_store(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the packer says: it ran where the agent is."""
    site.prepare()
    commit = site.agent_commits()

    monkeypatch.setattr(importing, "_pack", lambda *_: None)  # as one that ends well, having written an empty pack
    before = sorted(path.name for path in site.copy.store.objects.rglob("*"))
    with pytest.raises(importing.Refused, match="not whole"):
        importing.take(site.copy.store, site.path, [commit], known=[], wrap=bare)
    assert sorted(path.name for path in site.copy.store.objects.rglob("*")) == before


@pytest.mark.parametrize("name", ["link", "folder/link"])
def test_a_link_is_not_read_wherever_it_stands(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("of somebody else")
    (tmp_path / "top/folder").mkdir(parents=True)
    (tmp_path / "top" / name).symlink_to(tmp_path / "secret")
    (tmp_path / "top/plain").write_text("own")
    assert untrusted.read(tmp_path / "top", name, limit=100) is None
    assert untrusted.read(tmp_path / "top", "plain", limit=100) == b"own"


def test_commits_of_the_agent_that_were_not_taken_over_keep_the_clone(site: Site) -> None:
    site.prepare()
    site.commit()
    site.agent_commits("mine")
    (site.path / "mine").unlink()  # its files are as Muster left them
    assert not site.copy.discard() and site.path.exists()


@pytest.mark.parametrize("state", ["rebase-merge", "rebase-apply"])
def test_a_rebase_that_has_yet_to_begin_keeps_the_clone(site: Site, state: str) -> None:
    """HEAD is still where Muster left it, and the commits to pick are named in its folder alone."""
    site.prepare()
    site.commit()
    (site.path / ".git" / state).mkdir()
    assert not site.copy.discard() and site.path.exists()


def test_whatever_lies_among_the_objects_of_a_clone_is_left_out(site: Site) -> None:
    site.prepare()
    mine = site.agent_commits()
    objects = site.path / ".git/objects"
    (objects / "ab").mkdir(exist_ok=True)
    for name in ("ab/notes", f"ab/{'1' * 38}", "pack/pack-1.keep", f"pack/pack-{'1' * 40}.idx"):
        (objects / name).symlink_to(site.other / "secret")
    os.mkfifo(objects / "ab/pipe")
    (objects / "abc").mkdir()
    (objects / "abc" / ("2" * 38)).write_text("x")
    assert site.commit().findings == ()
    assert git(site.repo, "rev-parse", "muster/e1") == mine


def test_work_that_was_on_no_branch_of_the_users_survives_the_loss_of_the_store(site: Site) -> None:
    site.prepare()
    write(site.path / "work", "mine\n")
    site.commit()
    git(site.repo, "update-ref", "-d", "refs/heads/muster/e1")
    untrusted.remove(site.copy.store.path)
    write(site.path / "more", "mine too\n")
    assert not site.prepare().fresh
    assert site.files() == ["more", "one", "two", "work"]


def test_work_on_two_branches_that_no_session_committed_is_joined_before_the_next_one(site: Site) -> None:
    site.prepare()
    site.agent_commits("mine")
    site.agent("checkout", "--quiet", "-b", "side", "HEAD~1")
    site.agent_commits("aside")
    site.prepare()  # its worker was killed meanwhile
    assert site.files() == ["aside", "mine", "one", "two"]
    assert site.agent("status", "--porcelain") == "" and (site.path / "mine").exists() and (site.path / "aside").exists()


def test_a_clone_whose_files_are_being_brought_to_a_commit_is_kept(site: Site) -> None:
    """Its worker was killed in between."""
    site.prepare()
    site.commit()
    record = Record.of(site.path)
    state = record.read()
    assert state is not None
    record.write(replace(state, is_moving=True))
    assert not site.copy.discard() and site.path.exists()
    record.write(state)
    assert site.copy.discard() and not site.path.exists()
