"""Token counts of CLIs and APIs, converted to `Usage`. Cached tokens that a source includes in its input are subtracted from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from budget import amounts
from orchestration.worker.agents.shared.events import Usage
from orchestration.worker.agents.shared.json_values import count, nested, usd


def model_name(route: str | None) -> str:
    """The model's name in the price table, from a route such as `openrouter/anthropic/claude-sonnet-4-5`."""
    return (route or "").rpartition("/")[2][:200]


def reported_cost(value: Any) -> int | None:
    """Micro-USD of a cost that a CLI reports. None for 0: either the request is free, or the CLI has no price for it."""
    amount = usd(value)
    return amounts.round_up(amount) if amount else None


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """Tokens as a source reports them: `input` includes cached tokens, `total` includes everything, thoughts too."""

    input: int = 0
    cached: int = 0
    total: int = 0

    def __add__(self, other: "TokenCounts") -> "TokenCounts":
        return TokenCounts(self.input + other.input, self.cached + other.cached, self.total + other.total)

    def __sub__(self, other: "TokenCounts") -> "TokenCounts":
        """The difference, at least 0 for each count."""
        parts = zip((self.input, self.cached, self.total), (other.input, other.cached, other.total), strict=True)
        return TokenCounts(*(max(mine - theirs, 0) for mine, theirs in parts))

    def __bool__(self) -> bool:
        return self.total > 0

    def usage(self, id_: str, model: str, *, of_thread: bool = False) -> Usage:
        """Priced by Muster. All tokens that are not input count as output: providers bill thoughts as output."""
        cached = min(self.cached, self.input)
        return Usage(
            id=id_,
            model=model,
            input_tokens=self.input - cached,
            output_tokens=max(self.total - self.input, 0),
            cache_read_tokens=cached,
            of_thread=of_thread,
        )


def read_counts(counts: Any, *, input: str, output: str, cached: str, total: str) -> TokenCounts:
    """Token counts by one CLI's key names. Without a total, it is input plus output."""
    input_tokens, output_tokens = count(nested(counts, input)), count(nested(counts, output))
    return TokenCounts(
        input_tokens, count(nested(counts, cached)), max(count(nested(counts, total)), input_tokens + output_tokens)
    )


def chat_usage(id_: str, usage: Any, *, model: str, cost: int | None) -> Usage:
    """From the usage object of OpenAI's chat completions, as litellm gives it for every provider: its prompt includes both caches."""
    prompt = count(nested(usage, "prompt_tokens"))
    read = count(nested(usage, "prompt_tokens_details", "cached_tokens")) or count(nested(usage, "cache_read_input_tokens"))
    write = count(nested(usage, "cache_creation_input_tokens"))
    kept = nested(usage, "prompt_tokens_details", "cache_creation_token_details", "ephemeral_1h_input_tokens")
    return Usage(
        id=id_,
        cost=cost,
        model=model,
        input_tokens=max(prompt - read - write, 0),
        output_tokens=count(nested(usage, "completion_tokens")),
        cache_read_tokens=read,
        cache_write_tokens=write,
        cache_write_1h_tokens=min(count(kept), write),
    )


def merged_settings(defaults: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Settings in which `overrides` win over `defaults`; objects are merged key by key."""
    merged = dict(defaults)
    for key, value in overrides.items():
        default = merged.get(key)
        merged[key] = merged_settings(default, value) if isinstance(default, Mapping) and isinstance(value, Mapping) else value
    return merged
