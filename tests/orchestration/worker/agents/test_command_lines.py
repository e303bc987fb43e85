"""The whole command line, environment and configuration of each CLI, with what the workspace and its secrets add."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestration.configuration import Config
from orchestration.worker import agents
from orchestration.worker.agents import aider, claude_code, codex, gemini, mini_swe_agent, opencode, qwen
from orchestration.worker.agents.shared import conversation_ids
from orchestration.worker.agents.shared.interface import Task, Thread
from tests.orchestration.worker.agents.recorded import a_task


def a_task_of(folder: Path, kind: str, *, env: dict[str, str] | None = None, thread: Thread | None = None, **more: Any) -> Task:
    task = a_task(folder, kind=kind, thread=thread, **{"model": "maker/m-9", "args": ["-x"], **more})
    return replace(task, env=env or {})


def a_thread(folder: Path, id_: str = "0b1f0000-1") -> Thread:
    return Thread(id_, {"cwd": str(folder / "work")})


def test_claude_code_gets_its_limit_its_telemetry_and_both_hooks(tmp_path: Path) -> None:
    own = {"matcher": "Bash", "hooks": []}
    settings = {"hooks": {"PostToolUse": [own], "PreToolUse": "odd", "Stop": [own]}, "theme": "dark"}
    task = a_task_of(tmp_path, "claude_code", model="opus", settings=settings, env={"MUSTER_ROUND": "3"})
    launch = claude_code.start(replace(task, limit=4_321))
    assert launch.thread and launch.thread.totals == {"cwd": str(task.cwd)}
    assert launch.argv == [
        *("claude", "-p", "--session-id", launch.thread.id),
        *("--output-format", "stream-json", "--verbose", "--include-partial-messages", "--model", "opus"),
        *("--max-budget-usd", "0.004321", "--dangerously-skip-permissions"),
        *("--settings", str(task.home / "muster-settings.json"), "-x", "--", "Do it"),
    ]
    assert launch.env == {
        "CLAUDE_CONFIG_DIR": str(task.home / ".claude"),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "OTEL_EXPORTER_OTLP_ENDPOINT": task.endpoint,
        "OTEL_LOGS_EXPORT_INTERVAL": "200",
        "OTEL_RESOURCE_ATTRIBUTES": "muster.session_id=ses_1,muster.round=3",
    }
    before, after = (
        {"matcher": matcher, "hooks": [{"type": "http", "url": f"{task.endpoint}/hooks/{path}", "timeout": 30}]}
        for matcher, path in (("Edit|Write|MultiEdit|NotebookEdit", "pre-tool-use"), ("*", "post-tool-use"))
    )
    assert json.loads((task.home / "muster-settings.json").read_text()) == {
        "hooks": {"PostToolUse": [own, after], "PostToolUseFailure": [after], "PreToolUse": [before], "Stop": [own]},
        "theme": "dark",
    }


def test_claude_code_without_limit_and_endpoint_keeps_the_workspaces_settings(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"hooks": {"Stop": []}}
    task = a_task_of(tmp_path, "claude_code", model=None, args=["--permission-mode=plan"], settings=settings)
    launch = claude_code.start(replace(task, limit=0, endpoint=""))
    assert launch.argv[8:] == ["--settings", str(task.home / "muster-settings.json"), "--permission-mode=plan", "--", "Do it"]
    assert list(launch.env) == [
        "CLAUDE_CONFIG_DIR",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        "DISABLE_AUTOUPDATER",
        "IS_SANDBOX",
    ]
    assert json.loads((task.home / "muster-settings.json").read_text()) == settings


def test_codex_gets_its_own_key_before_openais_and_its_settings(tmp_path: Path) -> None:
    env = {"CODEX_API_KEY": "own", "OPENAI_API_KEY": "other", "OPENAI_BASE_URL": "http://gateway/v1"}
    providers = {"mine": {"name": "m"}}
    task = a_task_of(tmp_path, "codex", env=env, settings={"model": "old", "model_providers": providers})
    launch = codex.start(task)
    assert launch.argv == [
        *("codex", "exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"),
        *("-C", str(task.cwd), "-x", "--", "Do it"),
    ]
    assert launch.env == {"CODEX_HOME": str(task.home / ".codex"), "CODEX_API_KEY": "own"} and launch.thread is None
    own = {"name": "OPENAI_BASE_URL", "base_url": "http://gateway/v1", "wire_api": "responses", "env_key": "CODEX_API_KEY"}
    assert tomllib.loads((task.home / ".codex/config.toml").read_text()) == {
        "model": "maker/m-9",
        "model_provider": "muster",
        "model_providers": {**providers, "muster": own},
    }


def test_codex_without_a_key_or_with_an_address_of_the_workspace_gets_no_more_than_it_needs(tmp_path: Path) -> None:
    env = {"OPENAI_BASE_URL": "http://gateway/v1"}
    task = a_task_of(tmp_path, "codex", env=env, model=None)
    assert codex.start(task).env == {"CODEX_HOME": str(task.home / ".codex")}
    written = tomllib.loads((task.home / ".codex/config.toml").read_text())
    assert "env_key" not in written["model_providers"]["muster"] and "model" not in written
    settings = {"openai_base_url": "http://elsewhere/v1"}
    codex.start(a_task_of(tmp_path, "codex", env=env, model=None, settings=settings))
    assert tomllib.loads((task.home / ".codex/config.toml").read_text()) == settings


def test_codex_resumes_the_thread_that_it_has_saved_and_no_other(tmp_path: Path) -> None:
    task = a_task_of(tmp_path, "codex", thread=a_thread(tmp_path))
    sessions = task.home / ".codex/sessions/2026/11/24"
    sessions.mkdir(parents=True)
    (sessions / "rollout-1-another.jsonl").touch()
    assert codex.resume(task).argv[-3:] == ["-x", "--", "Do it"]
    (sessions / "rollout-1-0b1f0000-1.jsonl").touch()
    assert codex.resume(task).argv[-5:] == ["-x", "resume", "0b1f0000-1", "--", "Do it"]


def test_opencode_keeps_its_data_in_the_entrys_home(tmp_path: Path) -> None:
    task = a_task_of(tmp_path, "opencode", env={"MUSTER_ENTRY_ID": "ent_7"})
    launch = opencode.start(task)
    assert launch.argv == [
        *("opencode", "run", "--format", "json", "--print-logs", "--log-level", "ERROR", "--title", "ent_7"),
        *("-m", "maker/m-9", "-x", "--", "Do it"),
    ]
    assert launch.env == {
        "XDG_DATA_HOME": str(task.home / ".local/share"),
        "XDG_CONFIG_HOME": str(task.home / ".config"),
        "XDG_STATE_HOME": str(task.home / ".local/state"),
        "OPENCODE_CONFIG": str(task.home / "opencode.json"),
    }
    assert json.loads((task.home / "opencode.json").read_text()) == {
        "$schema": "https://opencode.ai/config.json",
        "autoupdate": False,
        "share": "disabled",
        "permission": {"*": "allow", "external_directory": "allow"},
    }
    run = opencode.start(a_task_of(tmp_path, "opencode", model=None)).argv
    assert run[run.index("--title") + 1] == "ses_1" and "-m" not in run, "a run has no entry"


def test_opencode_resumes_nothing_without_its_database(tmp_path: Path) -> None:
    task = a_task_of(tmp_path, "opencode", thread=a_thread(tmp_path))
    assert "-s" not in opencode.resume(task).argv
    database = task.home / ".local/share/opencode/opencode.db"
    database.parent.mkdir(parents=True)
    database.touch()
    argv = opencode.resume(task).argv
    assert argv[argv.index("-s") + 1] == "0b1f0000-1" and "--title" not in argv


LOGINS = [
    ({}, False, "gemini-api-key"),
    ({}, True, "oauth-personal"),
    ({"GEMINI_API_KEY": "k"}, True, "gemini-api-key"),
    ({"GEMINI_API_KEY": "k", "GOOGLE_GENAI_USE_VERTEXAI": "True"}, True, "vertex-ai"),
    ({"GOOGLE_GENAI_USE_VERTEXAI": "1"}, False, "vertex-ai"),
    ({"GOOGLE_GENAI_USE_VERTEXAI": "false"}, True, "oauth-personal"),
]


@pytest.mark.parametrize(("env", "has_login", "selected"), LOGINS)
def test_gemini_is_given_a_login_that_it_has(tmp_path: Path, env: dict[str, str], has_login: bool, selected: str) -> None:
    task = a_task_of(tmp_path, "gemini", env=env, settings={"privacy": {"more": 1}})
    (task.home / ".gemini").mkdir()
    if has_login:
        (task.home / gemini.LOGIN).touch()
    launch = gemini.start(task)
    assert launch.thread and launch.thread.totals == {"cwd": str(task.cwd)}
    assert launch.argv == [
        *("gemini", "--output-format", "stream-json", "--session-id", launch.thread.id),
        *("--approval-mode", "yolo", "--skip-trust", "-m", "maker/m-9", "-x", "-p", "Do it"),
    ]
    assert json.loads((task.home / ".gemini/settings.json").read_text()) == {
        "security": {"auth": {"selectedType": selected}},
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "privacy": {"usageStatisticsEnabled": False, "more": 1},
    }


def test_gemini_resumes_its_own_chat_in_the_workspaces_mode(tmp_path: Path) -> None:
    task = a_task_of(tmp_path, "gemini", thread=a_thread(tmp_path), model=None, args=["--approval-mode=default"])
    chats = task.home / ".gemini/tmp/work/chats"
    chats.mkdir(parents=True)
    (chats / "session-2026-11-24T19-41-99999999.jsonl").touch()
    assert "--session-id" in gemini.resume(task).argv, "that chat is another conversation's"
    (chats / "session-2026-11-24T19-41-0b1f0000.jsonl").touch()
    argv = ["gemini", "--output-format", "stream-json", "--resume", "0b1f0000-1", "--skip-trust"]
    assert gemini.resume(task).argv == [*argv, "--approval-mode=default", "-p", "Do it"]


@pytest.mark.parametrize(
    ("env", "args", "added"),
    [
        ({}, ["-x"], ["--approval-mode", "yolo"]),
        ({"OPENAI_API_KEY": "k"}, ["-x"], ["--approval-mode", "yolo", "--auth-type", "openai"]),
        ({"OPENAI_API_KEY": "k"}, ["--auth-type=mine", "-y"], []),
    ],
)
def test_qwen_gets_what_the_workspace_does_not_choose_itself(
    tmp_path: Path, env: dict[str, str], args: list[str], added: list[str]
) -> None:
    task = a_task_of(tmp_path, "qwen", env=env, args=args)
    launch = qwen.start(task)
    assert launch.thread and launch.env == {"QWEN_CODE_NO_RELAUNCH": "true"}
    argv = ["qwen", "--output-format", "stream-json", "--session-id", launch.thread.id, *added, "-m", "maker/m-9"]
    assert launch.argv == [*argv, *args, "-p", "Do it"]
    assert json.loads((task.home / ".qwen/settings.json").read_text()) == {
        "general": {"enableAutoUpdate": False, "disableAutoUpdate": True, "chatRecording": True},
        "privacy": {"usageStatisticsEnabled": False},
    }


def test_qwen_resumes_its_own_chat_and_reads_a_long_prompt_from_its_file(tmp_path: Path) -> None:
    task = a_task_of(tmp_path, "qwen", thread=a_thread(tmp_path), model=None, prompt="x" * 200_000)
    chats = task.home / ".qwen/projects/-work/chats"
    chats.mkdir(parents=True)
    (chats / "another.jsonl").touch()
    assert "--session-id" in qwen.resume(task).argv
    (chats / "0b1f0000-1.jsonl").touch()
    argv = qwen.resume(task).argv
    assert argv[3:-2] == ["--resume", "0b1f0000-1", "--approval-mode", "yolo", "--include-directories", str(tmp_path), "-x"]


def test_aider_is_given_the_specs_files_that_exist_on_the_host(tmp_path: Path) -> None:
    """In a sandbox the working copy has another path, at which nothing is on the host."""
    create = ["new.py", "a..b.py", "/etc/passwd", "../out", "x/../../y", "*.py", 7]
    spec = {"files_to_create": create, "files_to_modify": ["old.py", "gone.py", "folder"]}
    (tmp_path / "entry.json").write_text(json.dumps({"spec": spec}))
    task = a_task_of(tmp_path, "aider", env={"MUSTER_SPEC_FILE": str(tmp_path / "entry.json")}, settings={"map-tokens": 9})
    (task.cwd / "old.py").touch()
    (task.cwd / "folder").mkdir()
    task = replace(task, folder=task.cwd, cwd=Path("/in/the/sandbox"))
    launch = aider.start(task)
    end = launch.argv[launch.argv.index("--model") :]
    assert end == [
        *("--model", "maker/m-9", "--max-chat-history-tokens", "1000000000"),
        *("--analytics-log", str(task.home / "analytics.jsonl"), "--chat-history-file", str(task.home / "chat.md")),
        *("--input-history-file", str(task.home / "input")),
        *("--file", "new.py", "--file", "a..b.py", "--file", "old.py", "-x", "--message", "Do it"),
    ]
    assert launch.env == {"COLUMNS": "1000", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    assert json.loads((task.home / ".aider.conf.yml").read_text()) == {"map-tokens": 9}
    assert (task.working_copy / aider.TAGS / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("settings", [{}, {"agent": {"step_limit": 9}}])
def test_mini_stops_at_its_limit_and_begins_without_the_last_trajectory(tmp_path: Path, settings: dict[str, Any]) -> None:
    task = replace(a_task_of(tmp_path, "mini_swe_agent", settings=settings), limit=4_321)
    (task.home / "trajectory.json").touch()
    launch = mini_swe_agent.resume(task)
    more = ["-c", "mini.yaml", "-c", str(task.home / "settings.yaml")] if settings else []
    assert launch.argv == [
        *("mini", "-m", "maker/m-9", "-y", "--exit-immediately", "-o", str(task.home / "trajectory.json"), "-l", "0.004321"),
        *(*more, "-x", "-t", "Do it"),
    ]
    assert launch.env == {
        "COLUMNS": "1000",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "MSWEA_CONFIGURED": "true",
        "MSWEA_SILENT_STARTUP": "1",
        "MSWEA_COST_TRACKING": "ignore_errors",
    }
    assert list(task.home.glob("trajectory.json")) == []


def test_a_conversation_whose_folder_is_not_known_is_not_resumed(tmp_path: Path) -> None:
    for thread, is_resumed in ((a_thread(tmp_path), True), (Thread("0b1f0000-1"), False), (None, False)):
        task = a_task_of(tmp_path, "qwen", thread=thread)
        assert conversation_ids.resumable_thread(task) == (thread if is_resumed else None)


def test_the_programs_of_all_agents_of_a_workspace_are_needed() -> None:
    reviewers = {"interceptor": {"agent": {"kind": "codex"}}, "verifier": {"agent": {"kind": "command", "command": "true"}}}
    config = Config.model_validate({"agent": {"kind": "claude_code"}, **reviewers, "planner": {"agent": {"kind": "gemini"}}})
    assert agents.binaries(config) == ["claude", "codex", "gemini"]
