"""Submodules of a clone follow the pins of its base, whatever an agent left in them."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from orchestration.git import branches
from orchestration.git.clones import submodules
from tests.faults.harness import until
from tests.orchestration.git import copies
from tests.orchestration.git.repositories import a_repository, git, write

FROM_DISK = ("-c", "protocol.file.allow=always")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return a_repository(tmp_path / "library", version="1\n")


@pytest.fixture
def repo(tmp_path: Path, library: Path) -> Path:
    """With the library as its submodule `lib`."""
    repo = a_repository(tmp_path / "repo")
    git(repo, *FROM_DISK, "submodule", "add", "-q", str(library), "lib")
    git(repo, "commit", "-qm", "with a library")
    branches.ensure_integration(repo, "integration", "main")
    return repo


def move_pin(repo: Path, library: Path) -> None:
    write(library / "version", "2\n")
    git(library, "commit", "-qam", "two")
    git(repo / "lib", *FROM_DISK, "pull", "-q")
    git(repo, "commit", "-qam", "newer library")
    git(repo, "branch", "-f", "integration", "main")


def only_by_address(repo: Path, url: str) -> None:
    """Keep only the submodule's address, as in a clone that never initialised it."""
    git(repo, "config", "-f", str(repo / ".gitmodules"), "submodule.lib.url", url)
    git(repo, "commit", "-qam", "another address")
    git(repo, "branch", "-f", "integration", "main")
    shutil.rmtree(repo / ".git/modules")


def test_a_pin_that_moves_is_followed_over_an_agents_changes(repo: Path, library: Path, tmp_path: Path):
    tree = copies.prepare(repo, tmp_path / "root", "e1", "integration")
    assert (tree.path / "lib/version").read_text() == "1\n" and tree.missing == ()
    write(tree.path / "lib/version", "an agent's\n")
    move_pin(repo, library)
    again = copies.prepare(repo, tmp_path / "root", "e1", "integration")
    assert (again.path / "lib/version").read_text() == "2\n"
    assert git(again.path / "lib", "rev-parse", "HEAD") == git(library, "rev-parse", "HEAD")
    assert git(again.path, "status", "--porcelain") == ""


def test_a_library_in_a_library_of_the_same_name_has_its_own_files(repo: Path, library: Path, tmp_path: Path):
    inner = a_repository(tmp_path / "inner", depth="two\n")
    git(library, *FROM_DISK, "submodule", "add", "-q", str(inner), "lib")
    git(library, "commit", "-qm", "with one of its own")
    git(repo / "lib", *FROM_DISK, "pull", "-q")
    git(repo / "lib", *FROM_DISK, "submodule", "update", "-q", "--init")
    git(repo, "commit", "-qam", "newer library")
    git(repo, "branch", "-f", "integration", "main")
    for _ in range(2):
        tree = copies.prepare(repo, tmp_path / "root", "e1", "integration")
        files = {str(file.relative_to(tree.path)) for file in tree.path.rglob("*") if file.is_file() and ".git" not in file.parts}
        assert files == {".gitmodules", "one", "two", "lib/.gitmodules", "lib/version", "lib/lib/depth"} and tree.missing == ()
        heads = [git(tree.path / name, "rev-parse", "HEAD") for name in ("lib", "lib/lib")]
        assert heads == [git(library, "rev-parse", "HEAD"), git(inner, "rev-parse", "HEAD")]
        assert [git(tree.path / name, "status", "--porcelain") for name in (".", "lib", "lib/lib")] == [""] * 3
        (tree.path / "lib/.git").rename(tmp_path / "lost")  # placed anew, each from its own record
        shutil.rmtree(tmp_path / "lost")


def test_a_name_that_leads_out_of_the_users_submodules_opens_no_other_repository(repo: Path, tmp_path: Path):
    other = a_repository(tmp_path / "other", secret="of another user\n")
    stolen = git(other, "rev-parse", "HEAD")
    git(repo, "config", "-f", str(repo / ".gitmodules"), "submodule.../../../other/.git.path", "theirs")
    git(repo, "config", "-f", str(repo / ".gitmodules"), "submodule.../../../other/.git.url", "nowhere")
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{stolen},theirs")
    git(repo, "commit", "-qam", "with a name that climbs")
    git(repo, "branch", "-f", "integration", "main")
    tree = copies.prepare(repo, tmp_path / "root", "e1", "integration")
    assert list(tree.path.glob("theirs/*")) == []
    store = copies.copy_of(repo, tmp_path / "root").store
    assert store.attempt("cat-file", "-e", stolen)[0] != 0


def test_the_settings_that_an_agent_wrote_into_a_submodule_never_run(repo: Path, library: Path, tmp_path: Path):
    tree = copies.prepare(repo, tmp_path / "root", "e1", "integration")
    for key in ("core.fsmonitor", "core.sshCommand", "core.editor", "filter.x.smudge"):
        git(tree.path / "lib", "config", key, f"touch {tmp_path}/ran")
    write(tree.path / "lib/.git/info/attributes", "* filter=x\n")
    write(tree.path / "two", "2 and more\n")
    assert copies.commit(repo, tree.path, "Round 1")
    move_pin(repo, library)
    copies.prepare(repo, tmp_path / "root", "e1", "integration")
    assert not (tmp_path / "ran").exists()


def test_a_link_at_the_place_of_a_submodule_is_not_followed(repo: Path, library: Path, tmp_path: Path):
    tree = copies.prepare(repo, tmp_path / "root", "e1", "integration")
    shutil.rmtree(tree.path / "lib")
    (tmp_path / "outside").mkdir()
    (tree.path / "lib").symlink_to(tmp_path / "outside")
    move_pin(repo, library)
    again = copies.prepare(repo, tmp_path / "root", "e1", "integration")
    assert list((tmp_path / "outside").iterdir()) == []
    assert again.missing == () or "has no folder" in again.missing[0]


def test_a_link_above_the_place_of_a_submodule_is_not_followed(repo: Path, library: Path, tmp_path: Path):
    git(repo, *FROM_DISK, "submodule", "add", "-q", str(library), "libs/inner")
    git(repo, "commit", "-qm", "with another library")
    git(repo, "branch", "-f", "integration", "main")
    tree = copies.prepare(repo, tmp_path / "root", "e1", "integration")
    shutil.rmtree(tree.path / "libs")
    (tmp_path / "outside/inner").mkdir(parents=True)
    (tree.path / "libs").symlink_to(tmp_path / "outside")
    missing = submodules.put(copies.copy_of(repo, tmp_path / "root").store, tree.path, tree.base_sha)
    assert missing == ["The submodule libs/inner has no folder: something else is at its place."]
    assert list((tmp_path / "outside/inner").iterdir()) == []


def test_what_the_user_has_not_initialised_is_named(repo: Path, library: Path, tmp_path: Path):
    shutil.rmtree(repo / ".git/modules")
    tree = copies.prepare(repo, tmp_path / "root", "e1", "integration")
    assert list((tree.path / "lib").iterdir()) == []
    assert tree.missing[0].startswith("The submodule lib could not be fetched: it is not initialised in the repository")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a git server that has every repository below the test's folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ("--export-all", "--reuseaddr", f"--base-path={tmp_path}", "--listen=127.0.0.1", f"--port={port}")
    server = subprocess.Popen(["git", "daemon", *options], start_new_session=True)
    try:
        until(lambda: _answers(port), 20)
        yield f"git://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def test_a_submodule_comes_from_its_address_where_the_user_has_none(repo: Path, library: Path, tmp_path: Path, served: str):
    only_by_address(repo, f"{served}/library")
    write(library / "version", "2\n")
    git(library, "commit", "-qam", "two")  # what is pinned is no tip any more
    tree = copies.prepare(repo, tmp_path / "root", "e1", "integration")
    assert tree.missing == ()
    assert (tree.path / "lib/version").read_text() == "1\n"


@pytest.mark.parametrize(
    "url", ["ext::sh -c 'touch ran'", "--upload-pack=touch ran", "file:///etc", "https://-oProxyCommand=x/y"]
)
def test_an_address_that_is_no_plain_remote_is_not_fetched(repo: Path, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    only_by_address(repo, url)
    tree = copies.prepare(repo, tmp_path / "root", "e1", "integration")
    assert "lib could not be fetched" in tree.missing[0]
    assert not list(tmp_path.rglob("ran"))
