"""Labels of states and reasons on pages. Pure: values in, text out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

# state: (tone of colour, symbol of the sprite, word). Each has a shape and a word, because colour alone conveys no meaning.
BADGES = {
    "running": ("run", "running", "Running"),
    "in_progress": ("run", "running", "In progress"),
    "starting": ("run", "starting", "Starting"),
    "stopping": ("warn", "warn", "Stopping"),
    "done": ("good", "done", "Done"),
    "passed": ("good", "done", "Passed"),
    "ready": ("wait", "ready", "Ready"),
    "pending": ("wait", "ready", "Waiting"),
    "open": ("run", "running", "Open"),
    "paused": ("warn", "paused", "Paused"),
    "blocked": ("block", "blocked", "Blocked"),
    "held": ("warn", "paused", "Held"),
    "conflict": ("block", "blocked", "Merge conflict"),
    "out_of_money": ("block", "blocked", "Out of money"),
    "failed": ("bad", "failed", "Failed"),
    "crashed": ("bad", "failed", "Crashed"),
    "timed_out": ("bad", "failed", "Timed out"),
    "lost": ("odd", "unknown", "Lost"),
    "unverified": ("odd", "unknown", "Unverified"),
    "stopped": ("over", "stopped", "Stopped"),
    "interrupted": ("over", "stopped", "Interrupted"),
    "unavailable": ("warn", "warn", "Turned away"),
    "draft": ("wait", "edit", "Draft"),
    "changes_requested": ("warn", "warn", "Changes requested"),
    "approved": ("good", "done", "Approved"),
    "superseded": ("over", "stopped", "Superseded"),
    "delivered": ("good", "done", "Delivered"),
    "pausing": ("warn", "starting", "Pausing"),
    "unknown": ("odd", "unknown", "Unknown"),
    "lock_held": ("run", "locked", "Held"),
    "owner_unknown": ("odd", "unknown", "Owner unknown"),
    "kept": ("wait", "locked", "Kept"),
    "orphan": ("warn", "warn", "Orphan"),
    "on": ("good", "done", "On"),
    "off": ("over", "stopped", "Off"),
}

AGENTS = {
    "command": "A command",
    "claude_code": "Claude Code",
    "codex": "Codex",
    "opencode": "opencode",
    "gemini": "Gemini CLI",
    "qwen": "Qwen Code",
    "aider": "aider",
    "mini_swe_agent": "mini-swe-agent",
}

PHASES = {
    "starting": "Setting up",
    "implementation": "Implementing",
    "interception": "Reviewing",
    "verification": "Verifying",
    "merging": "Merging",
}

# The phase that a session reached in its round, ended or running.
REACHED = {
    "starting": "Set up",
    "implementation": "Implementation",
    "interception": "Review",
    "verification": "Verification",
    "merging": "Merge",
}

CHECKS = {
    "pending": "Nothing holds it",
    "dependencies_pending": "Dependencies",
    "rounds_exhausted": "Rounds",
    "budget_exceeded": "Entry budget",
    "executor_running": "Executor",
    "executor_paused": "Executor",
    "executor_stopped": "Executor",
    "no_worker_online": "Worker online",
    "agent_unavailable": "Agent and its provider",
    "project_budget_exceeded": "Project cap and limits",
    "files_locked": "File locks",
    "concurrency_limit": "Beside the others, and a free worker",
    "dependency_failed": "Dependencies",
    "no_improvement": "Its score",
    "merge_conflict": "Its merge",
    "human_hold": "Held by a person",
}

# In a list without numbers: "in the way: …".
REASONS = {
    "budget_exceeded": "entry budgets used up",
    "project_budget_exceeded": "no money left under the cap or in the plan",
    "dependencies_pending": "dependencies that are not done",
    "dependency_failed": "dependencies that failed",
    "files_locked": "files that others have locked",
    "concurrency_limit": "all workers busy",
    "executor_paused": "the executor paused",
    "executor_stopped": "the executor not started",
    "rounds_exhausted": "rounds used up",
    "no_improvement": "scores that no longer rise",
    "merge_conflict": "merge conflicts",
    "human_hold": "entries held by a person",
    "agent_unavailable": "agents that cannot work",
    "no_worker_online": "no session worker online",
}

# After a number, one or many: "1 held by a person", "5 held by a person".
STATUS_GROUPS = {
    "budget_exceeded": "out of budget",
    "project_budget_exceeded": "without money under the cap or in the plan",
    "dependencies_pending": "waiting for dependencies",
    "dependency_failed": "behind a failed dependency",
    "files_locked": "waiting for locked files",
    "concurrency_limit": "waiting for room beside the others",
    "executor_paused": "waiting for the executor to resume",
    "executor_stopped": "waiting for the executor to start",
    "rounds_exhausted": "out of rounds",
    "no_improvement": "no longer getting better",
    "merge_conflict": "in a merge conflict",
    "human_hold": "held by a person",
    "agent_unavailable": "waiting for an agent that can work",
    "no_worker_online": "waiting for a session worker",
}

# How a session ended after a stop request.
ENDED = {
    "stopped": "stopped",
    "passed": "had passed",
    "failed": "had ended its round",
    "lost": "was ended for its worker",
    "crashed": "crashed",
}


@dataclass(frozen=True)
class Link:
    """An entry, session or review as a page names it. An empty URL: it no longer has a page."""

    text: str
    url: str


def duration(span: timedelta | float) -> str:
    """`42s`, `7m 05s`, `3h 12m`, `2d 04h`."""
    total = max(int(span.total_seconds() if isinstance(span, timedelta) else span), 0)
    days, hours, minutes, seconds = total // 86400, total // 3600 % 24, total // 60 % 60, total % 60
    if days:
        return f"{days}d {hours:02d}h"
    if total >= 3600:
        return f"{hours}h {minutes:02d}m"
    return f"{minutes}m {seconds:02d}s" if minutes else f"{seconds}s"


def age(span: timedelta | float) -> str:
    """`just now`, `42 s ago`, `4 min ago`, `3 h ago`: how long ago, in one unit."""
    total = max(int(span.total_seconds() if isinstance(span, timedelta) else span), 0)
    if total < 5:
        return "just now"
    if total < 60:
        return f"{total} s ago"
    return f"{total // 60} min ago" if total < 3600 else f"{total // 3600} h ago"


def badge(state: str) -> tuple[str, str, str]:
    return BADGES.get(state, ("odd", "unknown", state.replace("_", " ").capitalize()))


def reasons(codes: list[str]) -> str:
    """Reasons as a list: `entry budgets used up, all workers busy`."""
    return ", ".join(REASONS.get(code, code.replace("_", " ")) for code in codes)


def status_group(code: str) -> str:
    """The label of entries with this reason, used after a count."""
    return STATUS_GROUPS.get(code, code.replace("_", " "))


def linked(text: str, names: Mapping[str, Link]) -> list[tuple[str, str]]:
    """A sentence whose ids become links: (text, URL) pieces."""
    pieces = [(text, "")]
    for id_, link in names.items():
        cut: list[tuple[str, str]] = []
        for piece, url in pieces:
            before, separator, after = piece.partition(id_) if not url else (piece, "", "")
            cut += [(before, url)] + ([(link.text, link.url), (after, "")] if separator else [])
        pieces = [part for part in cut if part[0]]
    return pieces


def listed(words: str, links: list[tuple[str, str]], limit: int = 5) -> list[tuple[str, str]]:
    """Words, then at most `limit` links separated by commas."""
    pieces = [(words, "")]
    for link in links[:limit]:
        pieces += [(", ", ""), link] if len(pieces) > 1 else [link]
    return [*pieces, (f" and {len(links) - limit} more", "")] if len(links) > limit else pieces
