"""Addresses of repositories as they are shown."""

import pytest

from workspaces.values.git_urls import without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ana:geheim@git.example.org:8443/a@b.git", "https://git.example.org:8443/a@b.git"),
        ("ssh://git@git.example.org/shop.git", "ssh://git.example.org/shop.git"),
        ("https://git.example.org/shop.git", "https://git.example.org/shop.git"),
        ("git@git.example.org:shop.git", "git@git.example.org:shop.git"),
        ("file:///srv/a@b.git", "file:///srv/a@b.git"),
        ("", ""),
    ],
)
def test_a_user_and_a_password_are_left_out(url: str, shown: str) -> None:
    assert without_password(url) == shown
