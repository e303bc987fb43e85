"""What a sandbox hides from an agent is said before the first cent; and what may not lie where an agent writes."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from orchestration.configuration import load, reach_of_judges, secrets
from orchestration.models import LogChunk
from orchestration.worker import agent_checks, trial_run
from tests.factories import ANA, a_token
from tests.orchestration.worker.sessions.shop import Shop

Make = Callable[..., Shop]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    (folder / "agents/helpers").mkdir(parents=True)
    (folder / "agents/helpers/__init__.py").write_text("")
    monkeypatch.setenv("HOME", str(folder))
    return folder


def an_agent(home: Path, text: str) -> str:
    (home / "agents/mine.py").write_text(text)
    return f"{sys.executable} {home}/agents/mine.py"


def checked(work: Shop) -> tuple[bool, str]:
    return agent_checks.check(work.workspace.pk)


def test_a_module_next_to_the_script_is_named_and_shown_once_the_config_lets_it(shop: Make, home: Path) -> None:
    command = an_agent(home, "import helpers\n")
    ok, message = checked(shop(command))
    assert not ok and f"The sandbox does not show {home}/agents/helpers: let it read this?" in message


def test_a_module_next_to_a_script_among_its_arguments_is_named(shop: Make, home: Path) -> None:
    an_agent(home, "import helpers\n")
    ok, message = checked(shop(agent={"command": [sys.executable], "args": [f"{home}/agents/mine.py"]}))
    assert not ok and f"The sandbox does not show {home}/agents/helpers: let it read this?" in message


def test_with_the_folder_in_the_config_it_sees_it(shop: Make, home: Path) -> None:
    ok, message = checked(shop(an_agent(home, "import helpers\n"), sandbox={"read": [f"{home}/agents"]}))
    assert ok and "does not show" not in message


def test_a_file_that_it_opens_is_named(shop: Make, home: Path) -> None:
    (home / "data.json").write_text("{}")
    ok, message = checked(shop(an_agent(home, f"open('{home}/data.json')\n")))
    assert not ok and f"does not show {home}/data.json" in message


def test_what_lies_next_to_a_silent_agent_is_named(shop: Make, home: Path) -> None:
    ok, message = checked(shop(an_agent(home, "pass\n")))
    assert ok and "what else lies in" in message and "(helpers)" in message


def test_the_agent_knows_a_trial_and_gets_nothing(shop: Make, home: Path) -> None:
    kept = home / "kept"
    kept.mkdir()
    text = f"""
import os, socket, sys
assert os.environ["MUSTER_TRIAL"] == "1" and os.environ["MUSTER_BUDGET_USD"] == "0.000000"
assert "MUSTER_TOKEN" not in os.environ and os.environ["API_KEY"] == "trial"
assert "nothing to do" in open(os.environ["MUSTER_PROMPT_FILE"]).read() and os.environ["MUSTER_SPEC_FILE"]
assert os.path.exists("README")
open("new", "w").write("x")
for harm in (lambda: open("{kept}/x", "w"), lambda: socket.create_connection(("1.1.1.1", 80), 3)):
    try:
        harm()
    except OSError:
        continue
    sys.exit(9)
"""
    work = shop(an_agent(home, text), sandbox={"write": [str(kept)]})
    secrets.put(work.workspace.pk, "API_KEY", "sk-very-secret", by=ANA)
    ok, message = checked(work)
    assert ok and "exit code" not in message, message
    assert list(kept.iterdir()) == [] and not LogChunk.objects.exists() and work.git("status", "--porcelain") == ""


def test_a_trial_that_does_not_end_is_ended(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_run, "TRIAL_S", 0.5)
    ok, message = checked(shop("sleep 600; touch ok"))
    assert ok and "exit code" not in message
    ok, message = checked(shop("yes"))  # its output is bounded
    assert ok


def test_what_the_agents_own_command_names_stays_writable_below_write(shop: Make, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    notes = state / "notes.txt"
    agent = f"echo round >> {notes}; mv {notes} {notes}.new && mv {notes}.new {notes}; echo yes > ok"
    work = shop(agent, sandbox={"write": [str(state)]})
    assert [work.run().outcome for _ in range(2)] == ["passed", "passed"]
    assert notes.read_text() == "round\nround\n"


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("key", ["verify", "setup"])
def test_a_judge_below_write_is_refused_with_its_property(shop: Make, tmp_path: Path, key: str, there: bool) -> None:
    place = tmp_path / "shared"
    place.mkdir()
    if there:
        (place / "judge.sh").write_text("exit 0\n")
    command = f"sh {place}/judge.sh"
    change = {"verify": [{"name": "judge", "run": command}]} if key == "verify" else {"setup": [command]}
    response = Client().patch(
        f"/api/v1/workspaces/{shop().workspace.pk}/orchestration/config",
        {**change, "sandbox": {"write": [str(place)]}},
        content_type="application/json",
        headers={"Authorization": f"Bearer {a_token()}"},
    )
    assert response.status_code == 400, response.content
    text = str(response.json())
    assert ("verify.0.run" if key == "verify" else "setup.0") in text and "rewrite what judges" in text


def test_a_judge_that_is_a_link_into_write_or_is_found_on_the_path_is_refused_too(
    shop: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "venv"
    (place / "bin").mkdir(parents=True)
    (place / "bin/judge").write_text("#!/bin/sh\n")
    (place / "bin/judge").chmod(0o755)
    (tmp_path / "link").symlink_to(place / "bin/judge")
    monkeypatch.setenv("PATH", f"{place}/bin:/usr/bin:/bin")

    def problems(run: str, **more: object) -> list[str]:
        return [
            *reach_of_judges.problems(load({"verify": [{"name": "j", "run": run}], "sandbox": {"write": [str(place)]} | more}))
        ]

    assert problems("judge --all") == problems(f"{tmp_path}/link") == ["verify.0.run"]
    assert problems("test -f ok") == [] and problems("judge", mode="none") == []
