"""A process of an agent asks, and gets what people wrote, each once, and nothing is lost while the database is away."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.dialogue import delivery, messages, questions
from orchestration.dialogue.delivery import Mail
from orchestration.models import Message, Question, Round, Session
from orchestration.sessions import supervise
from orchestration.worker.agent_run import mailbox
from orchestration.worker.agent_run.mailbox import Mailbox
from orchestration.worker.agents.shared.events import Asked, Finished, Started, Text, Usage, Waiting
from tests.factories import ANA, a_session, an_entry
from workspaces.secrets.masking import Mask

pytestmark = pytest.mark.django_db
MASK = Mask({"API_KEY": "sk-very-secret"})


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(mailbox, "time", clock)
    return clock


@pytest.fixture
def box(session: Session, tmp_path: Path, clock: Clock) -> Callable[..., Mailbox]:
    def make(*, record: str = "implement", mail: Mail | None = None, round_id: int = 0) -> Mailbox:
        return Mailbox(session, tmp_path, MASK, record=record, mail=mail or Mail(), round_id=round_id)

    return make


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    there = supervise.try_database
    return lambda is_away: monkeypatch.setattr(supervise, "try_database", (lambda _: False) if is_away else there)


def ask(folder: Path, name: str, text: str, at: int = 1) -> None:
    path = folder / f"{name}.question"
    path.write_text(text)
    os.utime(path, (at, at))


def noted() -> list[tuple[str, str]]:
    return list(Question.objects.order_by("pk").values_list("name", "text"))


def test_questions_of_both_kinds_are_noted_once_the_oldest_first(box: Callable[..., Mailbox], tmp_path: Path) -> None:
    first = box(record="implement-2")
    first.read_event(Asked("line-1", "Of its output: sk-very-secret?"))
    ask(tmp_path, "a", "Newer\0?", at=9)
    ask(tmp_path, "b", "Older sk-very\0-secret?", at=3)
    (tmp_path / "odd-name.question").write_text("No")
    (tmp_path / "c.question.txt").write_text("No")
    assert first.collect() and first.collect() and first.asked
    assert noted() == [
        ("implement-2:line-1", "Of its output: [secret API_KEY]?"),
        ("file:b", "Older [secret API_KEY]?"),
        ("file:a", "Newer?"),
    ]
    assert (tmp_path / "a.noted").read_text() == (tmp_path / "b.noted").read_text() == f"{questions.NOTED}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.noted", "b.noted", "c.question.txt", "odd-name.question"]


def test_each_turn_has_questions_of_its_own(box: Callable[..., Mailbox]) -> None:
    for record in ("implement", "implement-2", "implement-2"):
        turn = box(record=record)
        turn.read_event(Asked("line-1", f"By {record}?"))
        turn.collect()
    assert noted() == [("implement:line-1", "By implement?"), ("implement-2:line-1", "By implement-2?")]


def test_questions_wait_while_the_database_is_away(
    box: Callable[..., Mailbox], tmp_path: Path, away: Callable[[bool], None]
) -> None:
    mine = box()
    mine.read_event(Asked("line-1", "One?"))
    ask(tmp_path, "a", "Two?")
    away(True)
    assert not mine.collect() and not mine.asked and (tmp_path / "a.question").exists()
    away(False)
    assert mine.collect() and [text for _, text in noted()] == ["One?", "Two?"]
    ask(tmp_path, "b", "Three?")
    away(True)
    assert not mine.collect() and (tmp_path / "b.question").exists() and not (tmp_path / "b.noted").exists()


def test_a_refused_question_is_answered_and_ends_no_turn(box: Callable[..., Mailbox], tmp_path: Path) -> None:
    mine = box()
    ask(tmp_path, "a", " \n")
    assert mine.collect() and not mine.asked and noted() == []
    assert not (tmp_path / "a.question").exists() and (tmp_path / "a.refused").read_text().strip()


def test_a_link_takes_no_other_question_along_and_no_more_files_are_looked_at_than_allowed(
    box: Callable[..., Mailbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link.question").symlink_to(tmp_path / "nowhere")
    ask(tmp_path, "a", "One?")
    assert box().collect() and [text for _, text in noted()] == ["One?"]
    assert not (tmp_path / "link.question").is_symlink()
    monkeypatch.setattr(mailbox, "MAX_FILES", 2)
    for name in "bcd":
        ask(tmp_path, name, f"{name}?")
    (tmp_path / "a.noted").unlink()
    box().collect()
    assert len(noted()) == 3 and len(list(tmp_path.glob("*.question"))) == 1


def test_the_turn_is_to_end_within_a_minute_of_its_first_question(
    box: Callable[..., Mailbox], tmp_path: Path, clock: Clock
) -> None:
    mine = box()
    ask(tmp_path, "a", "One?")
    mine.collect()
    clock.now += 59
    ask(tmp_path, "b", "Two?")
    mine.collect()
    assert not mine.goes_on
    clock.now += 2
    assert mine.goes_on and not box().goes_on


def delivered(message: Message) -> bool:
    return Message.objects.get(pk=message.pk).delivered_at is not None


@pytest.mark.parametrize(
    ("event", "has_read"),
    [
        (Asked("1", "?"), True),
        (Usage("1"), True),
        (Text("x"), True),
        (Finished(True), True),
        (Started("t"), False),
        (Waiting("busy"), False),
    ],
)
def test_an_agent_that_does_something_has_read_its_prompt(
    box: Callable[..., Mailbox], session: Session, away: Callable[[bool], None], event: Any, has_read: bool
) -> None:
    message, other = messages.instruct(session.entry, "Use tabs", by=ANA), messages.instruct(session.entry, "Later", by=ANA)
    mine = box(mail=Mail([message]))
    away(True)
    mine.read_event(event)
    assert not delivered(message)
    away(False)
    mine.read_event(event)
    assert (delivered(message), delivered(other)) == (has_read, False)


def test_words_come_with_the_next_tool_once_and_arrive_with_the_one_after(
    box: Callable[..., Mailbox], session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "connection", type("Kept", (), {"close": lambda self: None})())
    round_ = Round.objects.get(session=session)
    in_prompt, first = messages.send(session, "In its prompt", by=ANA), messages.send(session, "First", by=ANA)
    other = messages.send(a_session(an_entry(session.workspace)), "To another", by=ANA)
    mine = box(mail=Mail([in_prompt]), round_id=round_.pk)
    assert mine.after_tool({"agent_id": "sub"}) == ("", "")
    text, end = mine.after_tool({})
    assert "> First" in text and "In its prompt" not in text and end == "" and not delivered(first)
    assert Message.objects.get(pk=first.pk).round_id == round_.pk
    second = messages.send(session, "Second", by=ANA)
    ask(tmp_path, "a", "One?")
    mine.collect()
    text, end = mine.after_tool({})
    assert "> Second" in text and "First" not in text and end == questions.NOTED
    assert (delivered(first), delivered(second)) == (True, False)
    mine.confirm_handed()
    assert delivered(second) and not delivered(in_prompt) and not delivered(other)
    assert delivery.for_session(session, unless={in_prompt.pk}).text == ""
