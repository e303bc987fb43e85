"""Routes of entries, and the denormalised agent of the next session in the entry's row for the ready line."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.configuration.config.agents import DEFAULT
from orchestration.configuration.config.routes import Routes, Step
from orchestration.configuration.config.workspace import Config
from orchestration.models import Entry
from workspaces.errors import Invalid

NEXT = ("next_agent", "next_effort", "next_candidates")
COLUMNS = ("step", "step_since", "step_reason", *NEXT, *Entry.NOT_REFUSED)
USUAL = (Step(),)


@dataclass(frozen=True, slots=True)
class RoutePosition:
    """An entry's position on its route."""

    steps: Sequence[Step]
    step: int = 0
    rounds: int = 0  # completed on this step

    @property
    def current(self) -> Step:
        """The current step, or the last one of a shortened route."""
        return self.steps[min(self.step, len(self.steps) - 1)]

    @property
    def agent(self) -> str:
        """The route's stored name: "" for the default."""
        return "" if self.current.agent == DEFAULT else self.current.agent

    @property
    def number(self) -> int:
        """The number of the current step, from 1."""
        return min(self.step, len(self.steps) - 1) + 1

    @property
    def has_next(self) -> bool:
        return self.step + 1 < len(self.steps)


def steps_of(entry: Entry, config: Config) -> Sequence[Step]:
    """The entry's own route, its own agent, the config's first route for its group, or the workspace's route."""
    if route := own_route(entry):
        return route
    if entry.agent:
        return (Step(agent=entry.agent),)
    return routes_of(config).of(entry.group) or USUAL


def routes_of(config: Config) -> Routes:
    return Routes(config.routes, config.route or ())


def own_route(entry: Entry) -> list[Step]:
    """The steps of an entry's own route."""
    return [Step.model_validate(step) for step in entry.route]


def position_of(entry: Entry, config: Config) -> RoutePosition:
    return RoutePosition(steps_of(entry, config), entry.step, max(entry.rounds_completed - entry.step_since, 0))


def checked(config: Config, route: Sequence[Step]) -> list[dict[str, object]]:
    """The steps in their stored form. Raises Invalid for an unknown agent, and for an effort without support."""
    for n, step in enumerate(route, start=1):
        try:
            config.check_step(step)
        except ValueError as problem:
            raise Invalid(f"Step {n}: {problem}", "route") from None
    return [step.model_dump(exclude_none=True) for step in route]


def set_next_agent(entry: Entry, config: Config) -> None:
    """Set the agent of the entry's next session and its candidates, without saving."""
    position = position_of(entry, config)
    entry.next_agent, entry.next_effort = position.agent, position.current.effort or ""
    entry.next_candidates = position.current.candidates


def missing_agent(entry: Entry, config: Config) -> str:
    """A sentence about a missing agent of the entry, or "". The config may have changed since the entry was done or deleted."""
    lost = next((step.agent for step in steps_of(entry, config) if step.agent not in (DEFAULT, *config.by_name)), "")
    return f"The config has no agent {lost} any more: choose another for the entry, or add it" if lost else ""


def restart(entry: Entry, config: Config) -> None:
    """Put an entry at the first step of its route, without saving."""
    entry.step, entry.step_since, entry.step_reason = 0, entry.rounds_completed, ""
    forget_refusal(entry)
    set_next_agent(entry, config)


def advance(entry: Entry, config: Config, reason_over: str) -> RoutePosition:
    """Put an entry at the next step of its route, without saving. Returns its new position."""
    step = position_of(entry, config).step
    entry.step, entry.step_since, entry.step_reason = step + 1, entry.rounds_completed, f"step {step + 1} {reason_over}"
    forget_refusal(entry)
    set_next_agent(entry, config)
    return position_of(entry, config)


def set_next_agents(workspace_id: str, config: Config) -> None:
    """Update the entries on a changed config's routes. One statement per group and step."""
    following = Entry.objects.filter(workspace_id=workspace_id, agent="", route=[], deleted_at__isnull=True)
    following = following.exclude(status=Entry.Status.DONE)
    for group, step in list(following.order_by().values_list("group", "step").distinct()):
        entry = Entry(group=group, step=step)
        set_next_agent(entry, config)
        columns = {name: getattr(entry, name) for name in NEXT}
        following.filter(group=group, step=step).exclude(**columns).update(**columns)


def forget_refusal(entry: Entry) -> None:
    """Clear the refused request, without saving: the next one has another agent or text."""
    for name, value in Entry.NOT_REFUSED.items():
        setattr(entry, name, value)


def forget_refusals(workspace_id: str) -> None:
    """Clear the refused requests of a workspace: their cost may have changed."""
    Entry.objects.filter(workspace_id=workspace_id, least_request__gt=0).update(**Entry.NOT_REFUSED)
