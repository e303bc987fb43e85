"""Clones are of the person who began them, few at once, shown without passwords, and not kept for ever."""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestration.configuration import cloning
from tests.factories import a_workspace
from workspaces.errors import Invalid, NotFound

pytestmark = pytest.mark.django_db
URL = "https://ana:s3cret@git.example.com/shop.git"
NOW = 1_800_000_000.0
DEAD = 2**22 + 1  # beyond the greatest pid


@pytest.fixture(autouse=True)
def no_clones(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that is started stays at work, and does nothing."""
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(cloning, "_clone", lambda *_: None)
    monkeypatch.setattr(cloning, "time", SimpleNamespace(time=lambda: NOW))


def change(token: str, **fields: Any) -> None:
    path = cloning._folder() / f"{token}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_a_clone_is_shown_to_its_person_alone_and_without_its_password() -> None:
    token = cloning.start(URL, {"name": "Shop"}, user_id=1)
    clone = cloning.find(token, user_id=1)
    assert (clone.state, clone.form, clone.url, clone.error) == ("cloning", {"name": "Shop"}, URL, "")
    assert clone.shown_url == "https://…@git.example.com/shop.git" and clone.path == cloning._folder() / token
    assert (cloning._folder() / f"{token}.json").stat().st_mode & 0o777 == 0o600
    change(token, state="failed", error=f"fatal: {URL} not found")
    assert cloning.find(token, user_id=1).error == "fatal: https://…@git.example.com/shop.git not found"
    for name, user_id in ((token, 2), ("0" * 16, 1), ("../x", 1), (f"{token}x", 1)):
        with pytest.raises(NotFound):
            cloning.find(name, user_id=user_id)
    cloning.forget(token)
    with pytest.raises(NotFound):
        cloning.find(token, user_id=1)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "cloning"),
        ({"pid": DEAD}, "failed"),
        ({"since": NOW - cloning.TIMEOUT_S - 61}, "failed"),
        ({"since": NOW - cloning.TIMEOUT_S - 60}, "cloning"),
        ({"state": "done", "pid": DEAD}, "done"),
    ],
)
def test_a_clone_of_a_server_that_died_or_hangs_has_failed(fields: dict[str, Any], state: str) -> None:
    token = cloning.start(URL, {}, user_id=1)
    change(token, **fields)
    clone = cloning.find(token, user_id=1)
    assert clone.state == state and (clone.error != "") is (state == "failed")


def test_only_those_that_still_run_keep_others_waiting() -> None:
    tokens = [cloning.start(URL, {}, user_id=n) for n in range(cloning.MAX_AT_ONCE)]
    with pytest.raises(Invalid, match="try again in a minute"):
        cloning.start(URL, {}, user_id=9)
    change(tokens[0], pid=DEAD)
    replaced = cloning.start(URL, {}, user_id=9)
    change(replaced, state="done")
    (cloning._folder() / "odd.json").write_text("{")
    assert cloning.start(URL, {}, user_id=9)


def test_what_became_no_workspace_within_a_day_is_removed() -> None:
    kept, used, fresh = (cloning.start(URL, {}, user_id=1) for _ in range(3))
    for token, seconds in ((kept, cloning.TTL_S + 1), (used, cloning.TTL_S + 1), (fresh, cloning.TTL_S - 60)):
        (cloning._folder() / token).mkdir()
        change(token, state="done", since=NOW - seconds)
    a_workspace(repo=str(cloning._folder() / used))
    later = cloning.start(URL, {}, user_id=1)
    assert {path.name for path in cloning._folder().iterdir()} == {used, fresh, f"{fresh}.json", f"{later}.json"}


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://x/y", True),
        ("ssh://x/y", True),
        ("git://x/y", True),
        ("git@host:team/shop.git", True),
        ("file:///etc", False),
        ("ext::sh -c id", False),
        ("-x@host:y", False),
        ("https://x/ y", False),
        ("https://x\n", False),
        ("/srv/shop", False),
    ],
)
def test_a_url_is_by_https_ssh_or_git(url: str, fits: bool) -> None:
    if fits:
        assert cloning.is_url(url) and cloning.start(url, {}, user_id=os.getpid())
    else:
        with pytest.raises(Invalid, match="git URL by https, ssh or git"):
            cloning.start(url, {}, user_id=1)
