"""Dependencies as a graph."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter


def cycle(dependencies: Mapping[str, Sequence[str]]) -> list[str] | None:
    """A cycle, first node repeated at the end and each waiting for the next, if there is one."""
    try:
        TopologicalSorter(dependencies).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return None
