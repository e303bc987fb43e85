"""Any command as an agent, by a protocol of JSON lines (extensions.md, The command agent's protocol)."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from budget import money
from orchestration.configuration import Agent
from orchestration.runtime.agents.events import Event, Finished, Text, Usage

TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
MOST_TOKENS = 10**12


def argv(agent: Agent) -> list[str]:
    """What to run: an argument list as it is, a string by `sh -c`."""
    if agent.command is None:
        raise ValueError("agent.command is not set in this workspace's config")
    return ["sh", "-c", agent.command] if isinstance(agent.command, str) else list(agent.command)


def read(line: str) -> Event | None:
    """The event in a line; None: it is log text. A usage line that cannot be read counts as one whose cost is not known."""
    if not line.startswith("{"):
        return None
    try:
        told = json.loads(line, parse_float=Decimal)
    except ValueError:
        return None
    match told.get("type") if isinstance(told, dict) else None:
        case "usage":
            return _usage(told)
        case "text":
            return Text(str(told.get("text", ""))[:500])
        case "result":
            return Finished(ok=told.get("ok", True) is not False, summary=str(told.get("summary", ""))[:4000])
    return None


def _usage(told: dict[str, Any]) -> Usage:
    """A bad amount becomes an unknown cost of a model without a price: it is never taken for zero."""
    name = str(told.get("id", ""))[:100] or "unnamed"
    model = str(told.get("model") or "")[:200]
    try:
        cost = money.round_up(_amount(told["cost_usd"])) if told.get("cost_usd") is not None else None
        tokens = {key: _count(told.get(key, 0)) for key in TOKENS}
    except (ValueError, InvalidOperation):
        return Usage(id=name, model="unreadable usage line")
    return Usage(id=name, cost=cost, model=model, **tokens)


def _amount(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise ValueError("not a number")
    amount = Decimal(value)
    if not amount.is_finite() or not 0 <= amount <= money.MOST_USD:
        raise ValueError("not an amount")
    return amount


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_TOKENS:
        raise ValueError("not a count")
    return value
