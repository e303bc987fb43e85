"""`ask` and `answer`: what people say to agents, and what agents ask."""

import sys
import uuid
from typing import Annotated

import typer

from muster_cli.completion.entries import at_work
from muster_cli.entry_names import entry, entry_id
from muster_cli.errors import Problem, Refused, Usage
from muster_cli.output import Column, table, time_of
from muster_cli.run import Run, command
from muster_client.api.sessions import session_messages_create
from muster_client.api.todo import (
    todo_entry_instructions_create,
    todo_entry_messages,
    todo_question_answer,
    todo_questions_unanswered,
)
from muster_client.models import AnswerIn, InstructionIn, MessageIn

TargetArgument = Annotated[
    str,
    typer.Argument(metavar="ENTRY|SESSION", help="An entry, or a session at work.", show_default=False, autocompletion=at_work),
]
TextArgument = Annotated[str | None, typer.Argument(metavar="TEXT|-", help="- reads stdin.", show_default=False)]
QuestionArgument = Annotated[str | None, typer.Argument(metavar="QUESTION", help="Its number.", show_default=False)]
RetryOption = Annotated[bool, typer.Option("--retry", help="An entry that is blocked or failed goes on with it.")]

MESSAGES: list[Column] = [
    ("SENT", lambda row: time_of(row["sent_at"])),
    ("BY", lambda row: row["sent_by"]),
    ("STATE", lambda row: row["state"]),
    ("TEXT", lambda row: row["text"]),
]
QUESTIONS: list[Column] = [
    ("QUESTION", lambda row: row["id"]),
    ("ENTRY", lambda row: row["seq"]),
    ("SINCE", lambda row: time_of(row["asked_at"])),
    ("TEXT", lambda row: row["text"]),
]


def ask(run: Run, target: TargetArgument, text: TextArgument = None, retry: RetryOption = False) -> None:
    """Ask something of an entry's agent: it reads it first in its next round, a session at work at its next tool. Without a text: list what
    was asked, and what has arrived."""
    if text is None:
        request = todo_entry_messages.request(run.workspace, entry_id(run, target))
        rows = list(run.server.pages(request, "messages"))
        run.output.show({"messages": rows}, rows, lambda: table(rows, MESSAGES, empty="No messages."))
        return
    _send(run, target, _read(text), retry=retry)


def answer(run: Run, question: QuestionArgument = None, text: TextArgument = None) -> None:
    """Answer an agent's question: its entry goes on. Without one: list those that wait."""
    if question is None:
        rows = list(run.server.pages(todo_questions_unanswered.request(run.workspace), "questions"))
        run.output.show({"questions": rows}, rows, lambda: table(rows, QUESTIONS, empty="No agent asks anything."))
        return
    if text is None:
        raise Usage("Name the answer too: muster answer QUESTION TEXT")
    try:
        document = run.server.call(todo_question_answer.request(run.workspace, question, body=AnswerIn(_read(text))))
    except Refused as refusal:
        raise _with_questions(run, question) if refusal.status == 404 else refusal from None
    run.output.show(document, None, lambda: [f"Answered question {document['id']}."])


def register(app: typer.Typer) -> None:
    command(app, "ask")(ask)
    command(app, "answer")(answer)


def _read(text: str) -> str:
    return sys.stdin.read().strip() if text == "-" else text


def _send(run: Run, target: str, words: str, *, retry: bool) -> None:
    key = uuid.uuid4().hex
    if target.startswith("sess_"):
        if retry:
            raise Usage("--retry is for an entry.")
        request = session_messages_create.request(run.workspace, target, body=MessageIn(words), idempotency_key=key)
    else:
        body = InstructionIn(words, retry=retry)
        request = todo_entry_instructions_create.request(run.workspace, entry_id(run, target), body=body, idempotency_key=key)
    try:
        document = run.server.call(request)
    except Refused as refusal:
        raise _with_reopening(run, target) or refusal from None
    run.output.show(document, None, lambda: [f"Message {document['id']}: {document['state']}."])


def _with_reopening(run: Run, target: str) -> Problem | None:
    """The command that reopens the entry, if it is done."""
    row = None if target.startswith("sess_") else entry(run, target)
    if row is None or row["status"] != "done":
        return None
    return Problem(f"Entry {row['seq']} is done: reopen it first with muster start {row['seq']}, or add a new one.")


def _with_questions(run: Run, question: str) -> Problem:
    """The questions that wait, for a person who gave the number of an entry, or an old one."""
    rows = run.server.pages(todo_questions_unanswered.request(run.workspace), "questions")
    listed = [f"Entry {row['seq']} asks question {row['id']}: muster answer {row['id']} TEXT" for row in rows]
    return Problem("\n".join([f"There is no question {question}.", *(listed or ["No agent asks anything."])]))
