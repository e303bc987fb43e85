"""One process of an agent from its start on: what it is started with, what is masked in its output, and why it may not start at all."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from budget.models import LedgerEntry
from orchestration.configuration import Agent, credentials, load, secrets
from orchestration.dialogue.delivery import Mail
from orchestration.models import LogChunk, Session, Worker
from orchestration.processes.agent_process import Ended
from orchestration.sessions import conversations, supervise
from orchestration.sessions.folders import session_dir
from orchestration.sessions.logs import chunks
from orchestration.sessions.sandbox import Decision, Sandboxes
from orchestration.sessions.stop_flags import StopFlags
from orchestration.sessions.supervise import SupervisedProcess
from orchestration.worker import agents
from orchestration.worker.agent_run import process, telemetry_log
from orchestration.worker.agent_run.process import AgentRun, Invocation
from orchestration.worker.agents import command
from orchestration.worker.agents.shared.events import Failure
from orchestration.worker.agents.shared.interface import Launch, Role, Task, Thread
from tests.factories import ANA, a_session, a_workspace, an_entry
from workspaces.secrets.masking import Mask
from workspaces.secrets.sealing import Sealed

pytestmark = pytest.mark.django_db
SECRET = "endpoint-secret-of-this-process"
IMPLEMENT = Mail()


@dataclass
class Kind:
    """An agent whose CLI resumes conversations. `launch`: what it runs; an error: why it refuses to."""

    launch: Launch | Exception = field(default_factory=lambda: Launch(["mine", "--fast"], {"OWN": "1"}))
    starts: list[str] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    TRAITS = replace(command.TRAITS, resumes=True, kill_sequence=(), ignored_prefixes=("{",))

    def _runs(self, how: str, task: Task) -> Launch:
        self.starts.append(how)
        self.tasks.append(task)
        if isinstance(self.launch, Exception):
            raise self.launch
        return self.launch

    def start(self, task: Task) -> Launch:
        return self._runs("start", task)

    def resume(self, task: Task) -> Launch:
        return self._runs("resume", task)

    def reader(self, task: Task) -> Any:
        return command.reader(task)


class Room:
    """A session whose agents run nowhere: `prints` is what a process writes, made from its environment."""

    def __init__(self, session: Session, kind: Kind, folder: Path) -> None:
        self.session, self.kind, self.folder = session, kind, folder
        self.directory = session_dir.prepare(session, session.entry)
        self.writer = chunks.Writer(session, limit=100_000, mask=Mask({}))
        self.prints: Callable[[dict[str, str]], str] = lambda env: ""
        self.supervised: list[SupervisedProcess] = []
        self.served: list[Any] = []

    def supervise(self, session: Session, directory: Any, supervised: Any, flags: Any, writer: Any, **reads: Any) -> Ended:
        self.supervised.append(supervised)
        for line in filter(None, self.prints(supervised.env).split("\n")):
            writer.add("stdout", line)
            reads["on_line"](line, "stdout")
        reads["on_poll"]()
        return Ended("exited", 0)

    @contextmanager
    def serve(self, given: Invocation, *_: object) -> Iterator[str]:
        self.served.append(given.role)
        yield f"http://127.0.0.1:1/{SECRET}"
        self.served.append("over")

    def run(self, role: Role, *, mail: Mail | None = None, credential: str | None = None, **more: Any) -> AgentRun:
        config = load({})
        sandboxes = Sandboxes(config, self.session.workspace, Decision(confined=False), "1")
        env = {"KEY": "sk-of-the-agent"}
        agent = Agent(command="mine", timeout_s=70, idle_timeout_s=30, env=env, credential=credential)
        flags = StopFlags(self.session.pk, self.session.attempt)
        bench: Any = SimpleNamespace(sandboxes=sandboxes, directory=self.directory)
        context: Any = SimpleNamespace(session=self.session, stop_flags=flags, writer=self.writer, bench=bench)
        task = {"prompt": "Do it", "cwd": self.folder, "scratch": self.folder, "limit": 7, **more}
        return process.run(Invocation(context, agent, role, mail=mail, **task))

    @property
    def log(self) -> list[str]:
        self.writer.flush()
        return [text for chunk in LogChunk.objects.filter(session=self.session) for _, _, text in chunk.lines]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Room:
    settings.DATA_DIR = tmp_path / "data"
    kind = Kind()
    a_session(an_entry(a_workspace(name="Other")))
    room = Room(a_session(an_entry(a_workspace(), budget="9")), kind, tmp_path)
    monkeypatch.setattr(agents, "for_kind", lambda _: kind)
    monkeypatch.setattr(supervise, "run", room.supervise)
    monkeypatch.setattr(process, "_telemetry_endpoint", room.serve)
    return room


def encoded(text: str) -> str:
    return base64.b64encode(f"me:{text}".encode()).decode()


@pytest.mark.parametrize(("role", "mail"), [("implement", IMPLEMENT), ("implement", None), ("review", None), ("verify", None)])
def test_the_token_and_the_secret_of_its_endpoint_are_masked_in_each_role(room: Room, role: Role, mail: Mail | None) -> None:
    room.prints = lambda env: "\n".join(
        [env["MUSTER_TOKEN"].removeprefix("muster_"), encoded(env["MUSTER_TOKEN"]), SECRET, encoded(SECRET), "a word"]
    )
    assert room.run(role, mail=mail).ok
    [supervised] = room.supervised
    token = supervised.env["MUSTER_TOKEN"]
    core = encoded(token)[4:-4]
    assert core not in str(room.log) and SECRET not in str(room.log) and encoded(SECRET)[4:-4] not in str(room.log)
    assert any("[secret MUSTER_TOKEN]" in line for line in room.log) and "[secret of the endpoint]" in room.log
    assert room.writer.mask(f"{token} {SECRET}") == "[secret MUSTER_TOKEN] [secret of the endpoint]"
    assert room.log[-1] == "a word"


@pytest.mark.parametrize(
    ("role", "name", "mail", "category"),
    [("implement", "", IMPLEMENT, "entry"), ("review", "review", None, "interceptor"), ("verify", "verify", None, "entry")],
)
def test_each_role_runs_with_the_limits_of_its_agent_and_is_booked_where_it_belongs(
    room: Room, role: Role, name: str, mail: Mail | None, category: str
) -> None:
    room.prints = lambda env: json.dumps({"type": "usage", "id": "1", "cost_usd": 0.25})
    secrets.put(room.session.workspace_id, "KEY", "sk-of-the-workspace", by=ANA)
    run = room.run(role, mail=mail, limit=500_000)
    [supervised], [task] = room.supervised, room.kind.tasks
    assert (supervised.argv, supervised.cwd, supervised.name, supervised.role) == (
        ["mine", "--fast"],
        str(room.folder),
        name,
        role,
    )
    assert (supervised.wall_s, supervised.idle_s, supervised.ignored_prefixes) == (70, 30, ("{",))
    assert (supervised.env["OWN"], supervised.env["KEY"]) == ("1", "sk-of-the-workspace") and room.kind.starts == ["start"]
    assert (task.limit, task.prompt, task.endpoint, task.turn) == (500_000, "Do it", f"http://127.0.0.1:1/{SECRET}", 1)
    assert task.prompt_file.read_text() == "Do it" and run.ok and run.cost_known and not run.asked
    [row] = LedgerEntry.objects.all()
    assert (row.amount, row.category, row.session_ref) == (250_000, category, room.session.pk)
    record = json.loads(room.directory.agent_for(role).read_text())
    assert record["command"] == "mine" and "env" not in record
    assert room.served == [role, "over"]


def test_a_process_without_a_mailbox_has_no_questions(room: Room) -> None:
    room.prints = lambda env: json.dumps({"type": "question", "text": "Which?"})
    assert not room.run("review").asked and room.run("implement", mail=Mail()).asked


def test_records_of_a_launch_reach_its_reader_and_are_kept_for_a_reaper(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    known, seen = ("known", {"sum": 2}), []

    def reader(task: Task) -> Any:
        own = command.reader(task)
        monkeypatch.setattr(own, "read_record", lambda *record: seen.append(record) or ())
        return own

    monkeypatch.setattr(room.kind, "reader", reader)
    room.kind.launch = Launch(["mine"], records=(known,))
    assert room.run("implement").ok and seen == [known]
    assert list(telemetry_log.read(room.directory.record_for("implement").telemetry)) == [known]


def test_a_conversation_is_resumed_where_it_began_and_kept_from_its_start(room: Room) -> None:
    entry, note = (
        room.session.entry_id,
        "The conversation began in another folder, inside or outside of a sandbox: a new one begins.",
    )
    room.kind.launch = Launch(["mine"], thread=Thread("first", {"cwd": str(room.folder)}))
    room.run("implement")
    assert conversations.find(entry, "implement", "command") == ("first", {"cwd": str(room.folder)})
    room.kind.launch = Launch(["mine"])
    room.run("implement", turn=2)
    assert room.kind.starts == ["start", "resume"] and room.kind.tasks[1].thread == Thread("first", {"cwd": str(room.folder)})
    assert (room.supervised[1].name, room.supervised[1].role) == ("", "implement-2")
    assert room.directory.agent_for("implement-2").exists() and note not in room.log
    room.run("review")
    assert room.kind.starts[-1] == "start" and room.kind.tasks[-1].thread is None, "a reviewer has a conversation of its own"
    conversations.keep(entry, "implement", "command", "first", {"cwd": "/work/1"})
    room.run("implement")
    assert room.log.count(note) == 1
    conversations.keep(entry, "implement", "command", "first", {})
    room.run("implement")
    assert room.log.count(note) == 1, "of one that names no folder nothing is known"


def test_an_agent_with_a_credential_of_its_own_finds_the_users_login_no_more(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: room.folder / "user")
    monkeypatch.setattr(room.kind, "TRAITS", replace(room.kind.TRAITS, binary="mine", logins=(("login", "login"),)))
    (room.folder / "user").mkdir()
    (room.folder / "user/login").write_text("of the user")
    change = {"key": "sk-of-the-credential", "variable": "KEY"}
    credentials.put(room.session.workspace_id, "own", change, by=ANA)
    homes = []
    for credential in (None, "own", None):
        room.run("implement", mail=IMPLEMENT, credential=credential)
        homes.append((room.supervised[-1].env["KEY"], os.path.lexists(room.kind.tasks[-1].home / "login")))
    assert homes == [("sk-of-the-agent", True), ("sk-of-the-credential", False), ("sk-of-the-agent", True)]


def test_an_agent_whose_credential_is_gone_does_not_start(room: Room) -> None:
    run = room.run("implement", mail=IMPLEMENT, credential="gone")
    assert run.failure == Failure("cli_refused", "There is no credential gone: add it again, or choose another one in the config")
    assert room.supervised == []


@pytest.mark.parametrize("problem", [ValueError("agent.command is not set"), Sealed("KEY is sealed")])
def test_an_agent_that_cannot_be_started_fails_by_name_and_without_cost(
    room: Room, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    if isinstance(problem, Sealed):

        def sealed(_: str) -> dict[str, str]:
            raise problem

        monkeypatch.setattr(secrets, "for_agents", sealed)
    else:
        room.kind.launch = problem
    run = room.run("review")
    assert run == AgentRun(
        Ended("start_failed", error=str(problem)), "", None, Failure("cli_refused", str(problem)), cost_known=True
    )
    assert room.supervised == [] and room.served[-1] == "over"


def test_a_run_has_no_token_answers_by_its_output_and_its_endpoint_is_masked_too(room: Room) -> None:
    a_plan = Session.of_any_role.create(
        id="run_1", workspace=room.session.workspace, role="plan", attempt=1, status="running", worker=Worker.objects.first()
    )
    room.session, room.directory = a_plan, session_dir.prepare_run(a_plan)
    room.writer = chunks.Writer(a_plan, limit=100_000, mask=Mask({}))
    room.prints = lambda env: "An answer\nof two lines"
    assert room.run("plan").summary == "An answer\nof two lines"
    [supervised] = room.supervised
    assert "MUSTER_TOKEN" not in supervised.env and room.writer.mask(SECRET) == "[secret of the endpoint]"
