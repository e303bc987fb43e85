"""Right work that makes no failing test pass by itself, on a red base: it waits for what builds on it, or for a person, and nothing is paid."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.approval import deciding, reads
from orchestration.backlog import content, deletion, dependencies, entry_actions
from orchestration.executor import dispatch
from orchestration.models import Entry, FileLock, IntegrationCommit, Landing, Round, Session
from orchestration.worker.lander import batches, swap
from tests.factories import ANA, an_entry
from tests.orchestration.worker.lander.test_judgements import AGENT
from tests.orchestration.worker.sessions.shop import BRANCH, Shop, rounds_of
from workspaces.errors import Conflict, Invalid

Make = Callable[..., Shop]

# Each case is a file `t-NAME` with the names of the files that it needs.
REPORT = """
{ echo '<testsuite>'; for t in t-*; do echo "<testcase classname='t' name='${t#t-}'>"; for f in $(cat $t); do
test -e $f || echo "<failure message='$f is missing'/>"; done; echo '</testcase>'; done; echo '</testsuite>'; } > report.xml
for t in t-*; do for f in $(cat $t); do test -e $f || exit 1; done; done
"""
JUNIT = [{"name": "tests", "run": REPORT, "junit": "report.xml"}]


def a_shop(shop: Make, cases: dict[str, str] | None = None, **config: Any) -> Shop:
    """A workspace on a red base: of its cases one passes and one needs files that are not there."""
    work = shop(AGENT, verify=JUNIT, max_workers=8, **config)
    for name, needs in ({"kept": "README", "last": "a b c"} | (cases or {})).items():
        work.others_merge(f"t-{name}", f"{needs}\n")
    work.land()
    return work


def chain(work: Shop, *names: str, **draft: Any) -> list[Entry]:
    """Entries that each create one file, each after the one before."""
    entries: list[Entry] = []
    for name in names:
        after = {"depends_on": [entries[-1].pk]} if entries else {}
        entries.append(an_entry(work.workspace, budget="5", content=f"Write {name}\necho {name} > {name}", **after, **draft))
    return entries


def run(work: Shop, entry: Entry) -> Session:
    return work.run(Entry.objects.get(pk=entry.pk))


def state(entry: Entry) -> tuple[str, str]:
    entry.refresh_from_db()
    return entry.status, entry.reason_code


def rounds_paid(*entries: Entry) -> list[int]:
    return [Round.objects.filter(entry=entry).count() for entry in entries]


def test_the_chain_waits_and_lands_together_in_order_once_a_test_turns_green(shop: Make) -> None:
    work = a_shop(shop)
    a, b, c = chain(work, "a", "b", "c")
    assert run(work, a).outcome == "passed" and state(a) == ("pending", "waiting_for_proof")
    assert run(work, b).outcome == "passed" and state(b) == ("pending", "waiting_for_proof")
    assert run(work, c).outcome == "passed"
    assert [state(entry)[0] for entry in (a, b, c)] == ["done"] * 3 and rounds_paid(a, b, c) == [1, 1, 1]
    assert [row.is_unproven for row in Round.objects.order_by("pk")] == [True, True, False]
    landed = IntegrationCommit.objects.get(kind="entries")
    assert landed.subject == f"Land #{a.seq}, #{b.seq}, #{c.seq}" and landed.verdict and landed.verdict.passed
    order = work.git("log", "--reverse", "--format=%s", "--grep=Muster round", f"{landed.old}..{BRANCH}").split("\n")
    assert order == ["Write a", "Write b", "Write c"]


def test_unproven_work_of_which_nothing_depends_waits_for_a_person_and_is_paid_no_more(shop: Make) -> None:
    work = a_shop(shop)
    [a] = chain(work, "a")
    run(work, a)
    assert state(a) == ("pending", "unproven") and rounds_of(Session.objects.get())[0].verdict == "passed"
    dispatch.cycle(work.workspace.pk)
    work.land()
    assert Session.objects.count() == 1 and work.merged("a") is None
    assert [each.entry_id for each in reads.waiting([work.workspace.pk])] == [a.pk]
    assert list(FileLock.objects.filter(entry=a)) != []


def test_a_person_lets_it_land(shop: Make) -> None:
    work = a_shop(shop)
    [a] = chain(work, "a")
    run(work, a)
    deciding.approve(a, Landing.objects.get().commit, by=ANA)
    work.land()
    assert (state(a)[0], work.merged("a")) == ("done", "a\n")


@pytest.mark.parametrize(("tests", "status"), [(["t.mine"], "done"), (["t.last"], "pending")])
def test_a_person_names_tests_and_it_is_verified_again_without_an_agent(shop: Make, tests: list[str], status: str) -> None:
    work = a_shop(shop)
    [a] = chain(work, "a")
    a.content += "; echo a > t-mine"
    a.save(update_fields=["content"])
    run(work, a)
    deciding.name_tests(a, Landing.objects.get().commit, tests, by=ANA)
    session = run(work, a)
    assert (session.work, session.hold_id, state(a)[0]) == ("verify", None, status)


def test_names_of_tests_need_the_commit_that_waits_and_a_name(shop: Make) -> None:
    work = a_shop(shop)
    [a] = chain(work, "a")
    run(work, a)
    with pytest.raises(Conflict):
        deciding.name_tests(a, "0" * 40, ["t.last"], by=ANA)
    with pytest.raises(Invalid):
        deciding.name_tests(a, Landing.objects.get().commit, [" "], by=ANA)
    assert state(a) == ("pending", "unproven")


def test_a_person_sends_it_back_and_what_began_from_it_is_verified_again_on_its_next_commit(shop: Make) -> None:
    work = a_shop(shop, {"last": "a b"})
    a, b = chain(work, "a", "b")
    a.content = "Write a\nif [ $MUSTER_ROUND = 1 ]; then echo 1 > a; else echo 2 > a; fi"
    a.save(update_fields=["content"])
    run(work, a)
    work.supervise(work.claim(Entry.objects.get(pk=b.pk)))  # its landing is queued
    deciding.send_back(a, Landing.objects.get(entry=a).commit, by=ANA, note="write 2")
    work.land()
    assert state(b) == ("pending", "") and work.merged("b") is None
    run(work, a)
    assert state(a) == ("pending", "waiting_for_proof")
    again = run(work, b)
    assert (again.work, [state(entry)[0] for entry in (a, b)]) == ("verify", ["done", "done"])
    assert (work.merged("a"), work.merged("b")) == ("2\n", "b\n")


def test_work_that_breaks_a_case_is_not_unproven(shop: Make) -> None:
    work = a_shop(shop)
    a, _ = chain(work, "a", "b")
    a.content = "Write a\nrm README; echo a > a"
    a.save(update_fields=["content"])
    assert run(work, a).outcome == "failed" and state(a) == ("pending", "")
    assert Landing.objects.count() == 0


def test_what_cannot_turn_its_tests_green_does_not_land_and_in_the_end_a_person_decides_below(shop: Make) -> None:
    work = a_shop(shop)
    a, b = chain(work, "a", "b")
    Entry.objects.filter(pk=b.pk).update(spec={"tests": ["t.last"]}, budget_rounds=1)
    run(work, a)
    assert run(work, b).outcome == "failed" and state(b) == ("failed", "rounds_exhausted")
    dispatch.cycle(work.workspace.pk)
    assert state(a) == ("pending", "unproven") and work.merged("a") is None
    entry_actions.resume(b, by=ANA)
    dispatch.cycle(work.workspace.pk)
    assert state(a) == ("pending", "waiting_for_proof")


@pytest.mark.parametrize("act", ["delete", "undepend", "hold"])
def test_it_goes_to_a_person_when_nothing_open_builds_on_it_any_more(shop: Make, act: str) -> None:
    work = a_shop(shop)
    a, b = chain(work, "a", "b")
    run(work, a)
    {
        "delete": lambda: deletion.delete_all([b], by=ANA),
        "undepend": lambda: dependencies.undepend(b, a, by=ANA),
        "hold": lambda: entry_actions.put_on_hold(b, by=ANA),
    }[act]()
    Entry.objects.filter(pk=b.pk).update(not_before=now())
    dispatch.cycle(work.workspace.pk)
    assert state(a) == ("pending", "unproven")


def test_what_conflicts_with_the_tip_goes_back_and_the_work_below_it_waits_on(shop: Make) -> None:
    work = a_shop(shop, {"last": "a b"})
    a, b = chain(work, "a", "b")
    b.content += "; echo mine > x"
    b.save(update_fields=["content"])
    run(work, a)
    work.supervise(work.claim(Entry.objects.get(pk=b.pk)))
    rounds = Entry.objects.get(pk=b.pk).budget_rounds
    work.others_merge("x", "theirs\n")
    work.land()
    assert state(b) == ("pending", "") and Entry.objects.get(pk=b.pk).budget_rounds == rounds + 1
    assert "conflicts in x" in Landing.objects.get(entry=b).message
    assert state(a) == ("pending", "waiting_for_proof") and (work.merged("a"), work.merged("x")) == (None, "theirs\n")


def test_a_new_dependent_starts_from_it_and_lands_with_it(shop: Make) -> None:
    work = a_shop(shop, {"last": "a b"})
    [a] = chain(work, "a")
    run(work, a)
    b = an_entry(work.workspace, budget="5", content="Write b\ntest -e a && echo b > b", depends_on=[a.pk])
    run(work, b)
    assert [state(entry)[0] for entry in (a, b)] == ["done", "done"]


def test_work_on_hold_keeps_what_contains_it_from_landing_until_it_is_resumed(shop: Make) -> None:
    work = a_shop(shop, {"last": "a b"})
    a, b = chain(work, "a", "b")
    run(work, a)
    work.supervise(work.claim(Entry.objects.get(pk=b.pk)))
    entry_actions.put_on_hold(a, by=ANA)
    work.land()
    assert state(a)[0] == "blocked" and state(b) == ("pending", "") and work.merged("a") is None and work.merged("b") is None
    entry_actions.resume(a, by=ANA)
    run(work, a)
    run(work, b)
    assert [state(entry)[0] for entry in (a, b)] == ["done", "done"]
    assert [session.work for session in Session.objects.filter(entry=b).order_by("attempt")] == ["implement", "verify"]
    assert Round.objects.filter(entry=a).count() == 1  # nothing was paid again


def test_a_dependent_takes_over_the_locks_that_it_needs_and_gives_them_back_where_the_work_returns(shop: Make) -> None:
    work = a_shop(shop, {"last": "a b"})
    a, b = chain(work, "a", "b", files=["shared.txt"])
    run(work, a)
    assert set(FileLock.objects.values_list("path", "entry_id")) == {("a", a.pk), ("shared.txt", a.pk)}
    claimed = work.claim(Entry.objects.get(pk=b.pk))
    assert FileLock.objects.get(path="shared.txt").entry_id == b.pk
    work.supervise(claimed)
    deciding.send_back(a, Landing.objects.get(entry=a).commit, by=ANA, note="again")
    work.land()
    work.claim(Entry.objects.get(pk=a.pk))
    assert FileLock.objects.get(path="shared.txt").entry_id == a.pk


def test_an_undeclared_file_of_unproven_work_may_be_changed_by_what_builds_on_it(shop: Make) -> None:
    work = a_shop(shop, {"last": "a b"})
    a, b = chain(work, "a", "b")
    b.content = "Write b\necho more >> a; echo b > b"
    b.save(update_fields=["content"])
    run(work, a)
    assert run(work, b).outcome == "passed" and (state(b)[0], work.merged("a")) == ("done", "a\nmore\n")


def test_it_lands_alone_once_a_failing_test_passes_by_it_on_a_newer_tip(shop: Make) -> None:
    work = a_shop(shop, {"last": "a theirs"})
    [a] = chain(work, "a")
    run(work, a)
    assert state(a) == ("pending", "unproven")
    work.others_merge("theirs", "")
    work.land()
    work.land()
    assert (state(a)[0], work.merged("a")) == ("done", "a\n")


def test_the_whole_chain_is_approved_with_the_commit_that_contains_it(shop: Make) -> None:
    work = a_shop(shop, {"last": "a b"}, approve={"mode": "always"})
    a, b = chain(work, "a", "b")
    run(work, a)
    run(work, b)
    assert state(a) == ("pending", "waiting_for_proof") and state(b) == ("pending", "waiting_for_approval")
    deciding.approve(b, Landing.objects.get(entry=b).commit, by=ANA)
    work.land()
    assert [state(entry)[0] for entry in (a, b)] == ["done", "done"]


def test_work_verified_again_is_unproven_again(shop: Make) -> None:
    work = a_shop(shop)
    [a] = chain(work, "a")
    run(work, a)
    entry_actions.reverify(a, by=ANA)
    assert run(work, a).outcome == "passed" and state(a) == ("pending", "unproven")
    assert Landing.objects.filter(entry=a, state="unproven").count() == 1


def test_an_entry_whose_work_is_unproven_is_not_edited_behind_it(shop: Make) -> None:
    work = a_shop(shop)
    [a] = chain(work, "a")
    run(work, a)
    with pytest.raises(Invalid, match="unproven"):
        content.edit(a, content.Change(content="Write another"), by=ANA)


def test_a_chain_is_whole_or_not_there_when_one_of_it_is_put_on_hold_as_it_lands(
    shop: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = a_shop(shop, {"last": "a b"})
    a, b = chain(work, "a", "b")
    run(work, a)
    work.supervise(work.claim(Entry.objects.get(pk=b.pk)))
    judge = batches.judging.judge

    def judged_meanwhile(*args: Any, **kwargs: Any) -> Any:
        judged = judge(*args, **kwargs)
        if Entry.objects.get(pk=a.pk).status == "pending":
            entry_actions.put_on_hold(a, by=ANA)
        return judged

    monkeypatch.setattr(batches.judging, "judge", judged_meanwhile)
    work.land()
    assert (state(a)[0], state(b)) == ("blocked", ("pending", "")) and (work.merged("a"), work.merged("b")) == (None, None)
    assert IntegrationCommit.objects.filter(kind="entries").count() == 0


def test_a_lander_that_is_killed_after_its_intent_lands_the_whole_chain(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    work = a_shop(shop, {"last": "a b"})
    a, b = chain(work, "a", "b")
    run(work, a)
    work.supervise(work.claim(Entry.objects.get(pk=b.pk)))
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(swap, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        work.land()
    assert state(a) == ("in_progress", "")
    with pytest.raises(Conflict):
        entry_actions.put_on_hold(a, by=ANA)
    work.land()
    assert [state(entry)[0] for entry in (a, b)] == ["done", "done"]


def test_a_void_intent_lets_the_chain_wait_as_before(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody moved the branch between the intent and the move: its chain is judged again on what is there then."""
    work = a_shop(shop, {"last": "a b"})
    a, b = chain(work, "a", "b")
    run(work, a)
    work.supervise(work.claim(Entry.objects.get(pk=b.pk)))
    voided: list[str] = []

    def void_once(lease: Any, intent: IntegrationCommit) -> None:
        if voided:
            return finish(lease, intent)
        swap._void(lease, intent)
        voided.append(state(a)[1])
        raise swap.TipMoved("elsewhere")

    finish = swap.finish
    monkeypatch.setattr(swap, "finish", void_once)
    for _ in range(2):
        work.land()
    assert voided == ["waiting_for_proof"] and [state(entry)[0] for entry in (a, b)] == ["done", "done"]
