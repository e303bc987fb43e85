"""Sessions with their agent, money and verdict: one real Muster for all of these tests."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.harness import ROOT, until
from tests.faults.shop import AGENT, Shop


@pytest.mark.alone
def test_a_session_over_its_reservation_stops_within_a_second_and_continues_with_new_money(
    shop: Callable[..., Shop],
) -> None:
    """The budget is $0.25, a request costs $0.10 and the agent ignores its limit: it overruns by one request at most."""
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


def test_an_agent_that_spends_exactly_its_reservation_may_finish(shop: Callable[..., Shop]) -> None:
    work = shop()
    id_ = work.add("write ok yes", "spend 0.5", budget_usd=0.5)
    assert work.becomes(id_, "done")["spent_usd"] == 0.5


def test_findings_go_into_the_next_prompt(shop: Callable[..., Shop]) -> None:
    judge = 'grep -q fine ok 2>/dev/null && s=1 || s=0.5; echo "{\\"type\\": \\"score\\", \\"score\\": $s, \\"findings\\": [\\"not fine yet\\"]}"; test $s = 1'
    work = shop(verify=[{"name": "judge", "run": judge}])
    id_ = work.add("1| write ok bad", "2| write ok fine", "spend 0.01")
    entry = work.becomes(id_, "done")
    first, second = work.rounds(id_)
    assert (first["verdict"], first["score"], first["improvement_score"]) == ("failed", 0.5, 0.0)
    assert (second["verdict"], second["score"], second["improvement_score"]) == ("passed", 1.0, 0.5)
    assert first["findings"] == ["judge: not fine yet"] and "not fine yet" in second["prompt"]
    assert entry["rounds_completed"] == 2 and entry["score"] == 1.0


def test_rounds_that_do_not_improve_end_in_a_plateau(shop: Callable[..., Shop]) -> None:
    work = shop(plateau={"rounds": 2, "epsilon": 0.01})
    id_ = work.add("1| write junk x", "2| write junk y", budget_rounds=9)
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


def test_a_missing_agent_program_is_reported(shop: Callable[..., Shop]) -> None:
    """No session could work: the workspace waits, no round is used up, and a corrected config is tried at once."""
    work = shop(agent={"command": ["/no/such/agent"]})
    id_ = work.add("write ok yes")
    until(lambda: "/no/such/agent" in str(work.entry(id_)["reasons"]), 20, every=0.1)
    assert work.entry(id_)["reasons"][0]["code"] == "no_host_fits", work.entry(id_)["reasons"]
    assert (work.entry(id_)["spent_usd"], work.entry(id_)["rounds_completed"]) == (0, 0)
    work.call("PATCH", "/config", {"agent": {"command": AGENT}})
    work.becomes(id_, "done", 20)


def test_an_agent_that_reports_failure_is_not_verified(shop: Callable[..., Shop]) -> None:
    work = shop()
    id_ = work.add("write ok yes", "fail")
    assert "I could not" in work.becomes(id_, "failed", 40)["reasons"][0]["message"]


def test_silence_ends_a_session(shop: Callable[..., Shop]) -> None:
    work = shop(agent={"command": AGENT, "idle_timeout_s": 1})
    id_ = work.add("1| write kept yes", "1| sleep 60", "2,3| write ok yes")
    work.becomes(id_, "done", 40)
    assert work.merged("kept") == "yes"


def test_a_model_without_a_price_settles_at_the_full_reservation(shop: Callable[..., Shop]) -> None:
    work = shop(round_ceiling_usd=0.5)
    id_ = work.add("write ok yes", "unpriced no-such-model-9")
    assert work.becomes(id_, "done")["spent_usd"] == 0.5
    assert work.session(id_)["unpriced_model"] == "no-such-model-9"


def test_work_on_a_file_of_another_entry_is_paid_once_and_verified_when_that_has_landed(shop: Callable[..., Shop]) -> None:
    work = shop(verify=[{"name": "parts", "run": "ls lib/part-*"}])
    owner = work.add("do mkdir lib", "write lib/part-1 1", "sleep 6", "spend 0.1", spec={"files_to_modify": ["lib/"]})
    until(lambda: owner in work.call("GET", "/executor/locks"), 10, every=0.1)
    other = work.add("do mkdir lib", "write lib/part-2 2", "spend 0.1", spec={"files_to_modify": ["other"]})
    assert [work.becomes(id_, "done", 60)["spent_usd"] for id_ in (owner, other)] == [0.1, 0.1]
    assert [round_["verdict"] for round_ in work.rounds(other)] == ["unverified", "passed"]


def test_reverify_judges_manual_corrections(shop: Callable[..., Shop]) -> None:
    work = shop()
    id_ = work.add("write almost 1", budget_rounds=1)
    work.becomes(id_, "failed")
    (work.folder_of(id_) / "ok").write_text("manual\n")
    assert work.call("POST", f"/executor/entries/{id_}/reverify") == {"ok": True}
    entry = work.becomes(id_, "done")
    assert entry["rounds_completed"] == 1 and len(work.rounds(id_)) == 2
    assert work.merged("ok") == "manual"


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
    work = shop(agent={"command": 'env | sed "s/$MUSTER_TOKEN/mine/" > ok; echo done'})
    work.becomes(work.add("anything"), "done")
    names = {line.split("=")[0] for line in work.merged("ok").splitlines()}
    assert not names & {"DATABASE_URL", "REDIS_URL", "MUSTER_SECRET_KEY", "MUSTER_DATA_DIR", "DJANGO_SETTINGS_MODULE"}
    assert {"MUSTER_PROMPT_FILE", "MUSTER_TOKEN", "MUSTER_BUDGET_USD", "MUSTER_ROUND"} <= names


LIMITED = 'print {"type": "failure", "code": "rate_limited", "message": "429"}'
JUDGE_COMMAND = [sys.executable, str(ROOT / "tests/faults/judging_agent.py")]


def test_a_rate_limit_is_waiting_and_no_round(shop: Callable[..., Shop], tmp_path: Path) -> None:
    work = shop()
    id_ = work.add(f"once {tmp_path}/a {LIMITED}", f"once {tmp_path}/b exit 1", "write ok yes")
    until(lambda: "was unavailable" in str(work.entry(id_)["reasons"]), 20, every=0.1)
    assert (work.entry(id_)["rounds_completed"], work.rounds(id_)) == (0, [])
    assert work.becomes(id_, "done", 40)["rounds_completed"] == 1
    assert [session["failure"] for session in work.sessions(id_)] == [None, "rate_limited"]


def test_a_failing_provider_opens_the_circuit_breaker(shop: Callable[..., Shop]) -> None:
    work = shop()
    ids = [work.add(LIMITED, "exit 1", priority="high") for _ in range(3)]
    until(lambda: work.call("GET", "/executor/agent")["code"] == "rate_limited", 30, every=0.1)
    late = work.add("write ok yes")
    until(lambda: "limits the rate" in str(work.entry(late)["reasons"]), 20, every=0.1)
    for id_ in ids:
        work.call("DELETE", f"/todo/entries/{id_}")
    work.call("POST", "/executor/agent/retry")
    work.becomes(late, "done", 20)
    assert work.call("GET", "/executor/agent")["code"] is None


def test_the_reviewers_objections_go_to_the_next_round(shop: Callable[..., Shop]) -> None:
    work = shop(interceptor={"agent": {"command": [*JUDGE_COMMAND, "ok", "good"]}})
    id_ = work.add("1| write ok bad", "2| write ok good")
    work.becomes(id_, "done", 30)
    first, second = work.rounds(id_)
    assert (first["review"]["verdict"], second["review"]["verdict"]) == ("objections", "pass")
    assert "review: ok should say good" in first["findings"]
    account = next(session for session in work.call("GET", "/budget")["entries"] if session["entryID"] == id_)
    assert (account["interceptor_spent_usd"], account["spent_usd"]) == (0.02, 0)


def test_a_reviewer_without_money_is_skipped_visibly(shop: Callable[..., Shop]) -> None:
    work = shop(interceptor={"agent": {"command": [*JUDGE_COMMAND, "ok", "good"]}, "entry_usd": 0.01, "required": False})
    id_ = work.add("1| write ok bad", "2| write ok bad")
    work.becomes(id_, "done", 30)
    assert [session["review"]["verdict"] for session in work.rounds(id_)] == ["objections", "skipped"]


def test_a_reviewer_over_a_limit_is_skipped_and_the_round_names_the_limit(shop: Callable[..., Shop]) -> None:
    work = shop(interceptor={"agent": {"command": [*JUDGE_COMMAND, "ok", "good"]}, "required": False})
    work.call("PUT", "/budget/limits", {"limits": [{"category": "interceptor", "period": "day", "limit_usd": 0.01}]})
    id_ = work.add("1| write ok bad", "2| write ok bad")
    work.becomes(id_, "done", 30)
    first, second = work.rounds(id_)
    assert (first["review"]["verdict"], second["review"]["verdict"]) == ("objections", "skipped")
    assert second["review"]["reasons"] == ["No money for the review: today's limit of $0.01 for interceptor is used up"]


def test_money_freed_by_a_finished_implementation_lets_another_start(shop: Callable[..., Shop], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    waits = f"until test -e {gate}; do sleep 0.1; done; test -f ok"
    work = shop(verify=[{"name": "slow", "run": waits}], min_round_usd=1)
    work.call(
        "PATCH", "/budget", {"max_project_spend_usd": 5.5}
    )  # the first entry reserves $5 of it: too little is left for another
    first, second = work.add("spend 0.1", "write ok yes", "write a 1"), work.add("write ok yes", "write b 1")
    until(lambda: work.entry(second)["status"] == "in_progress", 25, every=0.1)
    assert work.entry(first)["status"] == "in_progress"  # still being verified
    gate.touch()
    work.becomes(first, "done", 30)
    work.becomes(second, "done", 30)
    assert "everything adds up" in work.up.muster("ledger", "check")


def test_a_verifying_agent_judges_the_criteria(shop: Callable[..., Shop]) -> None:
    work = shop(verifier={"agent": {"command": [*JUDGE_COMMAND, "ok", "good"]}})
    id_ = work.add("1| write ok bad", "2| write ok good", spec={"acceptance_criteria": ["ok says good"]})
    work.becomes(id_, "done", 30)
    first, second = work.rounds(id_)
    assert (first["verdict"], second["verdict"]) == ("failed", "passed")
    assert first["findings"] == ["acceptance criteria: ok should say good"]
    assert [session["name"] for session in second["checks"]] == ["ok", "acceptance criteria"]
    assert work.entry(id_)["spent_usd"] == 0.02


def test_a_verifying_agent_without_a_verdict_runs_again_without_implementing(shop: Callable[..., Shop], tmp_path: Path) -> None:
    work = shop(verifier={"agent": {"command": [*JUDGE_COMMAND, "ok", "good", str(tmp_path / "asked")]}})
    id_ = work.add("spend 0.1", "write ok good")
    work.becomes(id_, "done", 30)
    assert work.entry(id_)["spent_usd"] == 0.12  # the implementation once, the judge twice


def test_an_agent_that_edits_its_judge_is_judged_by_the_original(shop: Callable[..., Shop]) -> None:
    work = shop(verify=[{"name": "check", "run": "sh check.sh"}])
    subprocess.run(["git", "-C", work.repo, "checkout", "-q", "muster/integration"], check=True)
    (work.repo / "check.sh").write_text("test -f ok\n")
    subprocess.run(["git", "-C", work.repo, "add", "check.sh"], check=True)
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]  # a host whose name has no domain gives git none
    subprocess.run(["git", "-C", work.repo, *identity, "commit", "-qm", "judge"], check=True)
    subprocess.run(["git", "-C", work.repo, "checkout", "-q", "-"], check=True)
    judge = work.git("rev-parse", "muster/integration")
    work.call("POST", "/landing/check")  # a lander that had looked before the commit looks again only for an entry
    until(lambda: work.call("GET", "/landing")["tip"] == judge, 20)  # a session that began before could have written this commit
    id_ = work.add("1| write check.sh true", "2| write check.sh test -f ok", "2| write ok yes")
    work.becomes(id_, "done", 30)
    first = work.rounds(id_)[0]
    assert first["verdict"] == "failed" and first["score"] == 0
    assert first["findings"][0].startswith("judge_changed: check.sh")
    assert work.merged("check.sh") == "test -f ok"


def test_a_merged_branch_is_pushed(shop: Callable[..., Shop], tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(remote)], check=True)
    work = shop(push={"remote": "origin", "branch": "from-muster"})
    id_ = work.add("write ok yes")
    work.becomes(id_, "done", 30)
    until(lambda: "push" in work.call("GET", "/executor/agent") and work.call("GET", "/executor/agent")["push"]["error"], 10)
    subprocess.run(["git", "-C", work.repo, "remote", "add", "origin", str(remote)], check=True)
    work.becomes(work.add("write other yes", "write ok yes", "write third yes"), "done", 30)
    assert work.call("GET", "/executor/agent")["push"]["error"] is None
    shown = subprocess.run(["git", "-C", remote, "show", "from-muster:third"], capture_output=True, text=True, check=True)
    assert shown.stdout == "yes\n"


def test_a_reverification_does_not_merge_a_changed_judge(shop: Callable[..., Shop]) -> None:
    """The original judge passes the work, but the commit contains the changed one, which was not used."""
    work = shop(verify=[{"name": "t", "run": "true"}], protected=["README"])
    id_ = work.add("write README easier", budget_rounds=1)
    work.becomes(id_, "failed")
    work.call("POST", f"/executor/entries/{id_}/reverify")
    until(lambda: len(work.rounds(id_)) == 2 and work.becomes(id_, "failed"), 20)
    assert work.rounds(id_)[1]["findings"] == ["judge_changed: README judges this work, and the entry does not name it"]
    assert work.merged("README") != "easier"
