"""Forges that are known by the address of a repository."""

import pytest

from orchestration import forges


@pytest.mark.parametrize(
    ("origin", "address"),
    [
        ("https://github.com/ana/shop.git", "https://github.com/ana/shop/compare/main...muster"),
        ("https://token@github.com/ana/shop", "https://github.com/ana/shop/compare/main...muster"),
        ("git@github.com:ana/shop.git", "https://github.com/ana/shop/compare/main...muster"),
        ("ssh://git@gitlab.example.org/a/b/shop.git", "https://gitlab.example.org/a/b/shop/-/compare/main...muster"),
        ("https://git.example.org/ana/shop.git", ""),
        ("/srv/git/shop", ""),
        ("", ""),
    ],
)
def test_two_branches_are_compared_at_the_forges_that_are_known(origin: str, address: str) -> None:
    assert forges.compare_url(origin, "main", "muster") == address
