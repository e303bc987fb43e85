"""The configuration of stores and clones: the user's settings about file contents, and none that runs a program."""

from pathlib import Path

import pytest

from orchestration.git.clones.safety import config
from tests.orchestration.git.repositories import a_repository, git


@pytest.fixture(autouse=True)
def _read_anew() -> None:
    config.settings_of.cache_clear()


def settings_in(text: str, folder: Path) -> dict[str, str]:
    """The settings of the text, as git reads them."""
    (folder / "text").write_text(text)
    listed = git(folder, "config", "--file", str(folder / "text"), "--list", "-z")
    return dict(item.partition("\n")[::2] for item in listed.split("\0") if item)


def test_it_has_what_decides_about_contents_and_no_program(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo")
    value = 'auto "quoted" \\ and\nmore'
    for name, setting in (
        ("core.eol", "crlf"),
        ("core.excludesFile", value),
        ("core.fsmonitor", "evil"),
        ("filter.x.clean", "evil"),
        ("core.hooksPath", "/evil"),
    ):
        git(repo, "config", name, setting)
    settings = settings_in(config.text_for(repo, is_bare=True), tmp_path)
    assert settings["core.bare"] == "true" and settings["core.repositoryformatversion"] == "0"
    assert (settings["core.eol"], settings["core.excludesfile"]) == ("crlf", value)
    assert (settings["gc.auto"], settings["maintenance.auto"]) == ("0", "false")
    assert not any("evil" in setting for setting in settings.values())
    assert settings_in(config.text_for(repo, is_bare=False), tmp_path)["core.bare"] == "false"


def test_a_path_at_home_is_expanded_and_another_format_of_objects_is_kept(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--object-format=sha256", str(tmp_path / "repo"))
    git(tmp_path / "repo", "config", "core.excludesFile", "~/ignored")
    settings = settings_in(config.text_for(tmp_path / "repo", is_bare=True), tmp_path)
    assert (settings["core.repositoryformatversion"], settings["extensions.objectformat"]) == ("1", "sha256")
    assert settings["core.excludesfile"] == str(Path.home() / "ignored")
