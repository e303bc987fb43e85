"""Routes: the agents of an entry in sequence, such as a cheap one first and a better one after its failure."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field

from orchestration.configuration.config.agents import DEFAULT, AgentChoice, Effort
from orchestration.configuration.config.fields import Part, key

MAX_STEPS = 10
MAX_CANDIDATES = 8
_STEP = re.compile(
    r"(?P<agent>[A-Za-z0-9][A-Za-z0-9._-]*)(?: +(?P<effort>low|medium|high))?(?: +(?P<rounds>[1-9]\d{0,3}))?"
    r"(?: +best +of +(?P<candidates>[1-9]))?"
)
_NUMBERS = ("rounds", "candidates")


class Step(Part):
    """An agent that works on an entry for so many failed `rounds`, then the next step does. The last step goes on to the end. `effort`: instead
    of its agent's own. `candidates`: so many sessions of the agent work on each round at once, and the best of their work is kept."""

    agent: AgentChoice = DEFAULT
    effort: Effort | None = None
    rounds: Annotated[int, Field(ge=1, le=1000)] = 1
    candidates: Annotated[int, Field(ge=1, le=MAX_CANDIDATES)] = 1


def parsed(value: Any) -> Any:
    """Parse a written route, such as "cheap 2 > strong high". Other values pass. Raises ValueError."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return []
    steps = []
    for n, part in enumerate(value.split(">"), start=1):
        match = _STEP.fullmatch(part.strip())
        if match is None:
            raise ValueError(
                f"step {n}, {part.strip()[:60]!r}, is no step: write the agent, its effort, its rounds, its candidates, "
                "as in cheap 2 > strong high best of 3"
            )
        steps.append({name: int(text) if name in _NUMBERS else text for name, text in match.groupdict().items() if text})
    return steps


Steps = Annotated[
    list[Step],
    Field(max_length=MAX_STEPS),
    BeforeValidator(parsed, json_schema_input_type=Annotated[list[Step], Field(max_length=MAX_STEPS)] | str),
]
"""A route: steps, or its written form. An empty one counts as none."""
Route = Annotated[
    list[Step],
    Field(min_length=1, max_length=MAX_STEPS),
    BeforeValidator(parsed, json_schema_input_type=Annotated[list[Step], Field(min_length=1, max_length=MAX_STEPS)] | str),
]


class RouteFor(Part):
    """The route of groups by a pattern, with `*` for any text."""

    group: str = key(
        ..., "", "A pattern for the entry's group (`*`: any text).", min_length=1, max_length=200, pattern=r"^[^\x00]*$"
    )
    route: Route = key(..., "", "As `route`.")


class Routes(NamedTuple):
    """The routes of a config."""

    of_groups: Sequence[RouteFor] = ()
    usual: Sequence[Step] = ()

    def of(self, group: str) -> Sequence[Step]:
        """The first route for a group, or the workspace's; empty: none."""
        return next((each.route for each in self.of_groups if fnmatchcase(group, each.group)), self.usual)


def written(steps: Sequence[Step]) -> str:
    """A route in its written form."""
    return " > ".join(map(_written, steps))


def _written(step: Step) -> str:
    rounds = str(step.rounds) if step.rounds > 1 else ""
    candidates = f"best of {step.candidates}" if step.candidates > 1 else ""
    return " ".join(part for part in (step.agent, step.effort or "", rounds, candidates) if part)
