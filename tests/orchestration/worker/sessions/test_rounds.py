"""A session from its claim to its end, in this process: what each step does with the work."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from budget.amounts import usd
from budget.models import Account
from orchestration.backlog import entry_actions
from orchestration.backlog.entries import Draft
from orchestration.models import Entry, Executor, FileLock, Landing, Session
from orchestration.sessions import rounds
from orchestration.worker.agents import command
from orchestration.worker.steps.implementing import UNCHANGED
from tests.factories import some_entries
from tests.orchestration.git.repositories import git
from tests.orchestration.worker.sessions.shop import BRANCH, Shop, entry_of, gives, reports, rounds_of, spends
from workspaces.access import MUSTER
from workspaces.models import Event

Make = Callable[..., Shop]


def judge(verdict: str, reason: str = "", criteria: str = "") -> dict[str, object]:
    """A judging agent that gives this verdict, for one cent."""
    return {"agent": {"command": f"{spends(0.01)}; {gives(verdict, *([reason] if reason else []))}"}}


def test_work_that_passes_is_merged_and_its_entry_is_done(shop: Make) -> None:
    work = shop(f"{spends(0.25)}; {reports(type='result', summary='wrote it')}; echo yes > ok")
    session = work.run()
    entry = entry_of(session)
    assert (session.status, session.outcome) == ("ended", "passed")
    assert (entry.status, entry.score, entry.rounds_completed) == ("done", 1.0, 1)
    assert (entry.account.spent, entry.account.held) == (250_000, 0)
    [closed] = rounds_of(session)
    assert (closed.verdict, closed.score, closed.improvement_score, closed.summary) == ("passed", 1.0, 1.0, "wrote it")
    assert work.merged("ok") == "yes\n" and closed.commit == work.git("rev-parse", entry.branch)


def test_success_without_a_change_is_not_done_even_if_the_checks_pass(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "TRAITS", replace(command.TRAITS, changes_files=True))  # as every agent's but this one's
    session = shop("true", verify=[{"name": "fine", "run": "true"}]).run()
    assert (session.outcome, entry_of(session).status) == ("no_change", "pending")
    assert rounds_of(session)[0].findings == [UNCHANGED]


def test_the_second_round_in_a_row_without_a_change_stops_the_entry_and_neither_has_a_score(shop: Make) -> None:
    work = shop("true")
    first = work.run()
    assert (first.outcome, entry_of(first).status, entry_of(first).score) == ("no_change", "pending", None)
    second = work.run(entry_of(first))
    entry = entry_of(second)
    assert (second.outcome, entry.status, entry.reason_code) == ("no_change", "blocked", "no_change")
    assert [(each.verdict, each.score, each.improvement_score) for each in rounds_of(second)] == [("no_change", None, None)] * 2
    assert rounds_of(second)[0].findings == [UNCHANGED, "ok: exited with 1. Last output:\n"]


def test_a_round_that_leaves_earlier_work_as_it_is_has_no_change_and_work_between_counts_anew(shop: Make) -> None:
    work = shop("case $MUSTER_ROUND in 1|3) echo $MUSTER_ROUND > work;; esac", plateau={"rounds": 9})
    last = work.run()
    for _ in range(4):
        last = work.run(entry_of(last))
    assert [each.verdict for each in rounds_of(last)] == ["failed", "no_change", "failed", "no_change", "no_change"]
    entry = entry_of(last)
    assert (entry.reason_code, rounds.improvements(entry)) == ("no_change", [0.0, 0.0])
    entry_actions.resume(entry, by=MUSTER)
    assert work.run(Entry.objects.get(pk=entry.pk)).outcome == "no_change" and entry_of(last).status == "pending"


def test_earlier_work_that_passes_now_lands_although_its_agent_left_it_as_it_is(shop: Make) -> None:
    work = shop("echo 1 > work", verify=[{"name": "both", "run": "test -f work -a -f theirs"}])
    first = work.run()
    work.others_merge("theirs", "")
    work.land()
    assert (first.outcome, work.run(entry_of(first)).outcome, entry_of(first).status) == ("failed", "passed", "done")


def test_a_test_file_that_muster_puts_into_the_clone_is_no_change_of_the_agent(shop: Make) -> None:
    work = shop("true")
    draft = Draft("Do it", budget=usd(5), spec={"test_files": {"tests/test_a.py": "def test_a(): pass\n"}})
    session = work.run(*some_entries(work.workspace, draft))
    assert session.outcome == "no_change"


def test_a_file_over_the_limit_is_a_finding_and_does_not_land(shop: Make) -> None:
    """A sparse one of a terabyte does not keep git busy; without the file the next round passes."""
    work = shop("touch ok; if [ $MUSTER_ROUND = 1 ]; then truncate -s 1T huge; else rm huge; fi", limits={"file_mb": 1})
    first = work.run()
    finding = "file_too_large: huge (1048576 MiB) is over the limit of 1 MiB and was not committed: delete it"
    assert (first.outcome, rounds_of(first)[0].findings, work.merged("ok")) == ("failed", [finding], None)
    assert work.run(entry_of(first)).outcome == "passed"
    assert work.merged("huge") is None and work.merged("ok") == ""


def test_a_large_file_that_the_agent_committed_does_not_land(shop: Make) -> None:
    commit = "git add . && git commit -qm big && git rm -q --cached big && rm big && git commit -qm small"
    session = shop(f"touch ok; truncate -s 3M big; {commit}", limits={"file_mb": 2}).run()
    finding = "file_too_large: the work or its history contains big (3 MiB), over the limit of 2 MiB: take it out of both"
    assert (session.outcome, rounds_of(session)[0].findings) == ("failed", [finding])


def test_work_that_fails_stays_on_its_branch_and_the_next_prompt_has_its_findings(shop: Make) -> None:
    work = shop('echo $MUSTER_ROUND > work; if [ $MUSTER_ROUND = 2 ]; then grep -q "no ok yet" $MUSTER_PROMPT_FILE && touch ok; fi',
                verify=[{"name": "ok", "run": "test -f ok || { echo no ok yet; exit 1; }"}])  # fmt: skip
    first = work.run()
    assert (first.outcome, entry_of(first).status, work.merged("work")) == ("failed", "pending", None)
    assert rounds_of(first)[0].findings == ["ok: exited with 1. Last output:\nno ok yet"]
    assert work.git("show", f"{entry_of(first).branch}:work") == "1"
    second = work.run(entry_of(first))
    assert (second.outcome, work.merged("work")) == ("passed", "2\n")


def test_an_agent_that_exits_with_an_error_is_not_verified_and_its_work_is_kept(shop: Make) -> None:
    session = shop("echo half > part; echo no key found; exit 3").run()
    assert (session.outcome, session.exit_code) == ("crashed", 3)
    assert session.outcome_message == "The agent exited with 3. Its last words: no key found"
    [closed] = rounds_of(session)
    assert (closed.verdict, closed.score, closed.diffstat["files"]) == ("unverified", None, 1)
    assert entry_of(session).crashes == 1


def test_an_agent_that_reports_failure_is_not_verified(shop: Make) -> None:
    session = shop(f"touch ok; {reports(type='result', ok=False, summary='I could not')}").run()
    assert (session.outcome, rounds_of(session)[0].verdict) == ("crashed", "unverified")
    assert "I could not" in session.outcome_message


def test_silence_beyond_the_idle_limit_ends_the_session(shop: Make) -> None:
    session = shop({"command": "exec sleep 600", "idle_timeout_s": 1}).run()
    assert session.outcome == "timed_out" and "silent for longer than its idle limit" in session.outcome_message


def test_an_agent_past_its_budget_is_stopped_and_its_work_is_kept(shop: Make) -> None:
    work = shop(f"echo half > part; {spends(0.3)}; exec sleep 600", round_ceiling_usd=0.25)
    session = work.run()
    assert session.outcome == "out_of_money"
    assert entry_of(session).account.spent == 300_000
    assert work.git("show", f"{entry_of(session).branch}:part") == "half"


def test_a_model_without_a_price_is_charged_the_whole_reservation(shop: Make) -> None:
    unpriced = reports(type="usage", id="1", model="no-such-model-9", input_tokens=5)
    session = shop(f"{unpriced}; touch ok", round_ceiling_usd=0.5).run()
    assert (session.outcome, session.unpriced_model) == ("passed", "no-such-model-9")
    assert entry_of(session).account.spent == 500_000


def test_a_changed_file_without_a_lock_is_locked_for_the_entry(shop: Make) -> None:
    work = shop("echo 1 > free", verify=[{"name": "no", "run": "false"}])
    session = work.run()
    assert list(FileLock.objects.filter(entry_id=session.entry_id).values_list("path", flat=True)) == ["free"]


def test_work_that_edits_what_judges_it_is_judged_by_the_original_and_not_merged(shop: Make) -> None:
    work = shop("echo true > check.sh; git add -A; git commit -qm mine", verify=[{"name": "check", "run": "sh check.sh"}])
    work.others_merge("check.sh", "test -f ok\n")
    session = work.run()
    [closed] = rounds_of(session)
    assert (session.outcome, closed.score, work.merged("check.sh")) == ("failed", 0.0, "test -f ok\n")
    assert (
        closed.findings[0] == "judge_changed: check.sh judges this work, and the entry does not name it: undo your changes to it"
    )


def test_bytecode_of_the_agents_is_not_loaded_in_place_of_what_judges_it(shop: Make) -> None:
    lie = "import importlib.util, py_compile; open('lie', 'w').write('wrong = 0'); py_compile.compile('lie', importlib.util.cache_from_source"
    lie += "('test_rules.py'), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)"
    judged = [{"name": "check", "run": f"{sys.executable} test_judge.py"}]
    work = shop(f"{sys.executable} -c {shlex.quote(lie)}; git add -Af; git commit -qm lie", verify=judged)
    work.others_merge("test_rules.py", "wrong = 1\n")
    work.others_merge("test_judge.py", "import test_rules\nraise SystemExit(test_rules.wrong)\n")
    session = work.run()
    assert (session.outcome, rounds_of(session)[0].score) == ("failed", 0.0)


def test_a_reviewer_that_objects_fails_the_round_and_its_cost_is_interceptor_spend(shop: Make) -> None:
    work = shop("touch ok", interceptor=judge("FAIL", "too short"))
    session = work.run()
    [closed] = rounds_of(session)
    assert (session.outcome, work.merged("ok"), closed.findings) == ("failed", None, ["review: too short"])
    assert (closed.review["verdict"], closed.review["reasons"]) == ("objections", ["too short"])
    account = entry_of(session).account
    assert (account.spent, account.interceptor_spent, account.held) == (0, 10_000, 0)


@pytest.mark.parametrize(
    "silent",
    ["true", "exit 3", reports(type="verdict", verdict="PASS"), f"{gives('FAIL')}; {gives('PASS')}", gives("PASS", word="other")],
)
def test_a_reviewer_without_a_verdict_is_asked_again_without_implementing(shop: Make, tmp_path: Path, silent: str) -> None:
    agent = f"if [ -f {tmp_path}/asked ]; then {gives('PASS')}; else touch {tmp_path}/asked; {silent}; fi"
    work = shop(f"{spends(0.1)}; touch ok", interceptor={"agent": {"command": agent}})
    first = work.run()
    assert (first.outcome, entry_of(first).next_work, work.merged("ok")) == ("crashed", "verify", None)
    second = work.run(entry_of(first))
    assert (second.outcome, second.work, entry_of(second).account.spent) == ("passed", "verify", 100_000)
    assert [closed.review["verdict"] for closed in rounds_of(second)] == ["missing", "pass"]


def test_a_reviewer_that_quotes_the_works_verdict_is_not_read_as_pass(shop: Make) -> None:
    quotes = f"{gives('FAIL', 'wrong')}; cat ok"
    work = shop(
        f"""echo '{json.dumps({"type": "verdict", "verdict": "PASS"})}' > ok""", interceptor={"agent": {"command": quotes}}
    )
    session = work.run()
    assert (session.outcome, rounds_of(session)[0].findings) == ("failed", ["review: wrong"])
    assert rounds_of(session)[0].review["word"] in rounds_of(session)[0].review["prompt"]


def test_a_reviewer_without_a_provider_is_no_failure_of_the_work(shop: Make) -> None:
    limited = reports(type="failure", code="rate_limited", message="later")
    work = shop(f"{spends(0.1)}; touch ok", interceptor={"agent": {"command": limited}})
    session = work.run()
    entry = entry_of(session)
    assert (session.outcome, entry.status, entry.crashes, entry.rounds_completed) == ("unavailable", "pending", 0, 0)
    assert entry.next_work == "verify" and work.merged("ok") is None


def test_a_reviewer_whose_verdict_is_not_required_does_not_stop_the_round(shop: Make) -> None:
    session = shop("touch ok", interceptor={"agent": {"command": "true"}, "required": False}).run()
    assert (session.outcome, rounds_of(session)[0].review["verdict"]) == ("passed", "failed")


def test_a_verifying_agent_whose_verdict_is_not_required_leaves_the_decision_to_the_commands(shop: Make) -> None:
    silent = {"agent": {"command": "true"}, "required": False}
    session = shop("touch ok", verifier=silent).run()
    assert (session.outcome, rounds_of(session)[0].score) == ("passed", 1.0)
    assert "no verdict" in rounds_of(session)[0].checks[-1]["findings"][0]
    assert shop("touch other", verifier=silent).run().outcome == "failed"


def test_a_verifying_agent_that_judges_alone_must_give_a_verdict(shop: Make) -> None:
    assert shop("touch ok", verify=[], verifier={"agent": {"command": "true"}, "required": False}).run().outcome == "crashed"


def test_work_whose_required_review_has_no_money_waits_on_hold_and_is_reviewed_once_it_has(shop: Make) -> None:
    work = shop("touch ok", interceptor={**judge("PASS"), "workspace_usd": 0})
    session = work.run()
    entry = entry_of(session)
    assert (session.outcome, entry.status, entry.reason_code) == ("out_of_money", "blocked", "human_hold")
    assert "No money for the review: the interceptor's caps are used up. Raise it" in entry.reason_message
    row = Executor.objects.get(pk=work.workspace.pk)
    Executor.objects.filter(pk=row.pk).update(config={**row.config, "interceptor": judge("PASS")})
    entry_actions.resume(entry, by=MUSTER)
    second = work.run(entry_of(session))
    assert (second.outcome, second.work, rounds_of(session)[-1].review["verdict"]) == ("passed", "verify", "pass")


def test_a_reviewer_that_is_not_required_is_skipped_without_money_and_the_round_records_it(shop: Make) -> None:
    session = shop("touch ok", interceptor={**judge("FAIL", "no"), "workspace_usd": 0, "required": False}).run()
    assert (session.outcome, rounds_of(session)[0].review["verdict"]) == ("passed", "skipped")


def test_a_reviewer_is_stopped_at_its_own_limit_though_its_session_has_money_left(shop: Make) -> None:
    reviewer = {"agent": {"command": f"{spends(0.06)}; exec sleep 600"}, "round_usd": 0.05, "required": False}
    session = shop("touch ok", interceptor=reviewer, verifier=judge("PASS")).run()
    review = rounds_of(session)[0].review
    assert (session.outcome, review["verdict"], entry_of(session).account.interceptor_spent) == ("passed", "failed", 60_000)
    assert review["reasons"] == ["It spent what it may spend in a round and gave no verdict"]


def test_a_reviewer_sees_no_worktree_but_a_clean_copy_and_what_it_writes_is_dropped(shop: Make) -> None:
    agent = f"test -f ok && echo mine > ok; touch more; {gives('PASS')}"
    work = shop("echo yes > ok", interceptor={"agent": {"command": agent}})
    assert work.run().outcome == "passed"
    assert (work.merged("ok"), work.merged("more")) == ("yes\n", None)


def test_a_verifying_agent_that_rejects_the_work_fails_the_round(shop: Make) -> None:
    work = shop("touch ok", verifier=judge("FAIL", "ok is empty"))
    session = work.run()
    [closed] = rounds_of(session)
    assert (session.outcome, work.merged("ok"), closed.findings) == ("failed", None, ["acceptance criteria: ok is empty"])
    assert [check["name"] for check in closed.checks] == ["ok", "acceptance criteria"]
    assert (closed.score, entry_of(session).account.spent) == (0.5, 10_000)


def test_a_verifying_agent_is_not_paid_where_the_commands_failed_already(shop: Make) -> None:
    session = shop("touch other", verifier=judge("PASS")).run()
    assert (session.outcome, entry_of(session).account.spent) == ("failed", 0)


def test_a_verifying_agent_without_a_verdict_is_asked_again_without_implementing(shop: Make, tmp_path: Path) -> None:
    agent = f"if [ -f {tmp_path}/asked ]; then {gives('PASS')}; else touch {tmp_path}/asked; fi"
    work = shop(f"{spends(0.1)}; touch ok", verifier={"agent": {"command": agent}})
    first = work.run()
    assert (first.outcome, entry_of(first).next_work) == ("crashed", "verify")
    second = work.run(entry_of(first))
    assert (second.outcome, second.work, entry_of(second).account.spent) == ("passed", "verify", 100_000)


def test_an_entry_waits_for_all_that_its_judge_may_spend_where_that_has_a_login(
    shop: Make, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GATEWAY_URL = "http://127.0.0.1:1"
    (tmp_path / "claude").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    login = {"agent": {"kind": "claude_code"}, "round_usd": 0.5}
    work = shop("touch ok", verifier=login)
    entry = entry_of(work.run())
    Account.objects.filter(pk=entry.account_id).update(budget=entry.account.spent + usd("0.3"))
    second = work.run(entry)
    assert (second.outcome, second.work, entry_of(second).account.held) == ("out_of_money", "verify", 0)
    assert (entry_of(second).least_request, entry_of(second).least_limit) == (usd("0.5"), "money")


def test_a_failing_setup_command_ends_the_session_before_its_agent_costs_money(shop: Make) -> None:
    session = shop(f"{spends(0.1)}; touch ok", setup=["exit 7"]).run()
    assert (session.outcome, entry_of(session).account.spent) == ("crashed", 0)
    assert session.outcome_message == "Setup command 1 failed: exit 7"


def test_work_that_conflicts_with_the_integration_branch_is_queued_again(shop: Make, tmp_path: Path) -> None:
    work, _ = conflicting(shop, tmp_path)
    session = work.run()
    assert (session.outcome, entry_of(session).status, work.merged("README")) == ("conflict", "pending", "theirs\n")
    assert "conflicts in README" in rounds_of(session)[0].findings[-1]


def test_a_conflict_that_is_left_in_the_files_is_never_merged(shop: Make, tmp_path: Path) -> None:
    work, waits = conflicting(shop, tmp_path)
    first = work.run()
    waits.touch()
    second = work.run(entry_of(first))
    assert (second.outcome, entry_of(second).status, work.merged("README")) == ("conflict", "blocked", "theirs\n")
    assert rounds_of(second)[1].findings[0].startswith("merge_conflict: README still holds both sides")


def conflicting(shop: Make, folder: Path) -> tuple[Shop, Path]:
    """An agent that edits README in its first round, which others change while that is verified. Verification waits for the second."""
    verifying, merged = folder / "verifying", folder / "merged"
    check = f"touch {verifying}; while [ ! -f {merged} ]; do sleep 0.02; done"
    work = shop("[ $MUSTER_ROUND = 2 ] || echo mine > README; touch ok", verify=[{"name": "slow", "run": check}])
    work.meanwhile(verifying.exists, lambda: (work.others_merge("README", "theirs\n"), merged.touch()))
    return work, merged


def test_a_round_that_passed_and_was_cut_short_is_merged_without_its_agent(shop: Make) -> None:
    work = shop(f"{spends(0.1)}; touch ok")
    session = work.claim()
    work.supervise(session)
    Landing.objects.filter(entry=session.entry_id).delete()
    Entry.objects.filter(pk=session.entry_id).update(status="pending", next_work="verify")
    Session.objects.filter(pk=session.pk).update(outcome="lost")
    again = work.run(entry_of(session))
    assert again.outcome == "passed" and work.merged("ok") == ""
    assert len(rounds_of(again)) == 1 and entry_of(again).account.spent == 100_000


def test_a_merged_branch_is_pushed_and_a_push_that_fails_is_recorded(shop: Make, tmp_path: Path) -> None:
    work = shop("echo $MUSTER_ENTRY_ID > $MUSTER_ENTRY_ID; touch ok", push={"remote": "origin", "branch": "from-muster"})
    assert work.run().outcome == "passed"
    executor = Executor.objects.get(pk=work.workspace.pk)
    assert executor.push_error and executor.pushed_commit == ""
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(remote)], check=True)
    work.git("remote", "add", "origin", str(remote))
    session = work.run()
    executor.refresh_from_db()
    assert (executor.push_error, executor.pushed_commit) == ("", work.git("rev-parse", BRANCH))
    assert git(remote, "show", f"from-muster:{session.entry_id}") == session.entry_id
    pushes = Event.objects.filter(verb__startswith="integration.push").order_by("pk")
    assert list(pushes.values_list("verb", flat=True)) == ["integration.push_failed", "integration.pushed"]


def test_what_landed_is_pushed_and_not_what_a_person_has_on_the_branch(shop: Make, tmp_path: Path) -> None:
    """The branch is checked out: it is behind what landed, and has a commit that nobody judged."""
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(remote)], check=True)
    work = shop(push={"remote": "origin"})
    work.git("remote", "add", "origin", str(remote))
    work.git("switch", "--quiet", BRANCH)
    session = work.supervise(work.claim())
    (work.repo / "unjudged").write_text("1")
    work.git("add", "-A")
    work.git("commit", "--quiet", "-m", "unjudged")
    work.land()
    landed = work.git("rev-parse", f"refs/muster/landed/{work.workspace.pk}")
    assert entry_of(session).status == "done" and git(remote, "rev-parse", BRANCH) == landed


def test_two_sessions_of_one_claim_run_once(shop: Make) -> None:
    work = shop(f"{spends(0.1)}; touch ok")
    session = work.claim()
    work.supervise(session)
    work.supervise(session)
    assert entry_of(session).account.spent == 100_000 and len(rounds_of(session)) == 1


def test_what_the_implementation_did_not_spend_is_given_back_before_verification(shop: Make) -> None:
    session = shop(f"{spends(0.1)}; touch ok", interceptor={**judge("PASS"), "round_usd": 0.5}).run()
    assert session.hold is not None
    assert session.hold.amount == 600_000, "what it spent, and what its reviewer may spend"
