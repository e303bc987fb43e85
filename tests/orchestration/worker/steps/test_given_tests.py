"""The test files of an entry stand in the working copy as they were given, whatever an agent made of them."""

from pathlib import Path

import pytest

from orchestration.git.changes import Changes
from orchestration.models import Entry
from orchestration.worker.steps import given_tests, implementing
from orchestration.worker.steps.work import Work
from tests.orchestration.git.repositories import a_repository, git, write


def test_they_are_named_as_git_names_them() -> None:
    assert (
        given_tests.of(Entry(spec={"test_files": {"./t/a.py": "1"}})) == {"t/a.py": "1"} and given_tests.of(Entry(spec={})) == {}
    )


@pytest.mark.parametrize("state", ["missing", "other", "longer", "folder", "link", "linked folder", "same"])
def test_they_are_written_again_where_they_differ(tmp_path: Path, state: str) -> None:
    folder, outside = tmp_path / "copy", tmp_path / "outside"
    folder.mkdir()
    write(outside / "a.py", "true text")
    path = folder / "t" / "a.py"
    if state in ("other", "longer", "same"):
        write(path, {"other": "x", "longer": "true text more", "same": "true text"}[state])
    elif state == "folder":
        write(path / "inner", "x")
    elif state == "link":
        path.parent.mkdir()
        path.symlink_to(outside / "a.py")
    elif state == "linked folder":
        (folder / "t").symlink_to(outside)
    assert given_tests.put({"t/a.py": "true text"}, folder) == ([] if state == "same" else ["t/a.py"])
    assert path.read_text() == "true text" and path.resolve() == folder.resolve() / "t" / "a.py"
    assert (outside / "a.py").read_text() == "true text"


def findings(repo: Path, base: str, *changed: str, declared: tuple[str, ...] = ()) -> list[str]:
    commit = git(repo, "rev-parse", "HEAD")
    linking = [name for name in changed if name == "lib"]
    unnamed = [name for name in changed if name not in declared]
    return implementing.broken_rules(repo, Work(base, commit, "", Changes([*changed], linking, {}), unnamed, [], [], []))


def test_links_to_other_repositories_are_findings_unless_the_entry_names_them(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo")
    base = git(repo, "rev-parse", "HEAD")
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{base},lib")
    write(repo / ".gitmodules", "")
    git(repo, "add", ".gitmodules")
    git(repo, "commit", "--quiet", "-m", "links")
    linking = findings(repo, base, ".gitmodules", "lib", "pkg/.gitmodules")
    assert [finding.split(" leads")[0] for finding in linking] == ["submodule_changed: .gitmodules", "submodule_changed: lib"]
    assert findings(repo, base, ".gitmodules", "lib", declared=(".gitmodules", "lib")) == []


@pytest.mark.parametrize("name", [".gitattributes", "pkg/.gitattributes"])
def test_a_filter_of_files_is_a_finding_where_its_file_changed(tmp_path: Path, name: str) -> None:
    repo = a_repository(tmp_path / "repo")
    base = git(repo, "rev-parse", "HEAD")
    write(repo / name, "*.bin filter=lfs\n")
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", "filters")
    [finding] = findings(repo, base, name)
    assert finding.startswith("filter_added: ") and finding.endswith(": take it out")
    assert findings(repo, base, "one") == []
