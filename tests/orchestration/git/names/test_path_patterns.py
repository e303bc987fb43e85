"""Patterns of paths: within a name, across folders, and of a whole folder."""

import pytest

from orchestration.git.names import path_patterns


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.py", ["a.py", ".py"], ["a/b.py", "a.pyc", "apy"]),
        ("src/", ["src/a", "src/a/b"], ["src", "srcs/a", "x/src/a"]),
        ("**/conftest.py", ["conftest.py", "a/conftest.py", "a/b/conftest.py"], ["xconftest.py", "a/xconftest.py"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b/a/c"]),
        ("a?.txt", ["ab.txt"], ["a.txt", "a/.txt", "abc.txt"]),
        ("a+b(c)", ["a+b(c)"], ["aab(c)"]),
    ],
)
def test_a_pattern_matches_these_whole_names_and_not_those(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [name for name in (*yes, *no) if path_patterns.matches(pattern, name)] == yes
