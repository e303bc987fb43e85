"""The store: a cache that owns its objects, is made anew where it is missing or damaged, and costs little where nothing changed."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestration.git import branches, changes
from orchestration.git import command as git_command
from orchestration.git.clones import working_copies
from orchestration.git.clones.store import packs, stores
from orchestration.git.command import GitError
from tests.orchestration.git import copies
from tests.orchestration.git.clones.conftest import INTEGRATION, Site
from tests.orchestration.git.repositories import a_repository, git, write


def whole(site: Site) -> bool:
    store = site.copy.store
    return store.run("fsck", "--strict", "--no-dangling", "--connectivity-only", git(site.repo, "rev-parse", INTEGRATION)) == ""


def test_it_owns_its_objects_and_never_tidies_up(site: Site) -> None:
    site.prepare()
    store = site.copy.store
    assert not (store.objects / "info/alternates").exists()
    assert [git(store.path, "config", name) for name in ("gc.auto", "maintenance.auto")] == ["0", "false"]
    assert git(store.path, "for-each-ref") == ""
    tip = git(site.repo, "rev-parse", INTEGRATION)
    (site.repo / ".git").rename(site.repo / "gone")
    assert store.run("log", "--format=%s", tip) == "start"
    (site.repo / "gone").rename(site.repo / ".git")


@pytest.mark.parametrize("lost", ["all of it", "objects", "config", "known", "HEAD", "a pack"])
def test_what_is_missing_is_made_anew(site: Site, lost: str) -> None:
    site.prepare()
    write(site.path / "work", "mine\n")
    site.commit()
    store = site.copy.store
    if lost == "all of it":
        shutil.rmtree(store.path)
    elif lost == "objects":
        shutil.rmtree(store.objects)
    elif lost == "a pack":
        for folder in store.objects.glob("[0-9a-f]*"):
            shutil.rmtree(folder)
    else:
        (store.path / lost).unlink()
    changes._listing.cache_clear()  # a worker that has read many trees since
    again = site.prepare()
    assert (again.path / "work").read_text() == "mine\n" and site.agent("status", "--porcelain") == ""
    write(site.path / "more", "mine\n")
    site.commit()
    assert site.files() == ["more", "one", "two", "work"] and whole(site)


def test_work_that_was_not_committed_survives_a_lost_store(site: Site) -> None:
    site.prepare()
    site.agent_commits()
    write(site.path / "work", "mine\n")
    shutil.rmtree(site.copy.store.path)
    site.prepare()
    assert site.files() == ["mine", "one", "two", "work"]


def test_a_damaged_object_is_fetched_again(site: Site) -> None:
    site.prepare()
    tip = git(site.repo, "rev-parse", INTEGRATION)
    for _ in range(2):
        for file in site.copy.store.objects.glob("[0-9a-f][0-9a-f]/*"):
            file.chmod(0o600)
            file.write_bytes(b"")
        with working_copies.checkout(site.copy.store, site.root, "check", tip) as clean:
            assert (clean / "one").read_text() == "1\n"
        assert whole(site)
    aside = [folder.name for folder in site.copy.store.path.parent.iterdir() if folder.name.startswith("damaged-")]
    assert aside == [f"damaged-{site.copy.store.path.name}"], "of damaged ones the last is kept"


@pytest.mark.parametrize("killed_in", ["pack-objects", "unpack-objects", "read-tree"])
def test_killed_at_any_step_the_next_one_finishes(site: Site, monkeypatch: pytest.MonkeyPatch, killed_in: str) -> None:
    class Killed(BaseException):
        pass

    real = git_command.start

    def start(line, env, **streams):
        if killed_in in line:
            raise Killed
        return real(line, env, **streams)

    monkeypatch.setattr(git_command, "start", start)
    with pytest.raises(Killed):
        site.prepare()
    monkeypatch.setattr(git_command, "start", real)
    site.prepare()
    assert (site.path / "one").read_text() == "1\n" and whole(site)


def test_many_at_once_make_one_store_and_fetch_its_first_pack_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = a_repository(tmp_path / "repo")
    branches.ensure_integration(repo, INTEGRATION, "main")
    sent, send = list[list[str]](), packs.send
    monkeypatch.setattr(
        packs, "send", lambda source, target, wants, **more: sent.append(wants) or send(source, target, wants, **more)
    )
    with ThreadPoolExecutor(8) as pool:
        prepared = list(pool.map(lambda n: copies.prepare(repo, tmp_path / "root", f"e{n}", INTEGRATION), range(8)))
    assert {(copy.path / "one").read_text() for copy in prepared} == {"1\n"}
    assert sent == [[git(repo, "rev-parse", INTEGRATION)]]


def test_what_it_has_is_not_sent_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.prepare()
    commands: list[str] = []
    real = git_command.start

    def start(line, env, **streams):
        commands.append(next(word for word in line[line.index("--literal-pathspecs") + 1 :] if word in KNOWN))
        return real(line, env, **streams)

    monkeypatch.setattr(git_command, "start", start)
    copies.prepare(site.repo, site.root, "e2", INTEGRATION)
    assert commands == ["read-tree", "update-ref"]
    commands.clear()
    write(site.root / "e2/work", "mine\n")
    copies.commit(site.repo, site.root / "e2", "round")
    assert commands == ["ls-files", "add", "write-tree", "commit-tree", "pack-objects", "unpack-objects", "update-ref"]
    commands.clear()
    with working_copies.checkout(site.copy.store, site.root, "check", git(site.repo, "rev-parse", "muster/e2")):
        assert commands == ["read-tree"]
    git(site.repo, "branch", "-D", "muster/e2")


KNOWN = (
    "rev-parse",
    "read-tree",
    "update-ref",
    "add",
    "write-tree",
    "commit-tree",
    "pack-objects",
    "unpack-objects",
    "ls-tree",
    "ls-files",
)


def test_a_commit_that_the_users_repository_has_lost_is_delivered_again(site: Site) -> None:
    site.prepare()
    write(site.path / "work", "mine\n")
    first = site.commit().sha
    git(site.repo, "update-ref", "-d", "refs/heads/muster/e1")
    git(site.repo, "reflog", "expire", "--expire=now", "--all")
    git(site.repo, "gc", "--quiet", "--prune=now")
    site.prepare()
    assert git(site.repo, "rev-parse", "muster/e1") == first and site.files() == ["one", "two", "work"]
    assert git(site.repo, "fsck", "--strict", "--no-dangling") == ""


def test_a_tag_that_the_branch_contains_only_later_names_its_version_then(site: Site) -> None:
    ahead = git(site.repo, "commit-tree", "main^{tree}", "-p", "main", "-m", "released")
    git(site.repo, "tag", "v2", ahead)
    site.prepare()
    assert site.agent("tag") == ""
    git(site.repo, "update-ref", f"refs/heads/{INTEGRATION}", ahead)
    site.prepare()
    assert site.agent("describe", "--tags") == "v2"
    git(site.repo, "tag", "-d", "v2")
    git(site.repo, "update-ref", f"refs/heads/{INTEGRATION}", "main")


def test_a_new_tag_in_a_folder_of_tags_is_noticed(site: Site) -> None:
    git(site.repo, "tag", "pkg/v1", "main")
    site.prepare()
    git(site.repo, "tag", "pkg/v2", "main")
    site.prepare()
    assert site.agent("tag").split() == ["pkg/v1", "pkg/v2"]
    git(site.repo, "tag", "-d", "pkg/v1", "pkg/v2")


def test_checks_can_name_the_version_of_a_commit(site: Site) -> None:
    git(site.repo, "tag", "-a", "v1.2", "-m", "version", "main")
    tip = git(site.repo, "rev-parse", INTEGRATION)
    site.prepare()
    assert site.agent("describe") == "v1.2"
    with working_copies.checkout(site.copy.store, site.root, "check", tip) as clean:
        assert git(clean, "describe", "--always", "--dirty") == "v1.2"
        texts = [file.read_bytes() for file in (clean / ".git").rglob("*") if file.is_file()]
        assert not any(str(site.repo).encode() in text for text in texts), "no way leads to the user's .git"
    git(site.repo, "tag", "v1.3", "main")
    git(site.repo, "tag", "v9", git(site.repo, "commit-tree", "main^{tree}", "-p", "main", "-m", "of another line"))
    site.prepare()
    assert site.agent("tag").split() == ["v1.2", "v1.3"]
    for name in ("v1.2", "v1.3", "v9"):
        git(site.repo, "tag", "-d", name)


def test_a_shallow_repository_is_worked_on_as_far_as_it_goes(tmp_path: Path) -> None:
    full = a_repository(tmp_path / "full")
    for n in range(3):
        write(full / "one", f"{n}\n")
        git(full, "commit", "--quiet", "--all", "-m", f"change {n}")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{full}", str(tmp_path / "repo"))
    repo = tmp_path / "repo"
    branches.ensure_integration(repo, INTEGRATION, "main")
    copy = copies.prepare(repo, tmp_path / "root", "e1", INTEGRATION)
    assert git(copy.path, "log", "--format=%s") == "change 2"
    write(copy.path / "work", "mine\n")
    copies.commit(repo, copy.path, "round")
    git(copy.path, "commit", "--quiet", "--allow-empty", "-m", "the agent's own")
    sha = copies.commit(repo, copy.path, "round")
    assert git(repo, "log", "--format=%s", str(sha)).split("\n") == ["the agent's own", "round", "change 2"]
    assert git(repo, "fsck", "--strict", "--no-dangling") == ""


def test_a_partial_clone_of_the_users_is_filled_up(tmp_path: Path) -> None:
    full = a_repository(tmp_path / "full")
    git(full, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", "--no-checkout", f"file://{full}", str(tmp_path / "repo"))
    repo = tmp_path / "repo"
    branches.ensure_integration(repo, INTEGRATION, "main")
    copy = copies.prepare(repo, tmp_path / "root", "e1", INTEGRATION)
    assert (copy.path / "one").read_text() == "1\n"
    full.rename(tmp_path / "away")
    write(copy.path / "work", "mine\n")
    sha = copies.commit(repo, copy.path, "round")
    assert git(repo, "ls-tree", "--name-only", str(sha)).split() == ["one", "two", "work"]


@pytest.mark.parametrize("filter_", ["lfs", "git-crypt"])
def test_a_repository_whose_files_need_a_filter_is_refused_with_a_sentence(tmp_path: Path, filter_: str) -> None:
    repo = a_repository(tmp_path / "repo", one="1\n", **{"assets__.gitattributes": f"*.bin filter={filter_} diff=lfs -text\n"})
    branches.ensure_integration(repo, INTEGRATION, "main")
    with pytest.raises(GitError, match=f"assets/.gitattributes of the repository uses {filter_}"):
        copies.prepare(repo, tmp_path / "root", "e1", INTEGRATION)


def test_a_large_pack_stays_a_pack(site: Site) -> None:
    for n in range(150):
        write(site.repo / f"many/{n}", f"{n}\n")
    git(site.repo, "checkout", "--quiet", "-b", "side")
    git(site.repo, "add", "--all")
    git(site.repo, "commit", "--quiet", "-m", "many")
    stores.bring(site.copy.store, git(site.repo, "rev-parse", "side"))
    assert len(list(site.copy.store.objects.glob("pack/*.pack"))) == 1
    git(site.repo, "checkout", "--quiet", "main")
    git(site.repo, "branch", "-D", "side")


def test_many_packs_get_one_index_and_none_is_lost(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "UNPACK_LIMIT", 1)
    monkeypatch.setattr(stores, "MANY_PACKS", 3)
    site.prepare()
    folder = site.copy.store.objects / "pack"
    assert not stores.index_packs(site.copy.store.path)
    for n in range(3):
        site.agent_commits(f"file-{n}")
        site.commit()
    before = sorted(folder.glob("*.pack"))
    assert stores.index_packs(site.copy.store.path) and (folder / "multi-pack-index").exists()
    assert sorted(folder.glob("*.pack")) == before and whole(site)
    assert not stores.index_packs(site.copy.store.path)
    site.agent_commits("after")
    site.commit()
    assert "after" in site.files() and site.agent("fsck", "--connectivity-only", "--no-dangling") == ""


@pytest.mark.parametrize("words", ["the branch could not be moved", "unable to read tree"])
def test_a_problem_that_is_none_of_the_store_is_raised_and_renews_nothing(site: Site, words: str) -> None:
    site.prepare()
    store, tip = site.copy.store, git(site.repo, "rev-parse", INTEGRATION)
    tried: list[int] = []

    def fail() -> None:
        tried.append(1)
        raise GitError("update-ref", words)

    with pytest.raises(GitError, match=words):
        stores.using(store, [tip], fail)
    assert len(tried) == 1 and not (store.path.parent / f"damaged-{store.path.name}").exists()
