"""The proposals of a run, written once, right before it ends."""

from django.db import transaction

from orchestration import sessions
from orchestration.models import Proposal, Run, Session
from orchestration.proposals.answers import Answer


def keep_answer(session: Session, text: str, answer: Answer) -> None:
    """Keep what the agent answered and what was wrong with it, and its proposals if nothing was. Raises Superseded when this worker no
    longer owns the run."""
    with transaction.atomic():
        sessions.write(session, progress=_progress(answer))
        Run.objects.filter(pk=session.pk).update(answer=text, problems=list(answer.problems))
        if answer.problems:
            return
        Proposal.objects.bulk_create(
            Proposal(
                run_id=session.pk,
                number=n,
                after=entry.proposed().stored(),
                reason=entry.reason,
                note=_note(answer, n - 1),
                tests_on_base=answer.on_base[n - 1].as_json() if n - 1 in answer.on_base else {},
            )
            for n, entry in enumerate(answer.entries, start=1)
        )


def _note(answer: Answer, place: int) -> str:
    problem = answer.on_base[place].problem if place in answer.on_base else ""
    return f"{problem} {answer.notes.get(place, '')}".strip()[:500]


def _progress(answer: Answer) -> str:
    if answer.problems:
        return f"Its answer cannot be used: {answer.problems[0]}"[:500]
    return f"It proposes {len(answer.entries)} {'entry' if len(answer.entries) == 1 else 'entries'}"
