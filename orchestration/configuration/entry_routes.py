"""Routes of entries: whose steps they are, and the agent of the next session in the entry's row, where the ready line reads it."""

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
class Place:
    """The place of an entry on its route. `rounds`: its completed rounds on this step."""

    steps: Sequence[Step]
    step: int = 0
    rounds: int = 0

    @property
    def current(self) -> Step:
        """The current step, or the last one of a route that became shorter."""
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
    """Its own route, the agent that it asks for, the first route of the config that fits its group, or the workspace's."""
    if route := own(entry):
        return route
    if entry.agent:
        return (Step(agent=entry.agent),)
    return routes_of(config).of(entry.group) or USUAL


def routes_of(config: Config) -> Routes:
    return Routes(config.routes, config.route or ())


def own(entry: Entry) -> list[Step]:
    """The steps of an entry's own route."""
    return [Step.model_validate(step) for step in entry.route]


def place_of(entry: Entry, config: Config) -> Place:
    return Place(steps_of(entry, config), entry.step, max(entry.rounds_completed - entry.step_since, 0))


def checked(config: Config, route: Sequence[Step]) -> list[dict[str, object]]:
    """The steps as entries keep them. Raises Invalid for a step whose agent the config does not have, or takes no effort."""
    for n, step in enumerate(route, start=1):
        try:
            config.check_step(step)
        except ValueError as problem:
            raise Invalid(f"Step {n}: {problem}", "route") from None
    return [step.model_dump(exclude_none=True) for step in route]


def point(entry: Entry, config: Config) -> None:
    """Set the agent of the entry's next session, and how many work at once, without saving."""
    place = place_of(entry, config)
    entry.next_agent, entry.next_effort = place.agent, place.current.effort or ""
    entry.next_candidates = place.current.candidates


def lost_agent(entry: Entry, config: Config) -> str:
    """A sentence where a config, which may have changed since the entry was done or deleted, lacks an agent that it asks for; empty: it has all."""
    lost = next((step.agent for step in steps_of(entry, config) if step.agent not in (DEFAULT, *config.by_name)), "")
    return f"The config has no agent {lost} any more: choose another for the entry, or add it" if lost else ""


def begin(entry: Entry, config: Config) -> None:
    """Put an entry at the first step of its route, without saving."""
    entry.step, entry.step_since, entry.step_reason = 0, entry.rounds_completed, ""
    forget_refusal(entry)
    point(entry, config)


def go_on(entry: Entry, config: Config, reason: str) -> Place:
    """Put it at the next step of its route, without saving. `reason`: why this one is over. Returns its new place."""
    step = place_of(entry, config).step
    entry.step, entry.step_since, entry.step_reason = step + 1, entry.rounds_completed, f"step {step + 1} {reason}"
    forget_refusal(entry)
    point(entry, config)
    return place_of(entry, config)


def point_all(workspace_id: str, config: Config) -> None:
    """Point the entries that follow the routes of a config which has changed. A statement for each group and step."""
    following = Entry.objects.filter(workspace_id=workspace_id, agent="", route=[], deleted_at__isnull=True)
    following = following.exclude(status=Entry.Status.DONE)
    for group, step in list(following.order_by().values_list("group", "step").distinct()):
        entry = Entry(group=group, step=step)
        point(entry, config)
        columns = {name: getattr(entry, name) for name in NEXT}
        following.filter(group=group, step=step).exclude(**columns).update(**columns)


def forget_refusal(entry: Entry) -> None:
    """Its next request is another one than was refused: another agent's, or about another text. Without saving."""
    for name, value in Entry.NOT_REFUSED.items():
        setattr(entry, name, value)


def forget_refusals(workspace_id: str) -> None:
    """Requests of a whole workspace cost something else from now on, or may."""
    Entry.objects.filter(workspace_id=workspace_id, least_request__gt=0).update(**Entry.NOT_REFUSED)
