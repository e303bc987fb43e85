"""`muster edit` and `muster remove`: an entry that is in the backlog already."""

import json
import stat
from pathlib import Path

import pytest

from orchestration.models import Entry
from tests.cli.terminal import Terminal
from tests.factories import a_session, an_entry
from workspaces.models import Workspace

CONTENT = "Do it\n\nwith care"


@pytest.fixture
def entry(workspace: Workspace) -> Entry:
    return an_entry(workspace, content=CONTENT)


@pytest.fixture
def at_a_terminal(muster: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The editor and the questions see a terminal."""
    for name in ("commands.backlog.editor", "confirming"):
        module = __import__(f"muster_cli.{name}", fromlist=[name])
        monkeypatch.setattr(module, "sys", _Terminal(module.sys))


class _Terminal:
    """`sys` with streams that are a terminal."""

    def __init__(self, real: object) -> None:
        self.real = real

    def __getattr__(self, name: str) -> object:
        stream = getattr(self.real, name)
        return _Stream(stream) if name in ("stdin", "stdout") else stream


class _Stream:
    def __init__(self, real: object) -> None:
        self.real = real

    def isatty(self) -> bool:
        return True

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


def an_editor(muster: Terminal, tmp_path: Path, script: str) -> None:
    path = tmp_path / "an editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    muster.set("VISUAL", None)
    muster.set("EDITOR", f"'{path}'")
    (tmp_path / "texts").mkdir()
    muster.monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "texts"))


def test_an_entry_is_changed_by_options(muster: Terminal, workspace: Workspace, entry: Entry) -> None:
    before = an_entry(workspace)
    words = ["--priority", "high", "--budget", "2.5", "--rounds", "4", "--after", "2", "--edits", "a.py", "--group", "Dates"]
    row = muster.json("edit", "1", "--title", "Do more", *words)
    assert (row["content"], row["priority"], row["budget_usd"], row["budget_rounds"]) == (
        "Do more\n\nwith care",
        "high",
        2.5,
        4,
    )
    assert (row["depends_on"], row["spec"]["files_to_modify"], row["group"]) == ([before.pk], ["a.py"], "Dates")
    row = muster.json("edit", "1", "--after", "", "--edits", "", "--group", "")
    assert (row["depends_on"], row["spec"], row["group"]) == ([], {}, None)


def test_the_change_is_named(muster: Terminal, entry: Entry) -> None:
    assert muster("edit", "1", "--text", "-", "--priority", "low", stdin="Less\n").out == "Changed entry 1: task, priority.\n"
    assert muster("edit", "1", "--text", "Less").out == "Entry 1 is as it was.\n"


def test_other_parts_of_a_spec_stay(muster: Terminal) -> None:
    drafts = [{"content": "Do it", "spec": {"requirements": "Fast", "files_to_modify": ["a.py"]}}]
    muster("add", "--from", "-", stdin=json.dumps(drafts))
    spec = muster.json("edit", "1", "--edits", "b.py")["spec"]
    assert spec == {"requirements": "Fast", "files_to_modify": ["b.py"]}


def test_refusals_name_the_option(muster: Terminal, entry: Entry) -> None:
    for words, code, sentence in (
        (("--text", "a", "--title", "b"), 2, "Name either --text or --title."),
        (("--title", "a\nb"), 2, "--title: one line, and not an empty one."),
        (("--text", " "), 1, "The task: "),
        (("--edits", "../a"), 1, "--edits: "),
        (("--agent", "nobody"), 1, "--agent: The config has no agent"),
        (("--rounds", "1001"), 1, "--rounds: "),
        (("--after", "1"), 1, "--after: "),
        ((), 2, "Name what to change"),
    ):
        outcome = muster("edit", "1", *words)
        assert (outcome.code, outcome.out) == (code, "") and sentence in outcome.err, words
    a_session(entry)
    assert muster("edit", "1", "--text", "More").err.startswith("muster: The entry is in progress: stop its session first")


def test_the_task_is_edited_in_the_editor(muster: Terminal, entry: Entry, at_a_terminal: None, tmp_path: Path) -> None:
    an_editor(muster, tmp_path, 'sed -i "s/Do it/Do more/" "$1"')
    assert muster("edit", "1").out == "Changed entry 1: task.\n"
    entry.refresh_from_db()
    assert entry.content == "Do more\n\nwith care" and not list((tmp_path / "texts").iterdir())


def test_an_editor_that_changes_nothing_changes_nothing(
    muster: Terminal, entry: Entry, at_a_terminal: None, tmp_path: Path
) -> None:
    an_editor(muster, tmp_path, "true")
    assert muster("edit", "1").out == "Entry 1 is as it was.\n"
    muster.set("EDITOR", "false")
    assert muster("edit", "1").err.startswith("muster: The editor false failed: nothing was changed.")
    muster.set("EDITOR", "/no/such/editor")
    assert "cannot be started" in muster("edit", "1").err


def test_a_text_that_the_server_refuses_is_kept(
    muster: Terminal, entry: Entry, at_a_terminal: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_editor(muster, tmp_path, 'echo "much work" > "$1"')
    from muster_cli.commands.backlog import editor

    call = editor.subprocess.call

    def meanwhile(command: list[str]) -> int:
        Entry.objects.update(content="Something else")
        return int(call(command))

    monkeypatch.setattr(editor.subprocess, "call", meanwhile)
    outcome = muster("edit", "1")
    (kept,) = (tmp_path / "texts").iterdir()
    assert outcome.code == 1 and "was changed" in outcome.err and str(kept) in outcome.err
    assert kept.read_text() == "much work\n"


def test_an_entry_is_removed_once_a_person_agrees(muster: Terminal, entry: Entry, at_a_terminal: None) -> None:
    outcome = muster("remove", "1", stdin="n\n")
    assert (outcome.code, outcome.err) == (1, "Entry 1, Do it: pending. Remove it? [y/N] muster: Nothing was done.\n")
    assert muster("remove", "1", stdin="y\n").out == "Removed entry 1.\n"
    assert muster("entries", "1").code == 1


def test_without_a_terminal_a_removal_needs_yes(muster: Terminal, entry: Entry) -> None:
    assert muster("remove", "1").err == "muster: Without a terminal this needs --yes.\n"
    assert muster.json("remove", "1", "--yes") == {"deleted": True}


def test_an_entry_that_others_wait_for_is_not_removed(muster: Terminal, workspace: Workspace, entry: Entry) -> None:
    muster("add", "More", "--after", "1")
    outcome = muster("remove", "1", "--yes")
    assert outcome.code == 1 and outcome.err.startswith("muster: ") and "entryID" not in outcome.err
