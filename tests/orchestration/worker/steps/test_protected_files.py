"""The files that judge the work, and changes to them."""

from pathlib import Path

import pytest

from orchestration.backlog.files import paths
from orchestration.configuration import JUDGES, Check, Config
from orchestration.git import command as git
from orchestration.git.clones import checkouts
from orchestration.git.clones.safety.records import Record
from orchestration.git.clones.store.stores import Store
from orchestration.git.names import path_patterns
from orchestration.worker.steps import protected_files
from tests.orchestration.git.repositories import a_repository


@pytest.mark.parametrize(
    ("name", "judges"),
    [
        ("tests/test_a.py", True),
        ("pkg/tests/data.json", True),
        ("pkg/test_b.py", True),
        ("conftest.py", True),
        ("pkg/sub/conftest.py", True),
        ("web/app.test.tsx", True),
        ("server/x_test.go", True),
        ("src/contest.py", False),
        ("testing.md", False),
        ("src/latest.py", False),
    ],
)
def test_the_default_patterns(name: str, judges: bool) -> None:
    assert any(path_patterns.matches(pattern, name) for pattern in JUDGES) is judges


def test_files_that_a_check_names_judge_too() -> None:
    checks = [
        Check(name="a", run="sh ./ci/check.sh --file=data/expected.json"),
        Check(name="b", run=["pytest", "t/x.py::test_y"]),
    ]
    tracked = {"ci/check.sh", "data/expected.json", "t/x.py", "src/a.py"}
    assert protected_files.named_by(checks, tracked) == {"ci/check.sh", "data/expected.json", "t/x.py"}


def test_a_changed_judge_counts_unless_the_entry_names_it() -> None:
    changed = ["src/a.py", "tests/test_a.py", "tests/test_new.py", "conftest.py"]
    at_base = ["tests/test_a.py"]
    assert protected_files.tampered(changed, at_base=at_base, patterns=JUDGES) == ["conftest.py", "tests/test_a.py"]
    assert protected_files.tampered(paths.outside(["tests/"], changed), at_base=at_base, patterns=JUDGES) == ["conftest.py"]


def restore(repo: Path, base: str, names: list[str]) -> None:
    """In the user's own copy, which stands for a checkout."""
    Record.of(repo).folder.mkdir(parents=True)
    checkouts.restore(Store(repo.parent / "stores" / "ws", repo), repo, base, names)


def test_judges_are_restored(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo", **{"check.py": "assert work()\n"})
    (repo / "check.py").write_text("assert True\n")
    (repo / "conftest.py").write_text("everything passes\n")
    restore(repo, git.run(repo, "rev-parse", "HEAD"), ["check.py", "conftest.py"])
    assert (repo / "check.py").read_text() == "assert work()\n"
    assert not (repo / "conftest.py").exists()


@pytest.mark.parametrize("name", ["tests/pytest.ini", ".pytest.ini", "pkg/pytest.toml", "sitecustomize.py", "pytest.py"])
def test_a_new_file_that_configures_the_tests_counts(name: str) -> None:
    assert protected_files.tampered([name], at_base=[], patterns=JUDGES) == [name]


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("json.py", True),
        ("json.pyc", True),
        ("json.so", True),
        ("json.cpython-311-x86_64-linux-gnu.so", True),
        ("json/__init__.py", True),
        ("json/__init__.pyc", True),
        ("json/__init__.abi3.so", True),
        ("_pytest.pyc", True),
        ("pluggy/__init__.so", True),
        ("json/other.py", False),
        ("pkg/json.py", False),
        ("pkg/json/__init__.py", False),
        ("jsonx.py", False),
        ("json.pyi", False),
        ("json.txt", False),
        ("json", False),
        ("tests/test_new.py", False),
    ],
)
def test_a_new_file_counts_where_python_would_import_it_in_place_of_its_own(name: str, counts: bool) -> None:
    assert protected_files.tampered([name], at_base=[], patterns=JUDGES) == [name] * counts
    assert protected_files.tampered(paths.outside([name], [name]), at_base=[], patterns=JUDGES) == []


def test_only_bytecode_in_pythons_own_folder_counts_as_cached() -> None:
    cached = ["tests/__pycache__", "__pycache__/a.cpython-311.pyc", "tests/__pycache__/test_a.cpython-311-pytest-8.pyc"]
    others = ["a.pyc", "my__pycache__", "tests/__pycache__/notes.txt", "tests/__pycache__/below/a.pyc", "my__pycache__/a.pyc"]
    assert protected_files.cached_bytecode([*others, *cached]) == cached


def test_commands_are_read_as_a_shell_reads_them() -> None:
    tracked = {"a b.sh", "c.sh", "d.sh", "t"}
    for run, named in (
        ("sh 'a b.sh' # c.sh", {"a b.sh", "c.sh"}),
        ('sh "c.sh', set()),
        ("sh c.sh '", {"c.sh"}),
        (["sh", "-c", "./c.sh && d.sh"], {"c.sh", "d.sh"}),
        (["a b.sh"], set()),
        (["pytest", "t/"], {"t"}),
    ):
        assert protected_files.named_by([Check(name="x", run=run)], tracked) == named, run


def test_judges_are_the_protected_files_and_those_that_checks_name(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo", **{"ci.sh": "1", "tests__a.py": "1", "src__a.py": "1"})
    base, check = git.run(repo, "rev-parse", "HEAD").strip(), Check(name="x", run="sh ci.sh")
    assert protected_files.judges(repo, base, [check], ["tests/**"]) == ["ci.sh", "tests/a.py"]
    assert protected_files.judges(repo, base, [check], ["tests/**"], named=["tests/"]) == ["ci.sh"]
    assert protected_files.judges(repo, base, [], []) == []


def test_a_symlink_in_place_of_the_tests_is_replaced(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo", tests__test_a="assert work()", mine="1")
    base = git.run(repo, "rev-parse", "HEAD")
    (repo / "tests" / "test_a").unlink()
    (repo / "tests").rmdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (repo / "tests").symlink_to(outside)
    restore(repo, base, ["tests/test_a"])
    assert (repo / "tests" / "test_a").read_text() == "assert work()"
    assert not list(outside.iterdir())


def test_a_repository_in_place_of_a_judge_is_removed(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo")
    (repo / "conftest.py" / ".git").mkdir(parents=True)
    restore(repo, git.run(repo, "rev-parse", "HEAD"), ["conftest.py"])
    assert not (repo / "conftest.py").exists()


@pytest.mark.parametrize("pattern", ["**/**/**/**/x", "*a*a*a*ab", "a/**/b/**/c/**/d/**"])
def test_a_pattern_with_exponential_matching_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="may contain"):
        Config(protected=[pattern])
