"""What a session does with its agent, its money and its verdict: a real Muster, one for all of these tests."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import ROOT, Client, Running, until
from tests.faults.test_kills import QUICK, _repository

AGENT = [sys.executable, str(ROOT / "tests/faults/planned_agent.py")]


class Shop:
    """A workspace of its own for each test."""

    def __init__(self, client: Client, folder: Path, **config: Any) -> None:
        self.client = client
        self.repo = folder / "repo"
        _repository(self.repo)
        settings = {
            "agent": {"command": AGENT},
            "round_ceiling_usd": 5,
            "verify": [{"name": "ok", "run": "test -f ok"}],
            **config,
        }
        made = {
            "name": folder.name,
            "repo": str(self.repo),
            "total_budget_usd": 50,
            "max_project_spend_usd": 50,
            "config": settings,
        }
        self.path = f"/workspaces/{client.call('POST', '/workspaces', made)['id']}/orchestration"
        self.call("POST", "/executor/start")

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.client.call(method, self.path + path, body)

    def add(self, *lines: str, **more: Any) -> str:
        entry = {"content": "\n".join(lines), "budget_usd": 5, **more}
        return str(self.call("POST", "/todo/entries", {"entries": [entry]})["entries"][0]["id"])

    def entry(self, id_: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/todo/entries/{id_}")
        return found

    def becomes(self, id_: str, status: str, seconds: float = 25) -> dict[str, Any]:
        until(lambda: self.entry(id_)["status"] == status, seconds, every=0.1)
        return self.entry(id_)

    def rounds(self, id_: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", f"/todo/entries/{id_}/rounds")["rounds"]
        return found

    def session(self, id_: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/executor/sessions/{self.entry(id_)['session_ids'][-1]}")
        return found

    def merged(self, name: str) -> str:
        show = subprocess.run(["git", "-C", str(self.repo), "show", f"muster/integration:{name}"], capture_output=True, text=True)
        return show.stdout.strip()


@pytest.fixture(scope="module")
def muster(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[tuple[Client, Path]]:
    folder = tmp_path_factory.mktemp("work")
    shutil.copytree(prepared, folder / "data")
    running = Running(folder / "data", **QUICK, MUSTER_REPO_ROOTS=str(folder))
    until(running.is_ready, 30)
    yield Client(running), folder
    running.process.terminate()
    running.process.wait(20)


@pytest.fixture
def shop(muster: tuple[Client, Path], request: pytest.FixtureRequest) -> Callable[..., Shop]:
    client, folder = muster

    def make(**config: Any) -> Shop:
        own = folder / request.node.name[:60]
        own.mkdir()
        return Shop(client, own, **config)

    return make


def test_a_session_that_passes_its_hold_is_stopped_within_a_second_and_goes_on_when_there_is_money(
    shop: Callable[..., Shop],
) -> None:
    """Budget $0.25, a request costs $0.10 and the agent ignores its limit: it overruns by one request and no more."""
    work = shop()
    looping = [step for _ in range(40) for step in ("1| spend 0.1", "1| sleep 0.5")]
    id_ = work.add("1| write half done", *looping, "2,3| write ok yes", budget_usd=0.25)
    entry = work.becomes(id_, "blocked")
    assert entry["reasons"][0]["code"] == "budget_exceeded"
    assert entry["spent_usd"] == pytest.approx(0.3)
    assert work.session(id_)["status"] == "out_of_money"
    assert work.call("GET", "/budget/holds")["held_usd"] == 0
    began = time.monotonic()
    work.call("PATCH", f"/budget/entries/{id_}", {"budget_usd": 2})
    until(lambda: work.entry(id_)["status"] != "blocked", 2, every=0.05)
    work.becomes(id_, "done")
    assert work.merged("half") == "done", "the work of the stopped session is kept"
    print(f"resumed after {time.monotonic() - began:.1f} s")


def test_an_agent_that_spends_exactly_its_hold_may_finish(shop: Callable[..., Shop]) -> None:
    work = shop()
    id_ = work.add("write ok yes", "spend 0.5", budget_usd=0.5)
    assert work.becomes(id_, "done")["spent_usd"] == 0.5


def test_what_verification_finds_goes_into_the_next_prompt(shop: Callable[..., Shop]) -> None:
    judge = 'grep -q fine ok 2>/dev/null && s=1 || s=0.5; echo "{\\"type\\": \\"score\\", \\"score\\": $s, \\"findings\\": [\\"not fine yet\\"]}"; test $s = 1'
    work = shop(verify=[{"name": "judge", "run": judge}])
    id_ = work.add("1| write ok bad", "2| write ok fine", "spend 0.01")
    entry = work.becomes(id_, "done")
    first, second = work.rounds(id_)
    assert (first["verdict"], first["score"], first["improvement_score"]) == ("failed", 0.5, 0.5)
    assert (second["verdict"], second["score"], second["improvement_score"]) == ("passed", 1.0, 0.5)
    assert first["findings"] == ["judge: not fine yet"] and "not fine yet" in second["prompt"]
    assert entry["rounds_completed"] == 2 and entry["score"] == 1.0


def test_rounds_that_do_not_improve_end_in_a_plateau(shop: Callable[..., Shop]) -> None:
    work = shop(plateau={"rounds": 2, "epsilon": 0.01})
    id_ = work.add("write junk x", budget_rounds=9)
    assert work.becomes(id_, "blocked", 40)["reasons"][0]["code"] == "no_improvement"
    assert len(work.rounds(id_)) == 2


def test_used_up_rounds_fail_and_more_rounds_reopen(shop: Callable[..., Shop]) -> None:
    work = shop()
    id_ = work.add("1| write junk x", "2| write ok yes", budget_rounds=1)
    assert work.becomes(id_, "failed")["reasons"][0]["code"] == "rounds_exhausted"
    work.call("PATCH", f"/todo/entries/{id_}/rounds", {"budget_rounds": 2})
    work.becomes(id_, "done")


def test_an_agent_that_crashes_three_times_is_given_up_with_its_reason(shop: Callable[..., Shop]) -> None:
    work = shop()
    id_ = work.add("spend 0.01", "say no key found", "exit 3")
    entry = work.becomes(id_, "failed", 40)
    assert (
        entry["reasons"][0]["code"] == "agent_unavailable"
        and "exited with 3. Its last words: say no key found" in entry["reasons"][0]["message"]
    )
    assert entry["spent_usd"] == pytest.approx(0.03) and len(entry["session_ids"]) == 3


def test_an_agent_that_does_not_exist_says_so(shop: Callable[..., Shop]) -> None:
    work = shop(agent={"command": ["/no/such/agent"]})
    id_ = work.add("anything")
    assert "could not be started" in work.becomes(id_, "failed", 40)["reasons"][0]["message"]
    assert work.entry(id_)["spent_usd"] == 0


def test_an_agent_that_says_it_failed_is_not_verified(shop: Callable[..., Shop]) -> None:
    work = shop()
    id_ = work.add("write ok yes", "fail")
    assert "I could not" in work.becomes(id_, "failed", 40)["reasons"][0]["message"]


def test_silence_ends_a_session(shop: Callable[..., Shop]) -> None:
    work = shop(agent={"command": AGENT, "idle_timeout_s": 1})
    id_ = work.add("1| write kept yes", "1| sleep 60", "2,3| write ok yes")
    work.becomes(id_, "done", 40)
    assert work.merged("kept") == "yes"


def test_a_model_without_a_price_settles_at_the_full_hold(shop: Callable[..., Shop]) -> None:
    work = shop(round_ceiling_usd=0.5)
    id_ = work.add("write ok yes", "unpriced no-such-model-9")
    assert work.becomes(id_, "done")["spent_usd"] == 0.5
    assert work.session(id_)["unpriced_model"] == "no-such-model-9"


def test_a_file_that_another_entry_holds_is_refused_as_a_finding(shop: Callable[..., Shop]) -> None:
    work = shop()
    owner = work.add("write mine 1", "sleep 6", "write ok yes", spec={"files_to_modify": ["mine"]})
    until(lambda: owner in work.call("GET", "/executor/locks"), 10, every=0.1)
    intruder = work.add("1| write mine 2", "2,3,4,5| write other 1", "write ok yes", spec={"files_to_modify": ["other", "ok"]})
    until(lambda: any(made["findings"] for made in work.rounds(intruder)), 20, every=0.2)
    assert work.rounds(intruder)[0]["findings"][0].startswith("files_locked: mine belongs to")


def test_reverify_judges_what_was_mended_by_hand(shop: Callable[..., Shop]) -> None:
    work = shop()
    id_ = work.add("write almost 1", budget_rounds=1)
    work.becomes(id_, "failed")
    tree = subprocess.run(["git", "-C", str(work.repo), "worktree", "list"], capture_output=True, text=True).stdout
    place = next(Path(line.split()[0]) for line in tree.splitlines() if id_ in line)
    (place / "ok").write_text("by hand\n")
    assert work.call("POST", f"/executor/entries/{id_}/reverify") == {"ok": True}
    entry = work.becomes(id_, "done")
    assert entry["rounds_completed"] == 1 and len(work.rounds(id_)) == 2
    assert work.merged("ok") == "by hand"


def test_the_users_checkout_is_never_touched(shop: Callable[..., Shop]) -> None:
    work = shop()
    (work.repo / "README").write_text("half-written\n")
    work.becomes(work.add("write ok yes", "write README theirs"), "done")
    assert (work.repo / "README").read_text() == "half-written\n"
    assert work.merged("README") == "theirs"


def test_the_log_is_readable_while_it_runs(shop: Callable[..., Shop]) -> None:
    work = shop()
    id_ = work.add("say hello there", "sleep 5", "write ok yes")
    until(lambda: work.entry(id_)["session_ids"], 10, every=0.1)
    session = work.entry(id_)["session_ids"][0]
    until(lambda: "hello there" in work.client.text("GET", f"{work.path}/executor/sessions/{session}/log"), 6, every=0.2)
    assert work.entry(id_)["status"] == "in_progress"


def test_the_agent_sees_none_of_the_servers_secrets(shop: Callable[..., Shop]) -> None:
    work = shop(agent={"command": "env > ok; echo done"})
    work.becomes(work.add("anything"), "done")
    names = {line.split("=")[0] for line in work.merged("ok").splitlines()}
    assert not names & {"DATABASE_URL", "REDIS_URL", "MUSTER_SECRET_KEY", "MUSTER_DATA_DIR", "DJANGO_SETTINGS_MODULE"}
    assert {"MUSTER_PROMPT_FILE", "MUSTER_TOKEN", "MUSTER_BUDGET_USD", "MUSTER_ROUND"} <= names
