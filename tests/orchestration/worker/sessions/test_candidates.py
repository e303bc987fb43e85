"""Several candidates work on one round: the first that passes is chosen, else the best of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from budget.models import Hold, RoundSpend
from orchestration.approval import choosing, deciding
from orchestration.configuration.config.routes import Step
from orchestration.dialogue import questions
from orchestration.executor import dispatch
from orchestration.git import branches
from orchestration.models import Entry, Question, Round, Session
from orchestration.sessions import lifecycle
from orchestration.sessions.candidates import Candidate, best
from orchestration.worker.endings import Facts, Left, SessionOver, after, of_lost
from orchestration.worker.preparing import candidate_places, sharing
from orchestration.worker.steps import verifying
from tests.factories import ANA, an_entry
from tests.orchestration.worker.sessions.shop import Shop, entry_of, spends
from workspaces.access import MUSTER
from workspaces.errors import Conflict


def claims(work: Shop, entry: Entry | None = None, **draft: Any) -> list[Session]:
    """The sessions of an entry's candidates as the executor claims them."""
    entry = entry or an_entry(work.workspace, budget="50", **draft)
    dispatch.cycle(work.workspace.pk)
    return list(Session.objects.filter(entry=entry, status=Session.Status.CLAIMED).order_by("candidate"))


def in_turn(folder: Path, *commands: str) -> str:
    """A command whose first run is the first of these, and so on."""
    count = folder / "runs"
    cases = " ".join(f"{n}) {command};;" for n, command in enumerate(commands, start=1))
    return f'echo >> {count}; case "$(wc -l < {count} | tr -d " ")" in {cases} esac'


def outcomes(sessions: list[Session]) -> list[str]:
    return [Session.objects.get(pk=session.pk).outcome for session in sessions]


@pytest.fixture
def best_of_three(shop: Callable[..., Shop], tmp_path: Path) -> Callable[..., Shop]:
    def make(*commands: str, **config: Any) -> Shop:
        return shop(in_turn(tmp_path, *commands), route="default 3 best of 3", max_workers=4, **config)

    return make


def test_three_are_claimed_at_once_with_three_reservations(best_of_three: Callable[..., Shop]) -> None:
    sessions = claims(best_of_three("true", "true", "true"))
    entry = entry_of(sessions[0])
    assert [(each.candidate, each.attempt) for each in sessions] == [(1, 1), (2, 2), (3, 3)]
    assert (entry.status, entry.attempts) == ("in_progress", 3)
    amounts = set(Hold.objects.filter(account=entry.account, state="open").values_list("amount", flat=True))
    assert len(amounts) == 1 and entry.account.held == 3 * amounts.pop()


def test_the_first_that_passes_is_landed_and_the_others_end(best_of_three: Callable[..., Shop]) -> None:
    work = best_of_three(f"echo one > other; {spends(0.5)}", f"echo two > ok; {spends(0.25)}", "echo three > ok")
    sessions = claims(work)
    for session in sessions[:2]:
        work.supervise(session)
    work.land()
    entry = entry_of(sessions[0])
    assert outcomes(sessions) == ["failed", "passed", "not_chosen"]
    assert (entry.status, entry.rounds_completed, work.merged("ok"), work.merged("other")) == ("done", 1, "two\n", None)
    assert [(each.number, each.candidate) for each in Round.objects.filter(entry=entry)] == [(1, 2)]
    assert RoundSpend.objects.get(account=entry.account, number=1).cost == entry.account.spent == 750_000
    assert entry.account.held == 0
    assert not branches.tip(work.repo, f"{entry.branch}.candidate-1"), "it was put away when its entry landed"
    kept = work.git("for-each-ref", "--format=%(refname)", candidate_places.KEPT).split()
    assert any(work.git("show", f"{ref}:other") == "one" for ref in kept if f"{entry.pk}-1/" in ref)


def test_one_that_passes_after_another_was_chosen_is_not_landed(best_of_three: Callable[..., Shop]) -> None:
    work = best_of_three("echo one > ok", "echo two > ok", "true")
    sessions = claims(work)
    second = Session.of_any_role.get(pk=sessions[1].pk)
    Session.objects.filter(pk=second.pk).update(status="running")  # at work while the first one passes
    work.supervise(sessions[0])
    second.refresh_from_db()
    assert second.stop_wanted_at and second.status == "running"
    Session.objects.filter(pk=second.pk).update(status="claimed", stop_wanted_at=None)
    work.supervise(second)
    work.land()
    assert outcomes(sessions) == ["passed", "not_chosen", "not_chosen"]
    assert (entry_of(second).status, work.merged("ok")) == ("done", "one\n")
    assert [each.candidate for each in Round.objects.filter(entry=second.entry)] == [1]


def test_where_none_passes_the_best_goes_on(best_of_three: Callable[..., Shop]) -> None:
    checks = [{"name": name, "run": f"test -f {name}"} for name in ("ok", "second", "third")]
    work = best_of_three(
        "echo one > second",
        "echo two > second; echo two > third",
        "echo three > third",
        *["echo four > ok"] * 3,
        verify=checks,
    )
    sessions = claims(work)
    for session in sessions:
        work.supervise(session)
    entry = entry_of(sessions[0])
    assert outcomes(sessions) == ["failed"] * 3
    assert (entry.status, entry.rounds_completed, round(entry.score or 0, 2)) == ("pending", 1, 0.67)
    assert [(each.number, each.candidate) for each in Round.objects.filter(entry=entry)] == [(1, 2)]
    again = claims(work, entry)
    assert [each.candidate for each in again] == [1, 2, 3]
    work.supervise(again[0])
    work.land()
    assert (work.merged("ok"), work.merged("second"), work.merged("third")) == ("four\n", "two\n", "two\n")


def test_of_two_with_one_score_the_cheaper_one_is_kept(best_of_three: Callable[..., Shop]) -> None:
    work = best_of_three(*(f"echo {n} > other; {spends(usd)}" for n, usd in ((1, 0.5), (2, 0.1), (3, 0.3))))
    sessions = claims(work)
    for session in sessions:
        work.supervise(session)
    assert [each.candidate for each in Round.objects.filter(entry=sessions[0].entry)] == [2]


def test_under_a_tight_budget_all_of_them_start_or_none(shop: Callable[..., Shop]) -> None:
    work = shop(route="default best of 3", max_workers=4, min_round_usd=0.4)
    entry = an_entry(work.workspace, budget="1")
    dispatch.cycle(work.workspace.pk)
    entry.refresh_from_db()
    assert (entry.status, entry.reason_code, Session.objects.count(), Hold.objects.count()) == (
        "blocked",
        "budget_exceeded",
        0,
        0,
    )
    assert entry.reason_message == "$1.00 of its budget is left, a round of 3 candidates needs $1.20: raise the entry's budget"


def test_they_wait_until_as_many_workers_are_free(shop: Callable[..., Shop]) -> None:
    work = shop(route="default best of 3", max_workers=3)
    first = work.claim(route=[Step()])
    hard, easy = an_entry(work.workspace, budget="50"), an_entry(work.workspace, budget="50", route=[Step()])
    dispatch.cycle(work.workspace.pk)
    assert not Session.objects.filter(entry__in=[hard, easy]).exists(), "or it would never start"
    work.supervise(first)
    assert len(claims(work, hard)) == 3


def test_complete_work_of_all_is_verified_one_after_the_other_where_their_worker_ended(
    best_of_three: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = best_of_three(*(f"echo {n} > {name}" for n, name in ((1, "other"), (2, "other"), (3, "ok"))))
    sessions = claims(work)
    with monkeypatch.context() as broken:
        broken.setattr(verifying, "verify", cannot_verify)
        for session in sessions:
            work.supervise(session)
    entry = entry_of(sessions[0])
    assert (outcomes(sessions), entry.next_work) == (["unavailable"] * 3, "verify")
    for _ in range(3):
        Entry.objects.filter(pk=entry.pk).update(not_before=None)
        work.run(entry)
    entry.refresh_from_db()
    assert (entry.status, entry.rounds_completed, work.merged("ok")) == ("done", 1, "3\n")
    assert Session.objects.filter(entry=entry, work="implement").count() == 3, "no agent is paid again"


def cannot_verify(*_: object) -> None:
    raise SessionOver(Facts("not_judged", "setup", ("the disk is away",)))


def test_a_person_may_take_the_work_of_another_one_before_it_lands(best_of_three: Callable[..., Shop], tmp_path: Path) -> None:
    lenient = tmp_path / "lenient"
    checks = [{"name": "ok", "run": f"test -f ok || test -f {lenient}"}]
    work = best_of_three("echo one > other", "echo two > ok", "true", approve={"mode": "always"}, verify=checks)
    sessions = claims(work)
    for session in sessions[:2]:
        work.supervise(session)
    work.land()
    entry = entry_of(sessions[0])
    assert (entry.reason_code, outcomes(sessions)) == ("waiting_for_approval", ["failed", "passed", "not_chosen"])
    other = Round.of_any_candidate.get(session=sessions[0]).commit
    lenient.touch()
    choosing.choose(entry, other, by=ANA)
    with pytest.raises(Conflict, match="No candidate"):
        choosing.choose(entry, other, by=ANA)
    work.run(entry)
    entry.refresh_from_db()
    landing = deciding.waiting_landing(entry)
    assert landing is not None
    deciding.approve(entry, landing.commit, by=ANA)
    work.land()
    assert (entry_of(sessions[0]).status, work.merged("other"), work.merged("ok")) == ("done", "one\n", None)
    assert Session.objects.filter(entry=entry, work="implement").count() == 3, "no agent is paid again"
    with pytest.raises(Conflict, match="is done"):
        choosing.choose(entry, other, by=ANA)


@pytest.mark.parametrize(
    ("ended", "number"),
    [
        ([Candidate(1, score=0.4), Candidate(2, score=0.6), Candidate(3)], 2),
        ([Candidate(1, score=0.4, cost=9), Candidate(2, score=0.4, cost=8)], 2),
        ([Candidate(1, score=0.9), Candidate(2, is_unjudged=True)], 2),
        ([Candidate(1, is_verified=True, score=1.0, cost=9), Candidate(2, is_unjudged=True)], 1),
        ([Candidate(1), Candidate(2)], None),
    ],
)
def test_verified_work_is_best_then_complete_work_then_the_score(ended: list[Candidate], number: int | None) -> None:
    assert best(ended) == number


def test_verified_work_whose_worker_was_lost_lands_without_another_agent(best_of_three: Callable[..., Shop]) -> None:
    work = best_of_three("echo one > ok", "echo two > other", "echo three > other")
    sessions = claims(work)
    conclude = lifecycle._conclude
    with pytest.MonkeyPatch.context() as broken:  # the worker dies after the verdict, before it ends the session
        broken.setattr(lifecycle, "_conclude", lambda *_: False)
        work.supervise(sessions[0])
    lost = Session.of_any_role.select_related("entry__account__project", "entry__workspace", "workspace__executor", "hold")
    assert conclude(lost.get(pk=sessions[0].pk), after(of_lost(Left(is_done=True))), Session.Status.RUNNING, MUSTER)
    for session in sessions[1:]:
        work.supervise(session)
    entry = entry_of(sessions[0])
    assert (outcomes(sessions), entry.next_work) == (["lost", "failed", "failed"], "verify")
    work.run(entry)
    assert (entry_of(sessions[0]).status, work.merged("ok")) == ("done", "one\n")
    assert Session.objects.filter(entry=entry, work="implement").count() == 3, "no agent is paid again"


def test_a_question_of_one_that_is_not_chosen_waits_for_no_answer(best_of_three: Callable[..., Shop]) -> None:
    work = best_of_three("echo two > ok", "true", "true")
    sessions = claims(work)
    Session.objects.filter(pk=sessions[0].pk).update(status="running")
    questions.ask(sessions[0], "q", "Which of the two?")
    work.supervise(sessions[1])
    assert not Question.objects.exists()


def test_no_candidates_start_while_one_of_a_round_before_is_still_ending(best_of_three: Callable[..., Shop]) -> None:
    work = best_of_three("echo one > ok", "true", "true")
    sessions = claims(work)
    Session.objects.filter(pk=sessions[1].pk).update(status="running")
    work.supervise(sessions[0])
    entry = entry_of(sessions[0])
    Entry.objects.filter(pk=entry.pk).update(status="pending")
    other = an_entry(work.workspace, budget="5", route=[Step()])
    dispatch.cycle(work.workspace.pk)
    assert not Session.objects.filter(entry=entry, status="claimed").exists()
    assert Session.objects.filter(entry=other).exists(), "it keeps no other entry from starting"


def test_a_chosen_candidates_work_is_shared_on_record(
    best_of_three: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing.local_repository, "authority_of", lambda _: "authority")
    monkeypatch.setattr(sharing, "_publish", lambda *_: True)
    monkeypatch.setattr(candidate_places.sharing, "claim", lambda *_: None)
    work = best_of_three("echo one > ok", "true", "true")
    sessions = claims(work)
    work.supervise(sessions[0])
    entry = entry_of(sessions[0])
    assert entry.is_shared and branches.tip(work.repo, entry.branch) == Round.objects.get(entry=entry).commit
