"""How CLIs and the APIs behind them count tokens, turned into amounts of one shape. Where a cache is inside the input, it is taken out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from budget import amounts
from orchestration.worker.agents.shared.events import Usage
from orchestration.worker.agents.shared.reading import count, dig, usd


def model_name(route: str | None) -> str:
    """What a price table calls the model that a route such as `openrouter/anthropic/claude-sonnet-4-5` ends at."""
    return (route or "").rpartition("/")[2][:200]


def reported(value: Any) -> int | None:
    """Micro-USD of a cost that a CLI tells. Of 0 it is not known whether it is free or whether the CLI has no price: None."""
    amount = usd(value)
    return amounts.round_up(amount) if amount else None


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens as they are told: `input` counts the cached ones too, `total` everything, thoughts included."""

    input: int = 0
    cached: int = 0
    total: int = 0

    def __add__(self, other: "Counted") -> "Counted":
        return Counted(self.input + other.input, self.cached + other.cached, self.total + other.total)

    def __sub__(self, other: "Counted") -> "Counted":
        """What is left; never less than nothing."""
        parts = zip((self.input, self.cached, self.total), (other.input, other.cached, other.total), strict=True)
        return Counted(*(max(mine - theirs, 0) for mine, theirs in parts))

    def __bool__(self) -> bool:
        return self.total > 0

    def usage(self, id_: str, model: str, *, of_thread: bool = False) -> Usage:
        """Priced by Muster. All that is not input is output: thoughts are billed as such, whatever a CLI calls them."""
        cached = min(self.cached, self.input)
        return Usage(
            id=id_,
            model=model,
            input_tokens=self.input - cached,
            output_tokens=max(self.total - self.input, 0),
            cache_read_tokens=cached,
            of_thread=of_thread,
        )


def counted(told: Any, *, input: str, output: str, cached: str, total: str) -> Counted:
    """Tokens by the names of one CLI. Without a total it is the sum of the others."""
    into, out = count(dig(told, input)), count(dig(told, output))
    return Counted(into, count(dig(told, cached)), max(count(dig(told, total)), into + out))


def of_chat(id_: str, told: Any, *, model: str, cost: int | None) -> Usage:
    """The usage object of OpenAI's chat completions, as litellm gives it for every provider: its prompt holds both caches."""
    prompt = count(dig(told, "prompt_tokens"))
    read = count(dig(told, "prompt_tokens_details", "cached_tokens")) or count(dig(told, "cache_read_input_tokens"))
    write = count(dig(told, "cache_creation_input_tokens"))
    return Usage(
        id=id_,
        cost=cost,
        model=model,
        input_tokens=max(prompt - read - write, 0),
        output_tokens=count(dig(told, "completion_tokens")),
        cache_read_tokens=read,
        cache_write_tokens=write,
    )


def merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Settings: a workspace's own win, objects key by key."""
    out = dict(ours)
    for key, value in theirs.items():
        mine = out.get(key)
        out[key] = merged(mine, value) if isinstance(mine, Mapping) and isinstance(value, Mapping) else value
    return out
