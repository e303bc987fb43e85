"""`muster logs`: every line once, however many, until the end."""

import json
from collections.abc import Callable, Iterator

import httpx2
import pytest

from orchestration.dialogue import questions
from orchestration.models import Entry, Executor, Question, Session
from orchestration.sessions.logs import chunks, sentences
from tests.cli.terminal import InProcess, Terminal
from tests.factories import CLOSED, a_session, a_workspace, an_entry, ended
from tests.orchestration.approval.asked import WHY, asked_again
from tests.orchestration.proposals.made import PLANNER, a_running_run
from workspaces.models import Workspace

MANY = 100_000


@pytest.fixture
def session(workspace: Workspace) -> Session:
    return a_session(an_entry(workspace))


@pytest.fixture
def writer(session: Session) -> chunks.Writer:
    return chunks.Writer(session, limit=100_000_000)


def write(writer: chunks.Writer, *texts: str) -> None:
    for text in texts:
        writer.add("stdout", text)
        if writer.is_full:
            writer.flush()
    writer.flush()


@pytest.fixture
def while_it_waits(monkeypatch: pytest.MonkeyPatch, muster: Terminal) -> Callable[..., None]:
    """Each wait of a follow does the next of these steps instead. Ctrl-C after the last."""

    def plan(*steps: Callable[[], object]) -> None:
        remaining: Iterator[Callable[[], object]] = iter(steps)

        def wait(_: float) -> None:
            step = next(remaining, None)
            if step is None:
                raise KeyboardInterrupt
            step()

        from muster_cli.commands import logs

        monkeypatch.setattr(logs.time, "sleep", wait)

    return plan


def test_the_newest_session_of_an_entry_is_printed(muster: Terminal, session: Session, writer: chunks.Writer) -> None:
    write(writer, "first", "", "a\u2028b\x0bc", "last")
    assert muster("logs", "1").out == "first\n\na\u2028b\\u000bc\nlast\n"
    assert muster("logs", session.pk, "--after", "3").out == "last\n"
    rows = [json.loads(line) for line in muster("logs", session.pk, "-o", "jsonl").out.splitlines()]
    assert [row["seq"] for row in rows] == [1, 2, 3, 4]


AS_JSON = json.dumps({"type": "text", "text": "reading the tests"})


def test_lines_of_an_agent_are_sentences_for_people_alone(muster: Terminal, session: Session, writer: chunks.Writer) -> None:
    write(writer, AS_JSON, '{"unknown": 1}')
    assert muster("logs", session.pk).out == 'Text: reading the tests\n{"unknown": 1}\n'
    assert muster("logs", session.pk, "--raw").out.splitlines()[0] == AS_JSON
    assert json.loads(muster("logs", session.pk, "-o", "jsonl").out.splitlines()[0])["text"] == AS_JSON


def test_no_line_of_an_agent_steers_the_terminal_behind_a_pipe(muster: Terminal, session: Session, writer: chunks.Writer) -> None:
    hostile = "\x1b]0;title\x07a\x1b[2J\x9b1m\u202eb\x1b[31mred\x1b[0m\r"
    write(writer, hostile, json.dumps({"type": "tool", "name": "sh", "arguments": hostile}))
    line, sentence = muster("logs", session.pk).out.splitlines()
    assert line == r"\u001b]0;title\u0007a\u001b[2J\u009b1m\u202ebred"
    assert sentence.startswith("Tool: sh ")
    assert not set(line + sentence) & set("\x1b\x9b\x07\u202e\r")
    assert hostile.rstrip("\r") in muster("logs", session.pk, "--raw").out


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ({"type": "tool", "name": "bash", "arguments": "ls -l"}, "Shell: bash ls -l"),
        ({"type": "tool", "name": "bash", "arguments": {"command": "ls -l"}, "answer": "a"}, "Shell: bash ls -l"),
        ({"type": "question", "text": "Which date?"}, "Text: Asks: Which date?"),
        ({"type": "verdict", "verdict": "PASS"}, "Result: Verdict: passed"),
        ({"type": "result", "ok": False}, "End: Not done"),
    ],
)
def test_each_documented_line_of_a_command_agent_is_a_sentence(line: dict[str, object], sentence: str) -> None:
    assert sentences.text(json.dumps(line)) == sentence


def test_an_older_server_has_the_lines_as_they_were_written(
    muster: Terminal, session: Session, writer: chunks.Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(writer, AS_JSON)
    ended(session)
    answer, asked = InProcess.handle_request, []

    def older(self: InProcess, request: httpx2.Request) -> httpx2.Response:
        asked.append("sentences" in request.url.params)
        if asked[-1]:
            problem = {"propertyNames": ["sentences"], "message": "Unknown query parameter"}
            return httpx2.Response(400, json={"data": {}, "errors": [problem], "success": False})
        return answer(self, request)

    monkeypatch.setattr(InProcess, "handle_request", older)
    outcome = muster("logs", session.pk, "-f")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{AS_JSON}\n", "")
    assert asked.count(True) == 1


def test_many_lines_arrive_whole(muster: Terminal, session: Session, writer: chunks.Writer) -> None:
    write(writer, *(f"line {number}" for number in range(1, MANY + 1)))
    assert muster("logs", session.pk).out.splitlines() == [f"line {number}" for number in range(1, MANY + 1)]


def test_a_follow_ends_with_the_session(
    muster: Terminal, session: Session, writer: chunks.Writer, while_it_waits: Callable[..., None]
) -> None:
    write(writer, "one")

    def last_line() -> None:
        write(writer, "three")
        ended(session)

    while_it_waits(lambda: write(writer, "two"), last_line)
    outcome = muster("logs", session.pk, "-f")
    assert (outcome.code, outcome.out) == (0, "one\ntwo\nthree\n")


def test_an_entry_is_followed_into_its_next_session(
    muster: Terminal, session: Session, writer: chunks.Writer, while_it_waits: Callable[..., None]
) -> None:
    write(writer, "one")

    def next_session() -> None:
        following = a_session(session.entry)
        write(chunks.Writer(following, limit=1000), "two")
        ended(following, outcome="passed")

    while_it_waits(lambda: ended(session), next_session, lambda: Entry.objects.update(**CLOSED))
    outcome = muster("logs", "1", "-f")
    assert (outcome.code, outcome.out) == (0, "one\ntwo\n")
    first, second = session.entry.sessions.order_by("attempt").values_list("pk", flat=True)
    assert outcome.err.splitlines() == [f"-- Entry 1, session {first}", f"-- Entry 1, session {second}", "Entry 1 is done."]


def test_a_follow_ends_where_a_person_must_act_and_names_the_command(
    muster: Terminal, session: Session, while_it_waits: Callable[..., None]
) -> None:
    while_it_waits(lambda: asked_again(ended(session).entry, "c" * 40))
    outcome = muster("logs", "1", "-f")
    assert outcome.code == 0
    assert outcome.err.endswith(f"Entry 1 waits for approval: {WHY}. Next: muster approve 1\n")


def test_a_follow_ends_with_the_question_of_the_agent(
    muster: Terminal, session: Session, while_it_waits: Callable[..., None]
) -> None:
    questions.ask(session, "1", "Tabs or spaces?")
    while_it_waits(lambda: ended(session))
    number = Question.objects.get().pk
    sentence = f"Entry 1 waits: Its agent asks: Tabs or spaces? Next: muster answer {number} TEXT\n"
    assert muster("logs", "1", "-f").err.endswith(sentence)


def test_a_follow_names_what_the_entry_waits_for_once(
    muster: Terminal, workspace: Workspace, while_it_waits: Callable[..., None]
) -> None:
    an_entry(workspace)
    Executor.objects.update(state="paused")
    while_it_waits(lambda: None, lambda: None)
    outcome = muster("logs", "1", "-f")
    assert (outcome.code, outcome.err) == (130, "Entry 1 waits: The executor is paused. Next: muster start\n")


def test_the_end_of_a_failed_entry_is_named(muster: Terminal, workspace: Workspace) -> None:
    session = a_session(an_entry(workspace, budget_rounds=1))
    write(chunks.Writer(session, limit=1000), "one")
    ended(session)
    sentence = "Entry 1 failed: Its one round is used up: raise its rounds to continue. Next: muster start 1\n"
    for arguments in (("logs", "1"), ("logs", "1", "-f")):
        outcome = muster(*arguments)
        assert (outcome.code, outcome.out) == (0, "one\n") and outcome.err.endswith(sentence)


def test_the_exit_status_is_that_of_the_entry(muster: Terminal, workspace: Workspace) -> None:
    ended(a_session(an_entry(workspace, budget_rounds=1)))
    an_entry(workspace)
    muster("pause", "2")
    for name in ("1", "2"):
        assert [muster("logs", name, "-f", *words).code for words in ((), ("--exit-status",))] == [0, 1]
    Entry.objects.update(**CLOSED)
    assert muster("logs", "1", "-f", "--exit-status").code == 0
    assert muster("logs", "1", "--exit-status").code == 2, "it has no end without -f"


def test_the_exit_status_is_that_of_the_session_or_the_run(muster: Terminal) -> None:
    workspace = a_workspace(planner=PLANNER)
    muster.set("MUSTER_WORKSPACE", workspace.pk)
    for row in (ended(a_session(an_entry(workspace))), ended(a_running_run(workspace))):
        Session.of_any_role.filter(pk=row.pk).update(outcome="failed")
        assert muster("logs", row.pk, "-f", "--exit-status").code == 1
        Session.of_any_role.filter(pk=row.pk).update(outcome="passed")
        assert muster("logs", row.pk, "-f", "--exit-status").code == 0


def test_an_entry_that_waits_for_a_person_has_not_failed(muster: Terminal, session: Session) -> None:
    asked_again(ended(session).entry, "c" * 40)
    assert muster("logs", "1", "-f", "--exit-status").code == 0


def test_a_check_and_the_same_check_on_the_base_have_headings_of_their_own(
    muster: Terminal, session: Session, writer: chunks.Writer
) -> None:
    for stream in (
        "muster",
        "stdout",
        "setup-1:stdout",
        "stderr",
        "tests:stdout",
        "tests:muster",
        "tests:stderr",
        "base-tests:stdout",
    ):
        writer.add(stream, "line")
    writer.flush()
    assert muster("logs", session.pk).err.splitlines() == [
        "-- Setup command 1",
        "-- Agent",
        "-- Check tests",
        "-- Check tests on the base, without the entry's changes",
    ]
    assert muster("logs", session.pk, "-o", "jsonl").err == ""


def test_ctrl_c_ends_a_follow_without_a_word(
    muster: Terminal, session: Session, writer: chunks.Writer, while_it_waits: Callable[..., None]
) -> None:
    write(writer, "one")
    while_it_waits()
    outcome = muster("logs", session.pk, "-f")
    assert (outcome.code, outcome.out, outcome.err) == (130, "one\n", "")


def test_a_follow_survives_a_server_that_restarts(
    muster: Terminal,
    session: Session,
    writer: chunks.Writer,
    while_it_waits: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(writer, "one")
    answer = InProcess.handle_request

    def away(*_: object) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    def back() -> None:
        monkeypatch.setattr(InProcess, "handle_request", answer)
        write(writer, "two")
        ended(session)

    while_it_waits(lambda: monkeypatch.setattr(InProcess, "handle_request", away), lambda: None, lambda: None, back)
    outcome = muster("logs", session.pk, "-f")
    assert (outcome.code, outcome.out) == (0, "one\ntwo\n")
    assert outcome.err.splitlines() == [
        "muster: No Muster answers at http://testserver: refused. Trying again.",
        "muster: The server answers again.",
    ]


def test_a_follow_survives_a_server_that_restarts_between_two_sessions(
    muster: Terminal, workspace: Workspace, while_it_waits: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, answer = an_entry(workspace), InProcess.handle_request

    def away(*_: object) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    def back() -> None:
        monkeypatch.setattr(InProcess, "handle_request", answer)
        Entry.objects.filter(pk=entry.pk).update(**CLOSED)

    while_it_waits(lambda: monkeypatch.setattr(InProcess, "handle_request", away), lambda: None, back)
    outcome = muster("logs", "1", "-f")
    assert outcome.code == 0 and outcome.err.count("Trying again") == outcome.err.count("answers again") == 1


def test_a_server_that_is_not_there_is_named(muster: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    monkeypatch.setattr(InProcess, "handle_request", away)
    outcome = muster("logs", "1")
    assert (outcome.code, outcome.err) == (1, "muster: No Muster answers at http://testserver: refused\n")


def test_an_entry_without_a_session_has_no_log(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace)
    outcome = muster("logs", "1")
    assert (outcome.code, outcome.err) == (1, "muster: Entry 1 has had no session yet.\n")
