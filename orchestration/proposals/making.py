"""The proposals of a run, written once, right before it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from orchestration import sessions
from orchestration.models import Proposal, Run, Session

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


def keep_answer(session: Session, text: str, answer: Answer) -> None:
    """Keep what the agent answered and what was wrong with it, and its proposals if nothing was. Raises Superseded when this worker no
    longer owns the run."""
    with transaction.atomic():
        unusable = f"Its answer cannot be used: {answer.problems[0]}"[:500] if answer.problems else ""
        sessions.write(session, progress=unusable or answer.sentence)
        Run.objects.filter(pk=session.pk).update(answer=text, problems=list(answer.problems))
        if answer.problems:
            return
        Proposal.objects.bulk_create(
            Proposal(
                run_id=session.pk,
                number=n,
                kind=proposed.kind,
                subject_id=proposed.subject,
                before=proposed.before,
                after=proposed.after,
                reason=proposed.reason[:500],
                note=proposed.note[:500],
                tests_on_base=proposed.tests_on_base,
                estimate=proposed.estimate,
            )
            for n, proposed in enumerate(answer.proposed, start=1)
        )
