"""The shape of a reader of plans: what it reads, how it knows it, and where its tool keeps it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orchestration.plans.readers.shared.items import Item, Plan


@dataclass(frozen=True)
class Reader:
    """`plan`: reads a text; raises Unreadable for one of another shape. `certainty`: that a text is of this format, 0 to 10; the reader that
    is most certain reads it. YAML is at 1, checklists at 2, other lists at 3, single tools above. `several`: reads several files as one text. `places`:
    where its tool keeps its tasks, below a repository. `not_plans`: how documents of the tool begin that have no tasks, each with a sentence. `nothing`: the words for a plan without
    entries."""

    title: str
    plan: Callable[[str], Plan]
    certainty: Callable[[str], int]
    several: bool = False
    places: tuple[str, ...] = ()
    not_plans: Mapping[re.Pattern[str], str] = field(default_factory=dict)
    nothing: str = ""


def of_items(format: str, items: Callable[[str], tuple[Item, ...]]) -> Callable[[str], Plan]:
    """A plan that is nothing but entries."""
    return lambda text: Plan(format, items(text))


def is_json(text: str) -> bool:
    return text[:1] in ("{", "[")
