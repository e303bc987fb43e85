"""A round that leads nowhere is ended: it counts as a round, and for no plateau; its work is kept, and the next round begins with what was seen."""

import re
from collections.abc import Callable

import pytest

from orchestration.backlog import entry_actions
from orchestration.models import Entry, Message, Session
from orchestration.sessions import rounds
from orchestration.worker import reaper, session_run
from tests.orchestration.worker.sessions.shop import Shop, entry_of, rounds_of
from workspaces.access import MUSTER

Make = Callable[..., Shop]
MISSING = "ok: exited with 1. Last output:\n"
TOOL = """echo '{"type": "tool", "name": "shell", "arguments": "make", "answer": "no rule"}'"""
USAGE = """echo '{"type": "usage", "id": "1", "cost_usd": 0.25}'"""
LOOPS = f"{USAGE}; while :; do {TOOL}; sleep 0.01; done"


def is_seen(text: str) -> bool:
    return (
        re.fullmatch(
            r"ended early: the same call \d+ times with the same answer \(shell make\), no file changed for \d+ tools", text
        )
        is not None
    )


def test_it_ends_counts_as_a_round_and_the_next_one_begins_with_what_was_seen(shop: Make) -> None:
    work = shop(f'case $MUSTER_ROUND in 1) {LOOPS};; *) cp "$MUSTER_PROMPT_FILE" ok;; esac')
    session = work.run()
    entry, [ended] = entry_of(session), rounds_of(session)
    assert (session.outcome, entry.status, entry.rounds_completed, entry.account.spent) == ("doomed", "pending", 1, 250_000)
    assert is_seen(ended.ended_early) and ended.findings == [ended.ended_early]
    assert (ended.verdict, ended.score, entry.account.held, entry.crashes) == ("doomed", None, 0, 0)
    assert session.outcome_message == ended.ended_early
    last = work.run(entry)
    assert last.outcome == "passed" and ended.ended_early in (work.merged("ok") or "")


def test_it_counts_for_no_plateau_and_uses_up_the_rounds(shop: Make) -> None:
    work = shop(LOOPS, plateau={"rounds": 1})
    session = work.run(budget_rounds=2)
    assert rounds.improvements(entry_of(session)) == [] and entry_of(session).status == "pending"
    entry = entry_of(work.run(entry_of(session)))
    assert (entry.status, entry.reason_code) == ("failed", "rounds_exhausted")


def test_changed_work_is_judged_and_lands_where_it_passes(shop: Make) -> None:
    work = shop(f"echo yes > ok; {LOOPS}")
    session = work.run()
    [passed] = rounds_of(session)
    assert (session.outcome, passed.verdict) == ("passed", "passed") and is_seen(passed.ended_early)
    assert work.merged("ok") == "yes\n"


def test_changed_work_that_does_not_pass_has_both_findings_and_is_kept(shop: Make) -> None:
    work = shop(f"echo draft > draft; {LOOPS}")
    session = work.run()
    [ended] = rounds_of(session)
    assert ended.findings == [ended.ended_early, MISSING] and ended.verdict == "doomed"
    assert work.git("show", f"{ended.commit}:draft") == "draft"


def test_the_findings_stay_where_the_files_did(shop: Make) -> None:
    work = shop(f"case $MUSTER_ROUND in 1) echo draft > draft;; *) {LOOPS};; esac")
    second = work.run(entry_of(work.run()))
    ended = rounds_of(second)[1]
    assert ended.findings == [ended.ended_early, MISSING] and not ended.checks, "nothing was judged again"


@pytest.mark.parametrize("policy", ["warn", "off"])
def test_by_config_it_goes_on(shop: Make, policy: str) -> None:
    work = shop(f"for n in $(seq 99); do {TOOL}; done; sleep 0.5; echo yes > ok", doomed_rounds=policy)
    assert work.run().outcome == "passed" and not Message.objects.exists()


def test_a_worker_that_dies_after_the_end_loses_nothing(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    work = shop(f"echo draft > draft; {LOOPS}")
    session = work.claim()
    monkeypatch.setattr(session_run.implementing, "check_changes", lambda *_: (_ for _ in ()).throw(Killed()))
    with pytest.raises(Killed):
        work.supervise(session)
    monkeypatch.undo()
    assert reaper.end_after_outage(Session.objects.get(pk=session.pk))
    last = work.run(Entry.objects.get(pk=session.entry_id))
    assert [(each.verdict, is_seen(each.ended_early)) for each in rounds_of(last)] == [("unverified", True), ("doomed", True)]
    assert entry_of(last).account.spent == 250_000, "its agent is not paid again"


def test_a_person_may_send_it_on(shop: Make) -> None:
    work = shop(f"case $MUSTER_ROUND in 1) {LOOPS};; *) echo yes > ok;; esac")
    entry = entry_of(work.run(budget_rounds=1))
    assert entry.reason_code == "rounds_exhausted"
    Entry.objects.filter(pk=entry.pk).update(budget_rounds=2)
    entry_actions.resume(Entry.objects.get(pk=entry.pk), by=MUSTER)
    assert work.run(Entry.objects.get(pk=entry.pk)).outcome == "passed"


class Killed(BaseException):
    """The worker is gone."""
