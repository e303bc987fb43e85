"""An agent asks people, and its conversation goes on with the answer."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection

from orchestration.configuration import secrets
from orchestration.dialogue import messages, questions
from orchestration.executor import dispatch, explain
from orchestration.facts.reasons import Reason
from orchestration.models import Entry, Message, Question, Session
from orchestration.sessions.folders import session_dir
from orchestration.worker.agent_run import mailbox
from tests.factories import ANA, an_entry
from tests.orchestration.worker.sessions.shop import Shop, entry_of, gives, reports, rounds_of, spends

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


def test_a_command_agent_asks_by_a_line_of_its_output(shop: Callable[..., Shop]) -> None:
    place = shop(asks("echo draft > draft", reports(type="question", text="Which one?")), protected=[])
    session = place.run()
    assert session.outcome == Session.Outcome.ASKED
    assert [question.text for question in Question.objects.all()] == ["Which one?"]
    assert place.git("show", f"{entry_of(session).branch}:draft") == "draft", "its work is kept"


def test_an_agent_that_goes_on_after_its_question_is_stopped(shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "TURN_END_S", 0.5)
    session = shop(asks("muster-ask 'Which one?'; sleep 60"), protected=[]).run()
    assert session.outcome == Session.Outcome.ASKED
    assert (session.ended_at - session.started_at).total_seconds() < 20


def test_the_fourth_question_is_refused_where_the_agent_reads_it(shop: Callable[..., Shop]) -> None:
    many = [f"muster-ask 'Question {number}?' >> said 2>&1; echo $? >> said" for number in range(4)]
    session = shop(asks(*many), protected=[]).run()
    lines = (session_dir.worktrees() / session.owner_id / "said").read_text().split("\n")
    assert lines[1::2] == ["0", "0", "0", "1"] and lines[0] == questions.NOTED and lines[6] == questions.TOO_MANY
    assert Question.objects.count() == 3


def test_hostile_files_of_questions_change_nothing_else(shop: Callable[..., Shop], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the server's own")
    hostile = [
        'cd "$MUSTER_QUESTIONS"',
        f"ln -s {tmp_path}/secret a.question",
        "mkfifo b.question; mkdir c.question; : > d.question",
        "head -c 9000000 /dev/zero | tr '\\0' 'x' > e.question",
        "printf '\\377\\000<script>' > f.question",
        f"ln -s {tmp_path}/victim f.noted",
        "while [ -e f.question ]; do sleep 0.05; done",
        "for n in $(seq 200); do : > junk$n; done; sleep 1",
    ]
    session = shop(asks(*hostile), protected=[]).run()
    assert session.outcome == Session.Outcome.ASKED
    assert [question.text for question in Question.objects.all()] == ["\ufffd<script>"]
    assert not (tmp_path / "victim").exists()


def test_a_secret_in_a_question_is_masked(shop: Callable[..., Shop]) -> None:
    place = shop(asks('muster-ask "Is $A_KEY right?"'), protected=[])
    secrets.put(place.workspace.pk, "A_KEY", "s3cret-value", by=ANA)
    session = place.run()
    assert Question.objects.get().text == "Is [secret A_KEY] right?"
    assert "s3cret" not in session.outcome_message


def test_a_stop_counts_more_than_a_question(shop: Callable[..., Shop]) -> None:
    place = shop(asks("muster-ask 'Which one?'; touch asked; sleep 60"), protected=[])
    session = place.claim()
    asked = session_dir.worktrees() / session.owner_id / "asked"
    place.meanwhile(asked.exists, lambda: place.flags(session).request_end("interrupted"))
    assert place.supervise(session).outcome == Session.Outcome.INTERRUPTED
    why = explain.reasons(place.workspace.pk, [session.owner_id])[session.owner_id].why
    assert why and why.code == Reason.WAITING_FOR_ANSWER


def test_an_agent_that_judges_cannot_ask(shop: Callable[..., Shop]) -> None:
    judge = {"agent": {"command": 'muster-ask "May I?" || ' + gives("PASS")}, "required": True}
    place = shop("echo yes > ok", interceptor=judge)
    assert place.run().outcome == Session.Outcome.PASSED and not Question.objects.exists()


def test_an_instruction_is_first_in_the_next_prompt_and_shown_in_its_round(shop: Callable[..., Shop]) -> None:
    place = shop('cp "$MUSTER_PROMPT_FILE" ok', protected=[])
    entry = an_entry(place.workspace, budget="5")
    message = messages.instruct(entry, "Use *tabs*.", by=ANA)
    session = place.run(entry)
    assert (place.merged("ok") or "").startswith("# What people say")
    message.refresh_from_db()
    [round_] = rounds_of(session)
    assert message.delivered_at and message.round == round_ and "> Use *tabs*." in round_.prompt


def test_what_comes_while_an_agent_works_is_its_next_prompt_before_anything_lands(shop: Callable[..., Shop]) -> None:
    agent = """cp "$MUSTER_PROMPT_FILE" ok; cat ok >> prompts; touch begun; test -f go || until test -f go; do sleep 0.1; done"""
    place = shop(agent, protected=[])
    session = place.claim()
    copy = session_dir.worktrees() / session.owner_id

    def write() -> None:
        messages.send(session, "Also write b.", by=ANA)
        (copy / "go").touch()
        connection.close()

    place.meanwhile((copy / "begun").exists, write)
    place.supervise(session)
    place.land()
    assert entry_of(session).status == Entry.Status.DONE and len(rounds_of(session)) == 1
    assert "> Also write b." in (place.merged("ok") or "")
    assert Message.objects.get().delivered_at


def test_an_instruction_that_no_agent_read_is_in_the_prompt_after_it(shop: Callable[..., Shop]) -> None:
    place = shop('grep -q tabs "$MUSTER_PROMPT_FILE" && test -f second || { touch second; exit 3; }; echo yes > ok', protected=[])
    entry = an_entry(place.workspace, budget="5")
    message = messages.instruct(entry, "Use *tabs*.", by=ANA)
    assert place.run(entry).outcome == Session.Outcome.CRASHED
    message.refresh_from_db()
    assert messages.state(message, entry) == "queued", "nobody knows whether it was read"
    assert place.run(entry).outcome == Session.Outcome.PASSED
