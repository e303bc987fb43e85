"""Passwords of addresses and credentials of headers are masked in what a remote may repeat of a git command."""

import base64

import pytest

from orchestration.git import credentials

BASIC = base64.b64encode(b"ana:password-of-ana").decode()


def masked(text: str, *command: str, remotes: str = "", **env: str) -> str:
    return credentials.mask(["push", *command], env, remotes)(f"<{text}>").strip("<>")


def test_the_passwords_of_every_address_are_masked_each_by_its_own_name() -> None:
    command = ("https://ana:first-password@git.example/a.git", "main")
    remotes = "remote.origin.url https://second-token@git.example/b.git\nremote.x.url git@git.example:c.git\n"
    assert masked("first-password", *command, remotes=remotes) == "[secret of the repository]"
    assert masked("second-token", *command, remotes=remotes) == "[secret of the repository1]"
    assert masked("git.example main", *command, remotes=remotes) == "git.example main"


@pytest.mark.parametrize(
    ("header", "text", "shown"),
    [
        (f"Authorization: Basic {BASIC}", BASIC, "[secret of the request]"),
        (f"Authorization: basic {BASIC}", "password-of-ana", "[secret of the repository]"),
        ("Authorization: Bearer token-of-a-worker", "token-of-a-worker", "[secret of the request]"),
        ("Authorization: Basic no-base64-at-all!", "no-base64-at-all!", "[secret of the request]"),
        ("Authorization: Bearer token-of-a-worker", "Authorization", "Authorization"),
    ],
)
def test_the_credentials_of_a_header_are_masked_and_of_basic_ones_the_password_alone_too(
    header: str, text: str, shown: str
) -> None:
    assert masked(text, GIT_CONFIG_VALUE_0=header) == shown


def test_only_values_of_gits_configuration_are_headers() -> None:
    assert (
        masked("token-of-a-worker", GIT_CONFIG_KEY_0="http.extraHeader", OTHER="Authorization: Bearer token-of-a-worker")
        == "token-of-a-worker"
    )
