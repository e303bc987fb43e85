"""The proposals of a run, written once, right before it ends."""

from django.db import transaction

from orchestration import sessions
from orchestration.models import Proposal, Run, Session
from orchestration.proposals.answering.proposed import Answer


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
