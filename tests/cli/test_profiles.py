"""Servers, tokens and where they are kept."""

import stat

from tests.cli.terminal import URL, Terminal
from tests.factories import a_token, a_workspace
from workspaces.models import ApiToken, Workspace


def test_without_a_server_the_first_command_asks_for_a_login(stranger: Terminal) -> None:
    outcome = stranger("status")
    assert (outcome.code, outcome.out) == (4, "") and "muster login URL" in outcome.err


def test_a_login_is_kept_for_its_owner_alone(stranger: Terminal, workspace: Workspace) -> None:
    token = a_token()
    outcome = stranger("login", f"{URL}/", "--with-token", stdin=f"{token}\n")
    assert outcome.code == 0 and "Shop" in outcome.out and token not in outcome.out + outcome.err
    assert stat.S_IMODE(stranger.config.stat().st_mode) == 0o600
    assert stranger("status").code == 0


def test_a_token_that_the_server_does_not_take_is_not_kept(stranger: Terminal, workspace: Workspace) -> None:
    assert stranger("login", URL, "--with-token", stdin="nonsense").code == 4
    assert not stranger.config.exists()


def test_a_token_that_is_none_is_refused(stranger: Terminal) -> None:
    for text in ("", "two words", "line\nbreak", "naïve"):
        assert stranger("login", URL, "--with-token", stdin=text).code == 2


def test_a_revoked_token_asks_for_a_login(muster: Terminal) -> None:
    ApiToken.objects.all().delete()
    outcome = muster("status")
    assert outcome.code == 4 and "expired or was revoked" in outcome.err


def test_a_refused_token_of_the_environment_is_not_met_with_a_login(muster: Terminal) -> None:
    muster.set("MUSTER_TOKEN", "muster_wrong")
    for command in (("status",), ("api", "todo", "-w", "ws_x")):
        outcome = muster(*command)
        assert outcome.code == 4 and "MUSTER_TOKEN is set" in outcome.err and "muster login" not in outcome.err


def test_a_login_next_to_a_token_of_the_environment_names_the_winner(muster: Terminal) -> None:
    assert "commands use it, and not this login" in muster("login", URL, "--with-token", stdin=a_token()).err
    named = muster("login", URL, "--with-token", "--profile", "two", stdin=a_token())
    assert "MUSTER_TOKEN" not in named.err and named.out.endswith("Next: muster status --profile two\n")


def test_a_profile_is_renewed_under_its_own_name(stranger: Terminal, workspace: Workspace) -> None:
    stranger("login", URL, "--with-token", "--profile", "two", stdin=a_token())
    ApiToken.objects.all().delete()
    assert f"muster login {URL} --profile two\n" in stranger("status", "--profile", "two").err
    assert "muster login URL --profile three\n" in stranger("status", "--profile", "three").err


def test_each_profile_has_its_own_server(stranger: Terminal, workspace: Workspace) -> None:
    bakery = a_workspace(name="Bakery")
    stranger("login", URL, "--with-token", "-w", workspace.pk, stdin=a_token(workspace))
    stranger("login", URL, "--with-token", "--profile", "bakery", stdin=a_token(bakery))
    assert stranger.json("status")["workspace"] == workspace.pk
    assert stranger.json("status", "--profile", "bakery")["workspace"] == bakery.pk
    assert stranger.json("--profile", "bakery", "status")["workspace"] == bakery.pk
    stranger.set("MUSTER_PROFILE", "bakery")
    assert stranger.json("status")["workspace"] == bakery.pk
    assert stranger("status", "--profile", "nowhere").code == 2


def test_profiles_are_listed_without_their_tokens(stranger: Terminal, workspace: Workspace) -> None:
    from muster_cli.profiles import Profile, save

    assert stranger("profiles").out == "No profiles yet: muster login URL\n"
    token = a_token()
    stranger("login", URL, "--with-token", stdin=token)
    save(Profile("old", "https://old.example", "secret", "Shop", "2020-01-01T00:00:00+00:00"))
    save(Profile("new", "https://new.example", "secret", "", "2999-01-01T00:00:00+00:00"))
    out = stranger("profiles").out
    assert "expired: muster login https://old.example --profile old" in out and "2999-01-01 00:00 UTC" in out
    assert token not in out and "secret" not in out + stranger("profiles", "-o", "json").out
    assert [row["name"] for row in stranger.json("profiles")["profiles"]] == ["default", "old", "new"]


def test_a_saved_token_goes_to_no_other_server(stranger: Terminal, workspace: Workspace) -> None:
    stranger("login", URL, "--with-token", stdin=a_token())
    stranger.set("MUSTER_URL", "http://other.example")
    outcome = stranger("status")
    assert outcome.code == 4 and "No token for http://other.example" in outcome.err


def test_an_address_is_completed(stranger: Terminal) -> None:
    from muster_cli.profiles import checked_url

    assert checked_url("localhost:8765/") == "http://localhost:8765"
    assert checked_url("muster.example.com") == "https://muster.example.com"
    for bad in ("ftp://a", "https://", "https://a:b", "https://u:p@a", "https://a/?x=1"):
        assert stranger("login", bad, "--with-token", stdin="t").code == 2, bad


def test_a_config_file_that_is_broken_is_named(stranger: Terminal) -> None:
    stranger.config.parent.mkdir()
    stranger.config.write_text("profiles = 3")
    assert str(stranger.config) in stranger("status").err
    stranger.config.write_text("[profiles")
    assert stranger("status").code == 1


def test_any_text_survives_the_config_file(stranger: Terminal) -> None:
    from muster_cli import profiles

    kept = profiles.Profile("a", "https://a", 'quote " backslash \\ bell \x07 ünïcödé 😀', "Shop = [1]")
    profiles.save(kept)
    assert profiles.load("a") == kept
