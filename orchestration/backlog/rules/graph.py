"""Dependencies as a graph."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter


def cycle(dependencies: Mapping[str, Sequence[str]]) -> list[str] | None:
    """A cycle in which each node waits for the next, the first repeated at the end; None without one."""
    try:
        TopologicalSorter(dependencies).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return None
