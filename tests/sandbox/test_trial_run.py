"""A trial run names, before the first cent, what a sandbox hides; a judge that agents may write is refused."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from orchestration.configuration import Agent, load, secrets, writable_judges
from orchestration.git.command import GitError
from orchestration.models import LogChunk
from orchestration.sessions.sandbox import Decision, Sandboxes
from orchestration.sessions.sandbox.missing import Missing
from orchestration.worker import agent_checks, trial_run
from tests.factories import ANA, a_token, a_workspace
from tests.orchestration.worker.sessions.shop import Shop

Make = Callable[..., Shop]
TINY = Path(__file__).parents[1] / "orchestration/worker/agents/acp_agent.py"


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


def test_an_acp_agent_is_asked_who_it_is(shop: Make, home: Path) -> None:
    (home / "script.json").write_text('{"turns": []}')
    ok, message = checked(shop(agent={"kind": "acp", "command": [sys.executable, str(TINY), f"{home}/script.json"]}))
    assert ok and "exit code" not in message


def test_a_program_that_speaks_no_acp_is_named(shop: Make, home: Path) -> None:
    an_agent(home, "pass\n")
    _, message = checked(shop(agent={"kind": "acp", "command": [sys.executable, f"{home}/agents/mine.py"]}))
    assert "ended with exit code 1" in message and "the agent ended with exit code 0" in message


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


def judged(home: Path, output: str, *, code: int | None = 0, **agent: Any) -> tuple[bool, str]:
    """The trial's result for an agent that printed this. Its sandbox shows the system and the agent's own file."""
    (home / "agents/mine.py").write_text("")
    shown = ["/usr", f"{home}/agents/mine.py"]
    sandboxes: Any = SimpleNamespace(missing=lambda: Missing(str(home), shown, lambda path: path.endswith("/hidden")))
    command = agent or {"command": f"python3 {home}/agents/mine.py"}
    return trial_run._judged(Agent(**command), sandboxes, code, output)


def needs(home: Path, *names: str) -> tuple[bool, str]:
    shown = [
        f"The sandbox does not show {home}/{name}: let it read this? Add it to sandbox.read in the config." for name in names
    ]
    return False, " ".join(["A trial run shows what its agent needs and does not see.", *shown])


@pytest.mark.parametrize(
    ("output", "named"),
    [
        ("ModuleNotFoundError: No module named 'helper'", ["agents/helper.py"]),
        ("ModuleNotFoundError: No module named 'helper.deep'", ["agents/helper.py"]),
        ("ModuleNotFoundError: No module named 'helpers.deep'", ["agents/helpers"]),
        ("Error: Cannot find module './lib'\n\nRequire stack:\n- mine.js", ["agents/lib.js"]),
        ("Error: Cannot find module './lib.js'", ["agents/lib.js"]),
        ("Error: Cannot find module 'helpers/deep'", ["agents/helpers"]),
        ("in `require': cannot load such file -- tool (LoadError)", ["agents/tool.rb"]),
        ("No module named 'tool'\nCannot find module 'lib'\nNo module named 'lib'", ["agents/lib.js", "agents/tool.rb"]),
        ("cat: ~/data.json: No such file or directory\nNo module named 'lib'", ["data.json", "agents/lib.js"]),
        ("No such file or directory: '{home}/agents/lib.js'\nNo module named 'lib'", ["agents/lib.js"]),
    ],
)
@pytest.mark.parametrize("code", [0, 1, None])
def test_a_file_that_it_looks_for_next_to_its_script_is_named_as_needed(
    home: Path, output: str, named: list[str], code: int | None
) -> None:
    for name in ("agents/helper.py", "agents/lib.js", "agents/tool.rb", "agents/other.py", "data.json", "helper.py"):
        (home / name).write_text("")
    assert judged(home, output.format(home=home), code=code) == needs(home, *named)


def test_a_module_from_elsewhere_caches_and_what_is_hidden_are_not_named(home: Path) -> None:
    for name in ("__pycache__", ".git", ".venv", "node_modules", "hidden"):
        (home / "agents" / name).mkdir()
    (home / "agents/helpers/__init__.py").unlink()
    (home / "agents/helpers").rmdir()
    for output in ("", "No module named 'requests'", "No module named 'hidden'", "Cannot find module 'node_modules'"):
        assert judged(home, output) == (True, "")


@pytest.mark.parametrize(
    ("code", "output", "words"),
    [
        (3, "one\nlast words\n\n", "A trial run without a network ended with exit code 3: last words."),
        (3, " \n", "A trial run without a network ended with exit code 3: no output."),
        (3, "x" * 300, f"A trial run without a network ended with exit code 3: {'x' * 200}."),
        (0, "last words", ""),
        (None, "last words", ""),
    ],
)
def test_a_trial_that_fails_or_is_silent_is_a_remark(home: Path, code: int | None, output: str, words: str) -> None:
    for name in "abcdef":
        (home / f"agents/{name}.py").write_text("")
    neighbours = f"what else lies in {home}/agents (a.py, b.py, c.py, d.py, e.py): add it to sandbox.read if needed."
    assert judged(home, output, code=code) == (True, f"{words} The sandbox does not show {neighbours}".strip())
    (home / "bin").mkdir()
    (home / "bin/alone.py").write_text("")
    answer = judged(home, output, code=code, command=[f"{home}/bin/none.py"], args=["--of", f"{home}/bin"])
    assert answer == (True, words), "only files are scripts"
    first = judged(home, output, code=code, command=["python3"], args=[f"{home}/agents/mine.py"])
    assert first == (True, f"{words} The sandbox does not show {neighbours}".strip())


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The calls that run in the sandbox. Each succeeds and misses nothing."""
    calls: list[Any] = []

    def run_inside(sandboxes: Sandboxes, command: list[str], variables: dict[str, str], *, folder: Path, timeout_s: float) -> Any:
        calls.append((sandboxes, command, variables, {path.name: path.read_text() for path in folder.iterdir()}, timeout_s))
        return 0, ""

    monkeypatch.setattr(trial_run.host_faults, "run_inside", run_inside)
    monkeypatch.setattr(Sandboxes, "missing", lambda sandboxes: Missing("/", ["/"], lambda path: True))
    return calls


def boxes_of(agent: Agent, *, confined: bool = True) -> Sandboxes:
    config = load({"agent": agent.model_dump(), "sandbox": {"network": "open", "read": ["/srv/a"], "write": ["/srv/b"]}})
    return Sandboxes(config, a_workspace(), Decision(confined), "check")


@pytest.mark.django_db
def test_a_trial_sees_all_that_a_round_sees_and_can_change_and_reach_nothing(
    tried: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> str:
        raise GitError("rev-parse", "no commit")

    monkeypatch.setattr(trial_run.branch, "start_point", away)
    agent = Agent(command="mine --fast", args=["--more"], env={"COLOUR": "red", "API_KEY": "own"})
    sandboxes = boxes_of(agent)
    secrets.put(sandboxes.workspace.pk, "API_KEY", "sk-very-secret", by=ANA)
    secrets.put(a_workspace(name="Other").pk, "OTHER_KEY", "sk-very-secret", by=ANA)
    assert trial_run.of(agent, sandboxes, sandboxes.workspace) == (True, "")
    [(strict, command, variables, files, timeout_s)] = tried
    sandbox = sandboxes.config.sandbox.model_copy(update={"network": "none", "read": ["/srv/a", "/srv/b"], "write": []})
    assert strict.config == sandboxes.config.model_copy(update={"sandbox": sandbox}) and sandboxes.config.sandbox.write == [
        "/srv/b"
    ]
    assert strict.decision == Decision(True, network="none") and command == ["sh", "-c", "mine --fast", "--more"]
    spec = {"id": "trial", "content": trial_run.NOTHING_TO_DO, "spec": {}}
    assert files == {"muster-trial.md": trial_run.NOTHING_TO_DO, "muster-trial.json": json.dumps(spec)} and timeout_s == 10
    assert variables == {
        "COLOUR": "red",
        "API_KEY": "trial",
        "MUSTER_TRIAL": "1",
        "MUSTER_WORKSPACE_ID": sandboxes.workspace.pk,
        "MUSTER_PHASE": "implementation",
        "MUSTER_ROUND": "1",
        "MUSTER_BUDGET_USD": "0.000000",
        "MUSTER_PROMPT_FILE": "/work/check/muster-trial.md",
        "MUSTER_SPEC_FILE": "/work/check/muster-trial.json",
    }


@pytest.mark.django_db
def test_without_a_sandbox_or_a_command_nothing_is_tried(tried: list[Any]) -> None:
    agent = Agent(command="mine")
    sandboxes = boxes_of(agent, confined=False)
    assert trial_run.of(agent, sandboxes, sandboxes.workspace) == (True, "")
    assert trial_run.of(Agent(kind="codex"), boxes_of(agent), sandboxes.workspace) == (True, "") and tried == []


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
            *writable_judges.problems(load({"verify": [{"name": "j", "run": run}], "sandbox": {"write": [str(place)]} | more}))
        ]

    assert problems("judge --all") == problems(f"{tmp_path}/link") == ["verify.0.run"]
    assert problems("test -f ok") == [] and problems("judge", mode="none") == []
