"""The changes that an answer proposes, before they have rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestration.models import Proposal

NAMES = {Proposal.Kind.ADD: ("entry", "entries"), Proposal.Kind.SPLIT: ("split", "splits")}
NOTHING = "It proposes nothing: the backlog is good as it is"


@dataclass(frozen=True)
class Proposed:
    """A proposal before it has a row. `subject`: the id of the entry that it changes, and `before`: that entry as the run read it.
    `tests_on_base`: what its tests said on that commit. `estimate`: its chances, and micro-USD of a round."""

    kind: Proposal.Kind
    after: Mapping[str, Any]
    reason: str = ""
    note: str = ""
    subject: str | None = None
    before: Mapping[str, Any] | None = None
    tests_on_base: Mapping[str, Any] = field(default_factory=dict)
    estimate: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """The changes that an agent's answer proposes. With problems, which are sentences, nothing of it is used. `doubts`: sentences that the
    agent gets too if it has another turn; if not, the proposals are marked with them."""

    proposed: Sequence[Proposed] = ()
    problems: Sequence[str] = ()
    doubts: Sequence[str] = ()

    @property
    def sentence(self) -> str:
        if not self.proposed:
            return NOTHING
        kinds = {proposed.kind for proposed in self.proposed}
        singular, plural = NAMES.get(kinds.pop(), ("change", "changes")) if len(kinds) == 1 else ("change", "changes")
        return f"It proposes {len(self.proposed)} {singular if len(self.proposed) == 1 else plural}"
