"""How each real coding-agent CLI is run on a scripted LLM server: headless, with a home of its own, on loopback only."""

import json
import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One conversation: where it lives and which server answers it."""

    program: str
    home: Path
    work: Path
    server: str
    name: str  # a UUID, for CLIs that let the caller name the conversation


@dataclass(frozen=True)
class Cli:
    """`resume` gets what the first run wrote to stdout; None: this CLI has no such thing."""

    prepare: Callable[[Run], None]
    env: Callable[[Run], dict[str, str]]
    start: Callable[[Run, str], list[str]]
    resume: Callable[[Run, str, Sequence[dict]], list[str]] | None = None


def find(name: str, folders: Sequence[Path]) -> str | None:
    path = shutil.which(name, path=os.pathsep.join(map(str, folders)))
    return os.path.abspath(path) if path else None


def base_env(run: Run) -> dict[str, str]:
    """Only what a CLI needs, without the user's proxies and keys."""
    node = os.path.dirname(shutil.which("node") or "")
    path = os.pathsep.join(part for part in (node, "/usr/local/bin:/usr/bin:/bin") if part)
    return {
        "PATH": path,
        "HOME": str(run.home),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "CI": "1",
        "XDG_DATA_HOME": f"{run.home}/data",
    }


def _nothing(run: Run) -> None: ...


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _value_of(lines: Sequence[dict], key: str, otherwise: str = "") -> str:
    return next((line[key] for line in lines if line.get(key)), otherwise)


# Claude Code

CLAUDE_FLAGS = ["--output-format", "stream-json", "--verbose", "--model", "claude-sonnet-4-5", "--dangerously-skip-permissions"]


def _claude_env(run: Run) -> dict[str, str]:
    return {
        "ANTHROPIC_BASE_URL": run.server,
        "ANTHROPIC_API_KEY": "stub-key",
        "IS_SANDBOX": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }


CLAUDE = Cli(
    _nothing,
    _claude_env,
    lambda run, text: [run.program, "-p", text, *CLAUDE_FLAGS, "--session-id", run.name],
    lambda run, text, received: [run.program, "-p", text, *CLAUDE_FLAGS, "--resume", run.name],
)

# Codex

CODEX_FLAGS = ["--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]


def _codex_home(run: Run) -> None:
    provider = f'name = "stub"\nbase_url = "{run.server}/v1"\nenv_key = "STUB_KEY"\nwire_api = "responses"\n'
    top = 'model = "gpt-5"\nmodel_provider = "stub"\ncheck_for_update_on_startup = false\n'
    _write(run.home / "codex/config.toml", f"{top}[model_providers.stub]\n{provider}")


CODEX = Cli(
    _codex_home,
    lambda run: {"CODEX_HOME": str(run.home / "codex"), "STUB_KEY": "x"},
    lambda run, text: [run.program, "exec", *CODEX_FLAGS, text],
    lambda run, text, received: [run.program, "exec", "resume", *CODEX_FLAGS, _value_of(received, "thread_id", "unknown"), text],
)

# opencode


def _opencode_home(run: Run) -> None:
    model = {"tool_call": True, "limit": {"context": 100000, "output": 8000}, "cost": {"input": 1, "output": 2}}
    stub = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{run.server}/v1", "apiKey": "x"},
        "models": {"stub-model": model},
    }
    config = {"provider": {"stub": stub}, "autoupdate": False, "share": "disabled"}
    _write(run.home / ".config/opencode/opencode.json", json.dumps(config))


def _opencode(run: Run, text: str, *more: str) -> list[str]:
    return [run.program, "run", "--format", "json", "-m", "stub/stub-model", *more, text]


OPENCODE = Cli(
    _opencode_home,
    lambda run: {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"},
    lambda run, text: _opencode(run, text, "--title", "stub"),
    lambda run, text, received: _opencode(run, text, *(["-s", known] if (known := _value_of(received, "sessionID")) else ["-c"])),
)

# Gemini CLI

GEMINI_FLAGS = ["--output-format", "stream-json", "--approval-mode", "yolo", "--skip-trust", "-m", "gemini-2.5-pro"]


def _gemini_home(run: Run) -> None:
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": False}}
    _write(run.home / ".gemini/settings.json", json.dumps(settings))


GEMINI = Cli(
    _gemini_home,
    lambda run: {"GEMINI_API_KEY": "x", "GOOGLE_GEMINI_BASE_URL": run.server},
    lambda run, text: [run.program, "-p", text, *GEMINI_FLAGS, "--session-id", run.name],
    lambda run, text, received: [run.program, "-p", text, *GEMINI_FLAGS, "--resume", run.name],
)

# Qwen Code

QWEN_FLAGS = ["--auth-type", "openai", "--output-format", "stream-json", "--approval-mode", "yolo"]

QWEN = Cli(
    _nothing,
    lambda run: {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": f"{run.server}/v1", "OPENAI_MODEL": "stub-model"},
    lambda run, text: [run.program, "-p", text, *QWEN_FLAGS],
    lambda run, text, received: [run.program, "-p", text, *QWEN_FLAGS, "--resume", _value_of(received, "session_id", "unknown")],
)

# mini-swe-agent (aider offers no shell tool, so it has no tool to stop)

MINI = Cli(
    _nothing,
    lambda run: {
        "OPENAI_API_KEY": "x",
        "OPENAI_API_BASE": f"{run.server}/v1",
        "MSWEA_CONFIGURED": "true",
        "MSWEA_SILENT_STARTUP": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    },
    lambda run, text: [run.program, "-m", "openai/gpt-5", "-t", text, "-y", "--exit-immediately", "-o", "traj.json"],
)

KNOWN = {"claude": CLAUDE, "codex": CODEX, "opencode": OPENCODE, "gemini": GEMINI, "qwen": QWEN, "mini": MINI}


def prepare(cli: Cli, program: str, folder: Path, server: str) -> Run:
    run = Run(program, folder / "home", folder / "work", server, str(uuid.uuid4()))
    run.home.mkdir(parents=True)
    run.work.mkdir()
    cli.prepare(run)
    return run
