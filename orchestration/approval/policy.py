"""The verified work that needs a person's approval: pure. The facts are read from the commits and from Muster's tables, never from an
agent's words about its work."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from budget.amounts import exact_usd
from orchestration.git.names import path_patterns

MAX_NAMED = 3


class Rules(Protocol):
    """The workspace's rules, as its config has them. `cost` in micro-USD."""

    @property
    def mode(self) -> str: ...
    @property
    def paths(self) -> Sequence[str]: ...
    @property
    def cost(self) -> int | None: ...
    @property
    def lines(self) -> int | None: ...
    @property
    def labels(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Facts:
    """`paths`: all that would change on the integration branch; of a moved file both names. `lines`: added and removed. `cost`: what the
    entry has spent, in micro-USD. `labels`: the entry's type and the labels that it requires."""

    paths: Sequence[str] = ()
    lines: int = 0
    cost: int = 0
    labels: Sequence[str] = ()


def why(rules: Rules, facts: Facts) -> str:
    """The reason why a person must approve this work, as a sentence. Empty: nobody must."""
    if rules.mode == "never":
        return ""
    if rules.mode == "always":
        return "Everything that lands here is approved first"
    if touched := [path for path in facts.paths if any(path_patterns.matches(pattern, path) for pattern in rules.paths)]:
        more = f" and {len(touched) - MAX_NAMED} more" if len(touched) > MAX_NAMED else ""
        return f"It changes {', '.join(touched[:MAX_NAMED])}{more}"[:300]
    if rules.cost is not None and facts.cost >= rules.cost:
        return f"It has cost {exact_usd(facts.cost)}; from {exact_usd(rules.cost)} on, work is approved first"
    if rules.lines is not None and facts.lines >= rules.lines:
        return f"It changes {facts.lines} lines; from {rules.lines} on, work is approved first"
    if labelled := [label for label in rules.labels if label in facts.labels]:
        return f"It is labelled {labelled[0]}"
    return ""
