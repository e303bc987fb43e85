"""The shape of a kind's module. To add a kind: its word in `Proposal.Kind`, a module of this shape, a row in `applying.KINDS`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestration.models import Proposal, Run
from orchestration.proposals.context.planning_context import Known
from orchestration.proposals.context.snapshots import EntrySnapshot
from workspaces.access import Caller


@dataclass(frozen=True)
class Backlog:
    """The backlog under the executor's lock, before anything is applied. `snapshots`: of the proposals' subjects, without deleted ones."""

    run: Run
    entries: Sequence[Known]
    snapshots: Mapping[str, EntrySnapshot]


class Kind(Protocol):
    """Each function is called in a transaction that holds the executor's row, with proposals of this kind in their order."""

    def outdated(self, proposal: Proposal, backlog: Backlog) -> str:
        """The reason why it cannot be applied to the backlog as it is now, as a sentence; empty: it can."""

    def apply(self, proposals: Sequence[Proposal], backlog: Backlog, *, by: Caller) -> None:
        """Change the backlog, and set `entry` of each. Raises Refused where the backlog refuses one of them: nothing is changed then."""

    def undo(self, proposals: Sequence[Proposal], *, by: Caller) -> None:
        """Restore what was before. Raises Refused where an entry has started or was changed since."""
