"""The progress of the backlog: the entries by where they stand, as one bar and its counts, and what halts all of them."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from dashboard.shared.counts import in_progress, text


@dataclass(frozen=True, slots=True)
class Part:
    """Entries that stand at the same place. `tone`: the colour of the bar and the icon; `x`, `width`: in hundredths of the bar."""

    tone: str
    symbol: str
    word: str
    count: str
    link: str
    x: str
    width: str


WORDS = (
    ("done", "good", "done", "done", "done"),
    ("running", "run", "running", "in progress", "running"),
    ("review", "warn", "warn", "in review", "review"),
    ("ready", "ready", "ready", "ready", "ready"),
    ("later", "wait", "starting", "waiting", "waiting"),
    ("blocked", "block", "blocked", "blocked", "blocked"),
    ("failed", "bad", "failed", "failed", "failed"),
)
"""Count, tone, symbol, word, and the filter of the list."""


def parts(tally: dict[str, Any], workspace_id: str) -> list[Part]:
    """`tally`: dashboard/overview/tally.py. Entries that wait and are ready count as ready alone. What has none is left out."""
    numbers = tally | {"later": max(tally["waiting"] - tally["ready"], 0)}
    whole = max(sum(numbers[name] for name, *_ in WORDS), 1)
    address = reverse("entries", args=[workspace_id])
    shown: list[Part] = []
    before = 0
    for name, tone, symbol, word, filtered in WORDS:
        number = numbers[name]
        if number:
            x, width = 100 * before / whole, 100 * number / whole
            link = f"{address}?status={filtered}"
            if name == "running":
                word = in_progress(word, landing=tally["landing"], split=tally["split"])
            shown.append(Part(tone, symbol, word, text(number), link, f"{x:.2f}", f"{max(width - 0.2, 0.2):.2f}"))
        before += number
    return shown


def halted(tally: dict[str, Any], *, agent_fails: bool, unusable: bool, is_spent: bool) -> str:
    """The reason why nothing starts any more without a person, as a sentence; empty: something runs, or can start. `unusable`: the repository."""
    if tally["running"]:
        return ""
    if unusable:
        return "Nothing can start: the repository cannot be used."
    if agent_fails:
        return "Nothing can start: the agent cannot start."
    if is_spent:
        return "Nothing starts: the cap is reached."
    return "" if tally["waiting"] or tally["review"] else "What is left needs you: nothing starts by itself."
