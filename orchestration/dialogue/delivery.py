"""The mail of people for an agent: answers, instructions and messages, until an agent is known to have got them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from orchestration.messaging import wake_ups
from orchestration.models import Message, Question, Round, Session
from workspaces.access import MUSTER

FIRST = "# What people say\n\nThis comes first, before anything else below.\n"
OWN = "# What Muster sees\n"
ANSWERS = "# Answers to your questions\n"
GO_ON = "Continue the task where you stopped, and finish it."


@dataclass(frozen=True)
class Mail:
    """The mail that has not arrived yet. Empty: nothing waits."""

    messages: Sequence[Message] = ()
    answers: Sequence[Question] = ()

    def __bool__(self) -> bool:
        return bool(self.messages or self.answers)

    @property
    def text(self) -> str:
        """The text for a prompt, oldest first."""
        own = [message for message in self.messages if message.sent_by == MUSTER.name]
        of_people = [message for message in self.messages if message.sent_by != MUSTER.name]
        parts = [FIRST, *(f"{_quoted(message.text)}\n\n({message.sent_by})\n" for message in of_people)] if of_people else []
        parts += [OWN, *(f"{_quoted(message.text)}\n" for message in own)] if own else []
        if self.answers:
            parts += [
                ANSWERS,
                *(f"You asked:\n\n{_quoted(each.text)}\n\nThe answer:\n\n{_quoted(each.answer)}\n" for each in self.answers),
            ]
        return "\n".join(parts)

    def before(self, prompt: str) -> str:
        """The prompt with the mail first: no template of a workspace can lose it."""
        return f"{self.text}\n{prompt}" if self else prompt


def waiting(entry_id: str, begun: Round | None = None) -> Mail:
    """The mail for the entry's next prompt, that of the round that has `begun`. Each of several candidates gets all of it."""
    waits = Q(delivered_at__isnull=True)
    if begun is not None and begun.candidate:
        others = Round.of_any_candidate.filter(entry_id=entry_id, number=begun.number).exclude(pk=begun.pk)
        waits |= Q(round__in=others)
    return Mail(
        list(Message.objects.filter(waits, entry_id=entry_id)),
        list(Question.objects.filter(waits, entry_id=entry_id, answered_at__isnull=False)),
    )


def with_earlier(mail: Mail, entry_id: str, round_id: int) -> Mail:
    """The mail, the earlier answers to its entry, and the earlier messages of its round: for an agent without memory, which would ask again."""
    new = [message.pk for message in mail.messages]
    of_round = Q(round_id=round_id, delivered_at__isnull=False)
    return Mail(
        list(Message.objects.filter(Q(pk__in=new) | of_round, entry_id=entry_id)),
        list(Question.objects.filter(entry_id=entry_id, answered_at__isnull=False)),
    )


def messages_of(entry_id: str) -> Mail:
    """The messages that people wrote since the entry's agent got its prompt."""
    return Mail(list(Message.objects.filter(entry_id=entry_id, delivered_at__isnull=True)))


def for_session(session: Session, *, unless: Collection[int]) -> Mail:
    """The messages to the session itself that have not arrived. `unless`: ids of messages that its prompt has."""
    messages = Message.objects.filter(entry_id=session.entry_id, session=session, delivered_at__isnull=True)
    return Mail([message for message in messages if message.pk not in unless])


def give(mail: Mail, round_id: int) -> None:
    """The round's agent is about to get it."""
    if mail.messages:
        _undelivered(mail.messages).update(round_id=round_id)
    if mail.answers:
        _unread(mail.answers).update(round_id=round_id)


def confirm(mail: Mail, workspace_id: str) -> None:
    """The agent has it: it went on after it."""
    with transaction.atomic():
        if mail.messages:
            _undelivered(mail.messages).update(delivered_at=Now())
        if mail.answers:
            _unread(mail.answers).update(delivered_at=Now())
    wake_ups.publish_change(workspace_id, "entries", "workers")


def _undelivered(messages: Sequence[Message]) -> QuerySet[Message]:
    return Message.objects.filter(pk__in=[message.pk for message in messages], delivered_at__isnull=True)


def _unread(answers: Sequence[Question]) -> QuerySet[Question]:
    return Question.objects.filter(pk__in=[answer.pk for answer in answers], delivered_at__isnull=True)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.strip().split("\n"))
