"""Claude Code's own sum of a conversation. Since 2.1.277 a process that resumes one begins with the saved sum, and its result covers both.

A process saves the sum in the conversation's file when it ends by itself, not when it is killed: the last saved one is what the next process
begins with. It is kept with that process's telemetry, so that the reader of a dead worker's files knows it too.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from orchestration.sessions.folders import own_files
from orchestration.worker.agents.shared.json_values import count, nested, parse_object, usd

RECORD = "muster.saved_sum"
CONTINUES_SINCE = (2, 1, 277)
MAX_MODELS = 50
SAVED = b'{"type":"cost-state"'

Tokens = tuple[int, int, int, int]
"""Input without cache, output, read from the cache, written to the cache. Telemetry and the sum do not say for how long."""
NONE: Tokens = (0, 0, 0, 0)


def is_own(model: str) -> bool:
    """True for an Anthropic model, from any provider. Claude Code prices all others at $5 and $25 per million tokens, which is wrong."""
    return "claude" in model.lower()


@dataclass(frozen=True, slots=True)
class Sum:
    """The CLI's own sum."""

    cost: Decimal | None = Decimal(0)  # USD of Anthropic's models; None: not reported
    others: Mapping[str, Tokens] = field(default_factory=dict)  # of other providers' models

    def since(self, saved: "Sum") -> "Sum":
        """The part after the saved sum. A smaller sum did not begin with it."""
        others = {
            model: _minus(self.others.get(model, NONE), saved.others.get(model, NONE))
            for model in {**self.others, **saved.others}
        }
        cost = None if self.cost is None else self.cost - (saved.cost or 0)
        is_smaller = (cost is not None and cost < 0) or any(amount < 0 for tokens in others.values() for amount in tokens)
        return self if is_smaller else Sum(cost, others)


NOTHING = Sum()


def read(total: Any, used: Any) -> Sum:
    """The sum in a result or in a file. Claude Code's guess for other models is taken off the total."""
    usages = used if isinstance(used, Mapping) else {}
    others = {name: usage for name, usage in list(usages.items())[:MAX_MODELS] if not is_own(name)}
    cost = usd(total)
    if cost is not None:
        cost -= sum((usd(nested(usage, "costUSD")) or Decimal(0) for usage in others.values()), Decimal(0))
    return Sum(cost, {name: _tokens(usage) for name, usage in others.items()})


def find_saved(home: Path, conversation: str) -> Sum:
    """The last sum in the conversation's file."""
    last = NOTHING
    for path in (home / ".claude" / "projects").glob(f"*/{conversation}.jsonl"):
        with suppress(OSError), own_files.reading(path) as file:
            for line in file:
                if line.startswith(SAVED):
                    state = parse_object(line.decode("utf-8", "replace"))
                    saved = read(nested(state, "totalCostUSD"), nested(state, "modelUsage"))
                    last = last if saved.cost is None else saved
    return last


def as_record(conversation: str, saved: Sum) -> tuple[str, dict[str, Any]]:
    """A telemetry record for `from_record`."""
    return RECORD, {"conversation": conversation, "cost": float(saved.cost or 0), "others": dict(saved.others)}


def from_record(attributes: Mapping[str, Any]) -> Sum:
    others = attributes.get("others")
    tokens = {name: _four(values) for name, values in others.items()} if isinstance(others, Mapping) else {}
    return Sum(usd(attributes.get("cost")), tokens)


def continues(version: str) -> bool:
    """False: this version counts each process from zero."""
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    return match is None or tuple(map(int, match.groups())) >= CONTINUES_SINCE


def _tokens(usage: Any) -> Tokens:
    return _four(
        [nested(usage, name) for name in ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")]
    )


def _four(values: Any) -> Tokens:
    input_, output, read_, written = (
        (count(value) for value in [*values, *NONE][:4]) if isinstance(values, (list, tuple)) else NONE
    )
    return input_, output, read_, written


def _minus(tokens: Tokens, others: Tokens) -> Tokens:
    input_, output, read_, written = (amount - other for amount, other in zip(tokens, others, strict=True))
    return input_, output, read_, written
