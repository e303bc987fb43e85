"""A path that a sandbox hides and a process looked for is named: by the check before the first cent, and in the log of a round."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.configuration import secrets
from orchestration.models import Executor, LogChunk, Session
from orchestration.sessions.sandbox.missing import Missing
from orchestration.worker import agent_checks
from tests.factories import ANA
from tests.orchestration.worker.sessions.shop import Shop, rounds_of

Make = Callable[..., Shop]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "home/data").mkdir(parents=True)
    (tmp_path / "home/data/large").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def missing(home: Path, *lines: str, shown: tuple[str, ...] = ("/usr",)) -> list[str]:
    reader = Missing(str(home), shown, lambda path: path.startswith(f"{home}/hidden"))
    for line in lines:
        reader.read(line)
    return [sentence.split("show ")[1].split(": let")[0] for sentence in reader.sentences()]


def test_a_complaint_about_a_path_of_the_host_names_it(home: Path) -> None:
    assert missing(home, f"cat: {home}/data/large: No such file or directory") == [f"{home}/data/large"]
    assert missing(home, "FileNotFoundError: [Errno 2] No such file or directory: '~/data/large'") == [f"{home}/data/large"]


def test_what_is_not_on_the_host_or_shown_or_hidden_or_no_complaint_is_not_named(home: Path) -> None:
    (home / "hidden").mkdir()
    lines = [
        f"{home}/nowhere: No such file or directory",
        "/usr/bin/env: not found",
        f"{home}/hidden: not found",
        f"read {home}/data",
    ]
    assert missing(home, *lines) == []


def test_a_check_that_needs_a_folder_of_the_host_names_it_in_its_findings(shop: Make, home: Path, tmp_path: Path) -> None:
    (home / "bin").mkdir()
    (home / "bin/check").write_text(f"#!/bin/sh\ncat {home}/data/large\n")
    (home / "bin/check").chmod(0o755)
    session = shop("echo yes > ok", verify=[{"name": "data", "run": "~/bin/check"}]).run()
    sentence = f"The sandbox does not show {home}/data/large: let it read this? Add it to sandbox.read in the config."
    assert sentence in rounds_of(session)[0].findings[0]
    assert sentence in [text for chunk in LogChunk.objects.filter(session=session) for _, _, text in chunk.lines]


def test_with_the_folder_in_the_config_it_passes(shop: Make, home: Path) -> None:
    (home / "bin").mkdir()
    (home / "bin/check").write_text(f"#!/bin/sh\ncat {home}/data/large\n")
    (home / "bin/check").chmod(0o755)
    work = shop("echo yes > ok", verify=[{"name": "data", "run": "~/bin/check"}], sandbox={"read": ["~/data"]})
    assert work.run().outcome == Session.Outcome.PASSED


def test_a_cli_is_started_in_the_sandbox_before_the_first_cent(shop: Make, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "bin").mkdir()
    (home / "bin/claude").write_text(f"#!/bin/sh\ncat {home}/data/large && echo 2.1.0\n")
    (home / "bin/claude").chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}/bin:/usr/bin:/bin")
    work = shop({"kind": "claude_code"})
    secrets.put(work.workspace.pk, "ANTHROPIC_API_KEY", "sk-something", by=ANA)
    ok, message = agent_checks.check(work.workspace.pk)
    assert not ok and f"does not show {home}/data/large: let it read this? Add it to sandbox.read" in message
    row = Executor.objects.get(pk=work.workspace.pk)
    Executor.objects.filter(pk=row.pk).update(config={**row.config, "sandbox": {"read": ["~/data"]}})
    ok, message = agent_checks.check(work.workspace.pk)
    assert ok and message.endswith("Processes start in a sandbox (bubblewrap), on the host's network.")
