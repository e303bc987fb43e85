"""Labels of states and reasons on pages. Pure: values in, text out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from orchestration.facts.reasons import Reason

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
    "review": ("warn", "warn", "In review"),
    "open": ("run", "running", "Open"),
    "paused": ("warn", "paused", "Paused"),
    "blocked": ("block", "blocked", "Blocked"),
    "held": ("warn", "paused", "On hold"),
    "conflict": ("block", "blocked", "Merge conflict"),
    "out_of_money": ("block", "blocked", "Out of money"),
    "failed": ("bad", "failed", "Failed"),
    "crashed": ("bad", "failed", "Crashed"),
    "timed_out": ("bad", "failed", "Timed out"),
    "doomed": ("bad", "failed", "Ended early"),
    "not_chosen": ("over", "stopped", "Not chosen"),
    "lost": ("odd", "unknown", "Worker lost"),
    str(Reason.NO_CHANGE): ("warn", "warn", "No change"),
    "unverified": ("odd", "unknown", "Unverified"),
    "stopped": ("over", "stopped", "Stopped"),
    "interrupted": ("over", "stopped", "Interrupted"),
    "unavailable": ("warn", "warn", "Provider unavailable"),
    "asked": ("warn", "warn", "Asked"),
    "refused": ("bad", "failed", "Refused"),
    "request_waits": ("warn", "warn", "Waits for money"),
    "request_paced": ("warn", "starting", "Waits for provider"),
    "request_sent": ("run", "running", "Sent"),
    "request_booked": ("good", "done", "Booked"),
    "request_free": ("over", "stopped", "Not charged"),
    "draft": ("wait", "edit", "Draft"),
    "changes_requested": ("warn", "warn", "Changes requested"),
    "approved": ("good", "done", "Approved"),
    "superseded": ("over", "stopped", "Superseded"),
    "delivered": ("good", "done", "Delivered"),
    "idle": ("good", "done", "Backlog idle"),
    "pausing": ("warn", "starting", "Pausing"),
    "unknown": ("odd", "unknown", "Unknown"),
    "lock_held": ("run", "locked", "Locked"),
    "owner_unknown": ("odd", "unknown", "Owner unknown"),
    "kept": ("wait", "locked", "Kept"),
    "orphan": ("warn", "warn", "Orphan"),
    "judging": ("run", "starting", "Not judged yet"),
    "good_tip": ("good", "done", "Good"),
    "usable_tip": ("warn", "warn", "Usable, with failing checks"),
    "red_tip": ("bad", "failed", "Red"),
    "tip_waits": ("warn", "warn", "Needs a decision"),
    "unusable_tip": ("bad", "failed", "Checks cannot run"),
    "queued": ("wait", "ready", "Queued"),
    "checking": ("run", "running", "Checking"),
    "approval_due": ("warn", "warn", "Waiting for approval"),
    "proof_due": ("warn", "warn", "No test passes by it"),
    "merge_due": ("warn", "warn", "Pull request is open"),
    "landing": ("run", "running", "Landing"),
    "on": ("good", "done", "On"),
    "off": ("over", "stopped", "Off"),
}

PHASES = {
    "starting": "Setting up",
    "implementation": "Implementing",
    "interception": "Reviewing",
    "verification": "Verifying",
    "merging": "Merging",
    "planning": "Planning",
    "expansion": "Splitting",
    "orchestration": "Reordering",
}

# How far a session came in its round.
REACHED = {
    "starting": "Set up",
    "implementation": "Implementation",
    "interception": "Review",
    "verification": "Verification",
    "merging": "Merge",
}

# How a session ended after a stop request.
ENDED = {
    "stopped": "stopped",
    "passed": "passed before the stop",
    "failed": "finished its round",
    "lost": "worker lost",
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
    """`just now`, `42s ago`, `4m ago`, `3h ago`: how long ago, in one unit."""
    total = max(int(span.total_seconds() if isinstance(span, timedelta) else span), 0)
    if total < 5:
        return "just now"
    if total < 60:
        return f"{total}s ago"
    return f"{total // 60}m ago" if total < 3600 else f"{total // 3600}h ago"


def badge(state: str) -> tuple[str, str, str]:
    return BADGES.get(state, ("odd", "unknown", state.replace("_", " ").capitalize()))


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
