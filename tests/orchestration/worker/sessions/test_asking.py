"""An agent asks people, and its conversation goes on with the answer."""

from collections.abc import Callable

import pytest

from orchestration.dialogue import questions
from orchestration.executor import dispatch, explain
from orchestration.models import Entry, Question, Session
from orchestration.reasons import Reason
from tests.factories import ANA
from tests.orchestration.worker.sessions.shop import Shop, entry_of, rounds_of, spends

pytestmark = pytest.mark.django_db(transaction=True)
ASK = """grep -q '^The answer:' "$MUSTER_PROMPT_FILE" && { cp "$MUSTER_PROMPT_FILE" ok; exit; }"""


def asks(*words: str) -> str:
    """An agent that asks once, and does its work when it has the answer."""
    return "\n".join([ASK, *words])


def test_it_waits_for_the_answer_and_goes_on_with_it(shop: Callable[..., Shop]) -> None:
    place = shop(asks("echo draft > draft", spends(0.5), "muster-ask 'Which   name?' > said"), protected=[])
    session = place.run()
    assert (session.outcome, session.outcome_message) == (Session.Outcome.ASKED, "It asked: Which   name?")
    entry = entry_of(session)
    assert (entry.status, entry.rounds_completed, entry.crashes) == (Entry.Status.PENDING, 0, 0)
    session.hold.refresh_from_db()
    assert session.hold.state == "settled" and entry.account.spent == 500_000 and entry.account.held == 0
    dispatch.cycle(place.workspace.pk)
    why = explain.reasons(place.workspace.pk, [entry.pk])[entry.pk].why
    assert why and (why.code, why.message) == (Reason.WAITING_FOR_ANSWER, "Its agent asks: Which   name?")
    question = Question.objects.get(entry=entry)
    questions.answer(place.workspace.pk, question.pk, "Call it *tally*.", by=ANA)
    place.run(entry)
    assert entry_of(session).status == Entry.Status.DONE
    prompt = place.merged("ok") or ""
    assert prompt.index("> Which   name?") < prompt.index("> Call it *tally*.") < prompt.index("# Task")
    question.refresh_from_db()
    assert question.delivered_at and question.round == rounds_of(session)[1]
