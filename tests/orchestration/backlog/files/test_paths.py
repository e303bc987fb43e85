import pytest

from orchestration.backlog.files.paths import BadPath, LockTable, deceives, normalise, normalise_all


@pytest.mark.parametrize(
    ("given", "expected"),
    [("a.py", "a.py"), ("./src//api/", "src/api/"), ("src/./x", "src/x"), ("caf\u0065\u0301", "caf\u00e9")],
)
def test_paths_are_normalised(given: str, expected: str) -> None:
    assert normalise(given) == expected


@pytest.mark.parametrize(
    "path",
    ["", " ", "/etc/passwd", "..", "a/../b", "a\\b", "a\x00b", "-x", "~/x", ".git/hooks/x", "./", "a\nb", "\ud800", "x" * 1025],
)
def test_a_path_outside_the_repository_is_refused(path: str) -> None:
    with pytest.raises(BadPath):
        normalise(path)


@pytest.mark.parametrize(
    "path",
    ["a/.git/x", "a/.GIT", ".git /x", "a/.git./x", "a/git~1/x", "GIT~1", "a/.git:stream", ".g\u200cit/x", "a/.git ..:x/y"],
)
def test_what_some_system_takes_for_the_folder_of_git_is_refused_at_any_depth(path: str) -> None:
    with pytest.raises(BadPath, match=r"in \.git"):
        normalise(path)


@pytest.mark.parametrize("path", [".gitignore", "a/.gitattributes", "a.git/x", "git/x", "git~2/x", ".gita", "x.git"])
def test_names_that_only_look_like_it_are_paths(path: str) -> None:
    assert normalise(path) == path


def test_paths_under_a_listed_directory_are_left_out() -> None:
    assert normalise_all(["src/a.py", "src/", "b.py", "./b.py", "srcx"]) == ["b.py", "src/", "srcx"]


def test_a_lock_on_a_name_covers_all_under_it() -> None:
    table = LockTable([("a", "one"), ("b/c/d", "two")])
    assert table.blocker("a/x", "two") == ("a", "one")
    assert table.blocker("b/", "one") == ("b", "two")
    assert table.blocker("b/c", "two") is None
    assert table.blocker("c", "one") is None


@pytest.mark.parametrize(
    "path",
    [
        "src/\u202eyp.txt",
        "src/a\u200b.py",
        "src/p\u0430y.py",  # a Cyrillic letter in a Latin word
        "src/\u0441\u043e\u0440\u0435.py",  # nothing but letters that look Latin
        "src/a.py ",
        " src/a.py",
        "src /a.py",
        "src/a.py.",
        "src/\uff41.py",
        "src/a\u00a0b.py",
        "src\u2044a.py",
    ],
)
def test_a_path_that_a_person_takes_for_another_one_deceives(path: str) -> None:
    assert deceives(path)


@pytest.mark.parametrize(
    "path",
    [
        "src/a.py",
        ".github/x.yml",
        "docs/\u0442\u0435\u0441\u0442\u044b.md",
        "caf\u00e9/na\u00efve.txt",
        "a b/c.txt",
        "\u65e5\u672c.md",
        "src/",
    ],
)
def test_a_path_in_any_language_is_what_it_looks_like(path: str) -> None:
    assert deceives(path) == ""
