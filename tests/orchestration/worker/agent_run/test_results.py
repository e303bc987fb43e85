"""The result of an agent's process has why it ended, its failure, and whether its whole cost is known."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from budget.models import Category
from orchestration.configuration import Agent, secrets
from orchestration.dialogue import messages
from orchestration.models import Session
from orchestration.processes.agent_process import Ended
from orchestration.sessions import conversations
from orchestration.sessions.folders import session_dir
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker.agent_run import gateway_access, process
from orchestration.worker.agent_run.process import AgentRun
from orchestration.worker.agents.shared.events import Failure, Finished, Waiting
from tests.factories import ANA, a_session, a_workspace, an_entry
from tests.orchestration.worker.agents.recorded import a_task

pytestmark = pytest.mark.django_db
REFUSED, BUSY = Failure("auth", "No"), Waiting("Busy", 7.0, "overloaded")
NO_ANSWER = Failure("overloaded", "Busy", 7.0)


@pytest.fixture
def session() -> Session:
    a_session(an_entry(a_workspace(name="Other")))
    return a_session(an_entry(a_workspace()))


def result(session: Session, folder: Path, ended: Ended, *, flag: str = "", books: bool = True, **listener: Any) -> AgentRun:
    flags = StopFlags(session.pk, session.attempt)
    if flag:
        flags.request_end(flag)
    fields = {
        "reason": "",
        "failure": None,
        "last_wait": None,
        "finished": Finished(True),
        "meter": SimpleNamespace(by_gateway=False, book=lambda: books),
        "ended_without_money": lambda _: "",
        **listener,
    }
    return process._result(session, flags, SimpleNamespace(**fields), ended, a_task(folder, kind="codex"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ended", "more", "reason", "failure"),
    [
        (Ended("exited", 0), {}, "", None),
        (Ended("exited", 1), {"failure": REFUSED}, "", REFUSED),
        (Ended("stopped", 1), {"failure": REFUSED, "reason": "failed"}, "failed", REFUSED),
        (Ended("stopped", 1), {"failure": REFUSED, "reason": "out_of_money"}, "out_of_money", None),
        (Ended("stopped", 1), {"failure": REFUSED, "flag": "stopped", "reason": "out_of_money"}, "stopped", None),
        (Ended("exited", 1), {"failure": REFUSED, "flag": "interrupted"}, "interrupted", None),
        (Ended("idle_timeout"), {"failure": REFUSED}, "", None),
        (Ended("wall_timeout"), {"last_wait": BUSY}, "", NO_ANSWER),
        (Ended("idle_timeout"), {"last_wait": BUSY, "flag": "stopped"}, "stopped", None),
        (Ended("exited", 0), {"last_wait": BUSY}, "", None),
        (Ended("start_failed", error="no such file"), {}, "", Failure("cli_missing", "no such file")),
    ],
)
def test_the_first_cause_of_the_end_counts(
    session: Session, tmp_path: Path, ended: Ended, more: dict[str, Any], reason: str, failure: Failure | None
) -> None:
    run = result(session, tmp_path, ended, **more)
    assert (run.reason, run.failure, run.ended, run.finished) == (reason, failure, ended, Finished(True))


@pytest.mark.parametrize(
    ("ended", "books", "unpriced", "known"),
    [
        (Ended("exited", 0), True, "", True),
        (Ended("exited", 0), False, "", False),
        (Ended("exited", 0, complete=False), True, "", False),
        (Ended("exited", 0, events_cut=2), True, "", False),
        (Ended("exited", 0, lines_cut=2), True, "", True),
        (Ended("exited", 0), True, "no-such-model", False),
    ],
)
def test_the_cost_is_known_where_all_was_read_and_booked(
    session: Session, tmp_path: Path, settings: Any, ended: Ended, books: bool, unpriced: str, known: bool
) -> None:
    settings.LEASE_S = 0
    Session.objects.filter(pk=session.pk).update(unpriced_model=unpriced)
    run = result(session, tmp_path, ended, books=books)
    assert run.cost_known is known and session.unpriced_model == unpriced and not run.has_mail
    note = Session.objects.get(pk=session.pk).cost_note
    assert note.startswith("Its output had 2 lines of more than") if ended.events_cut else note == ""
    messages.instruct(session.entry, "More", by=ANA)
    assert result(session, tmp_path, ended, books=books).has_mail


@pytest.mark.parametrize(("code", "is_kept"), [("thread_lost", False), ("context_full", False), ("crashed", True)])
def test_a_conversation_that_cannot_go_on_is_forgotten(session: Session, tmp_path: Path, code: str, is_kept: bool) -> None:
    mine, others = (
        (session.owner_id, "implement", "codex"),
        [
            (session.owner_id, "implement", "gemini"),
            (session.owner_id, "review", "codex"),
            (a_session(an_entry(session.workspace)).owner_id, "implement", "codex"),
        ],
    )
    for place in (mine, *others):
        conversations.keep(*place, "t", {})
    result(session, tmp_path, Ended("exited", 1), failure=Failure(code, "No"))
    assert (conversations.find(*mine) is not None) is is_kept and all(conversations.find(*place) for place in others)


class Box:
    """A mailbox that counts what is confirmed."""

    def __init__(self, *, asked: bool) -> None:
        self.asked, self.calls = asked, list[str]()

    def collect(self) -> bool:
        self.calls.append("collect")
        return True

    def confirm_prompt(self) -> None:
        self.calls.append("prompt")

    def confirm_handed(self) -> None:
        self.calls.append("handed")


@pytest.mark.parametrize(
    ("exit_code", "asked", "confirmed"), [(0, False, True), (3, True, True), (0, True, True), (3, False, False)]
)
def test_words_have_arrived_where_it_ended_well_or_asked(exit_code: int, asked: bool, confirmed: bool) -> None:
    box: Any = Box(asked=asked)
    run = process._with_mail(AgentRun(Ended("exited", exit_code), "", None, None, cost_known=True), box)
    assert run.asked is asked and box.calls == (["collect", "prompt", "handed"] if confirmed else ["collect"])


def a_directory(session: Session, settings: Any, tmp_path: Path) -> Any:
    settings.DATA_DIR = tmp_path
    return session_dir.prepare(session, session.entry)


@pytest.mark.parametrize(
    ("role", "is_run", "has_token", "asks", "has_programs"),
    [("implement", False, True, True, True), ("review", False, True, False, False), ("plan", True, False, False, False)],
)
def test_each_role_gets_what_it_needs_and_no_more(
    session: Session,
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    role: Any,
    is_run: bool,
    has_token: bool,
    asks: bool,
    has_programs: bool,
) -> None:
    """A secret of the workspace counts before the agent's own env; a conversation is that of the role."""
    monkeypatch.setattr(secrets, "for_agents", lambda _: {"A": "secret"})
    directory = a_directory(session, settings, tmp_path)
    if is_run:
        session = SimpleNamespace(**{name: getattr(session, name) for name in ("pk", "owner_id", "work_id", "candidate", "entry", "workspace", "workspace_id", "attempt", "entry_id", "role")}, is_run=True)  # type: ignore[assignment]  # fmt: skip
    conversations.keep(session.owner_id, "implement", "codex", "mine", {"input": 5})
    agent = Agent(kind="codex", env={"A": "agent", "B": "agent"})
    served = gateway_access.served(session, agent, role, gateway_access.Money(Category.ENTRY, 7, 7))
    sandboxes = SimpleNamespace(cwd=lambda folder: folder)
    context: Any = SimpleNamespace(session=session, bench=SimpleNamespace(directory=directory, sandboxes=sandboxes))
    given = process.Invocation(context, agent, role, prompt="Do \udcff it", cwd=tmp_path, scratch=tmp_path, limit=7)
    task = process._task(given, served, "http://x/y")
    assert (bool(task.env.get("MUSTER_TOKEN")), "MUSTER_QUESTIONS" in task.env) == (has_token, asks)
    assert (task.env["A"], task.env["B"], task.limit, task.endpoint, task.cwd) == ("secret", "agent", 7, "http://x/y", tmp_path)
    assert (task.home / ".profile").exists() is has_programs and task.prompt_file.read_text() == "Do ? it"
    assert (task.thread is not None) is (role == "implement")


def test_the_persons_login_is_used_where_no_key_is_given_and_it_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    agent = Agent(kind="codex", use_login=True)
    assert process._logins(agent, {}) == []
    login = tmp_path / ".codex/auth.json"
    login.parent.mkdir()
    login.write_text(json.dumps({}))
    assert process._logins(agent, {"ANTHROPIC_API_KEY": "k"}) == [login]
    assert process._logins(agent, {"OPENAI_API_KEY": "k"}) == process._logins(replace_login(agent), {}) == []


def replace_login(agent: Agent) -> Agent:
    return agent.model_copy(update={"use_login": False})


def test_a_further_turn_is_recorded_under_a_name_of_its_own(tmp_path: Path) -> None:
    started: Any = SimpleNamespace(env={}, sandbox=None, limits={})
    launch = process.Launch(["codex"])
    names = []
    for role, turn in (("implement", 1), ("implement", 2), ("review", 1), ("review", 2)):
        task: Any = replace(a_task(tmp_path, kind="codex"), role=role, turn=turn)
        supervised = process._supervised(launch, task, started)
        names.append((supervised.name, supervised.role))
    assert names == [("", "implement"), ("", "implement-2"), ("review", "review"), ("review-2", "review-2")]
