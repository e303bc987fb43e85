"""The plan needs no database and no clock."""

from dataclasses import replace
from typing import Any

import pytest

from orchestration.executor.plan import Block, Park, Running, Start, Wait, Waiting, World, codes, plan
from orchestration.hosts.placing import Host

USD = 1_000_000
WORLD = World(
    state="running", max_workers=4, worker_slots=8, free_slots=4, headroom=100 * USD, min_round=USD // 20, round_ceiling=5 * USD
)


def an_entry(id_: str, **more: object) -> Waiting:
    return replace(Waiting(id=id_, seq=int(id_[1:]), headroom=2 * USD), **more)  # type: ignore[arg-type]


def test_it_starts_as_many_as_there_are_free_slots() -> None:
    decisions = plan(replace(WORLD, free_slots=2), [an_entry("e1"), an_entry("e2"), an_entry("e3")])
    assert [type(d) for d in decisions] == [Start, Start, Wait]
    assert codes(decisions) == ["concurrency_limit"]


def test_what_starts_shares_what_is_left_within_its_own_budget_and_the_ceiling() -> None:
    world = replace(WORLD, headroom=7 * USD)
    decisions = plan(
        world, [an_entry("e1", headroom=9 * USD), an_entry("e2", headroom=1 * USD), an_entry("e3", headroom=9 * USD)]
    )
    assert [d.reservation for d in decisions if isinstance(d, Start)] == [7 * USD // 3, 1 * USD, 7 * USD - 7 * USD // 3 - 1 * USD]


def test_it_starts_nothing_when_the_project_cap_is_spent() -> None:
    decisions = plan(replace(WORLD, headroom=0), [an_entry("e1")])
    assert isinstance(decisions[0], Wait)
    assert decisions[0].why.code == "project_budget_exceeded"


def test_it_never_gives_out_more_than_the_project_has_left() -> None:
    decisions = plan(replace(WORLD, headroom=3 * USD), [an_entry(f"e{n}") for n in range(1, 4)])
    assert sum(d.reservation for d in decisions if isinstance(d, Start)) == 3 * USD


def test_an_entry_without_budget_is_blocked_with_its_reason() -> None:
    [decision] = plan(WORLD, [an_entry("e1", headroom=0)])
    assert isinstance(decision, Block)
    assert decision.why.code == "budget_exceeded"
    assert "raise the entry's budget" in decision.why.message


def test_verification_alone_needs_no_money() -> None:
    [decision] = plan(replace(WORLD, headroom=0), [an_entry("e1", headroom=0, verify_only=True)])
    assert decision == Start(decision.entry, 0)


def test_two_entries_that_share_a_file_do_not_start_together() -> None:
    first, second = plan(WORLD, [an_entry("e1", paths=("a.py", "b.py")), an_entry("e2", paths=("b.py",))])
    assert isinstance(first, Start)
    assert isinstance(second, Park) and second.behind == "e1"


def test_a_directory_covers_the_paths_under_it() -> None:
    first, second, third = plan(
        WORLD,
        [an_entry("e1", paths=("src/api/",)), an_entry("e2", paths=("src/api/v1/x.py",)), an_entry("e3", paths=("src/apix",))],
    )
    assert isinstance(first, Start) and isinstance(second, Park) and isinstance(third, Start)


def test_an_entry_keeps_its_own_locks_between_rounds() -> None:
    [decision] = plan(replace(WORLD, locks=(("a.py", "e1"),)), [an_entry("e1", paths=("a.py",))])
    assert isinstance(decision, Start)


def test_a_non_parallelizable_entry_runs_alone() -> None:
    world = replace(WORLD, running=(Running("e9"),))
    alone, behind = plan(world, [an_entry("e1", parallelizable=False), an_entry("e2")])
    assert isinstance(alone, Wait) and alone.why.holder == "e9"
    assert isinstance(behind, Wait), "entries behind it wait, or it would never start"


def test_no_entry_starts_while_an_exclusive_one_runs() -> None:
    first, second = plan(WORLD, [an_entry("e1", parallelizable=False), an_entry("e2")])
    assert isinstance(first, Start) and isinstance(second, Wait)


def test_an_exclusive_entry_of_a_group_excludes_only_its_group() -> None:
    first = an_entry("e1", parallelizable=False, parallel_group="db")
    decisions = plan(WORLD, [first, an_entry("e2", parallel_group="db"), an_entry("e3")])
    assert [type(d) for d in decisions] == [Start, Wait, Start]


def test_a_paused_executor_starts_nothing() -> None:
    assert codes(plan(replace(WORLD, state="paused"), [an_entry("e1")])) == ["executor_paused"]


def test_without_a_worker_nothing_starts() -> None:
    assert codes(plan(replace(WORLD, worker_slots=0, free_slots=0), [an_entry("e1")])) == ["no_worker_online"]


def test_used_up_rounds_block() -> None:
    assert codes(plan(WORLD, [an_entry("e1", rounds_completed=5, budget_rounds=5)])) == ["rounds_exhausted"]


def test_verifying_by_commands_needs_no_money_and_by_an_agent_it_does() -> None:
    world, entry = replace(WORLD, headroom=0), an_entry("e1", verify_only=True)
    assert isinstance(plan(world, [entry])[0], Start)
    (decision,) = plan(replace(world, min_verify=USD // 2), [entry])
    assert isinstance(decision, Wait) and decision.why.code == "project_budget_exceeded"
    (decision,) = plan(replace(WORLD, min_verify=USD // 2), [replace(entry, headroom=USD // 4)])
    assert isinstance(decision, Block) and decision.why.code == "budget_exceeded"


def test_the_conditions_are_asked_in_one_order_and_the_first_that_fails_is_the_reason() -> None:
    world = replace(WORLD, state="paused", worker_slots=0, free_slots=0, headroom=0, trouble="auth", trouble_wait_s=60,
                    locks=(("a.py", "e9"),), running=(Running("e9", parallelizable=False),))  # fmt: skip
    entry = an_entry("e1", unmet_dependencies=1, rounds_completed=5, headroom=0, paths=("a.py",))
    cures = [
        ("dependencies_pending", {}, {"unmet_dependencies": 0}),
        ("rounds_exhausted", {}, {"rounds_completed": 0}),
        ("budget_exceeded", {}, {"headroom": 2 * USD}),
        ("executor_paused", {"state": "running"}, {}),
        ("no_worker_online", {"worker_slots": 8}, {}),
        ("agent_unavailable", {"trouble": ""}, {}),
        ("project_budget_exceeded", {"headroom": 100 * USD}, {}),
        ("files_locked", {"locks": ()}, {}),
        ("concurrency_limit", {"running": ()}, {}),
        ("concurrency_limit", {"free_slots": 4}, {}),
    ]
    for code, world_cure, entry_cure in cures:
        assert codes(plan(world, [entry])) == [code]
        world, entry = replace(world, **world_cure), replace(entry, **entry_cure)  # type: ignore[arg-type]
    assert codes(plan(world, [entry])) == []


@pytest.mark.parametrize(
    ("slice", "hold"), [(None, 5_000_000), (10_000, 50_000), (50_000, 50_000), (300_000, 300_000), (9_000_000, 5_000_000)]
)
def test_the_first_reservation_is_a_share_but_never_less_than_the_least_round_nor_more_than_the_ceiling(
    slice: int | None, hold: int
) -> None:
    [decision] = plan(replace(WORLD, initial_reservation=slice), [an_entry("e1", headroom=20 * USD)])
    assert isinstance(decision, Start) and decision.reservation == hold


@pytest.mark.parametrize(("left", "kind"), [(49_999, Block), (50_000, Start)])
def test_an_entry_starts_with_exactly_the_least_round_left_and_not_with_a_micro_dollar_less(left: int, kind: type) -> None:
    assert isinstance(plan(WORLD, [an_entry("e1", headroom=left)])[0], kind)


@pytest.mark.parametrize(("left", "kind"), [(49_999, Wait), (50_000, Start)])
def test_an_entry_starts_with_exactly_the_least_round_left_under_the_cap(left: int, kind: type) -> None:
    assert isinstance(plan(replace(WORLD, headroom=left), [an_entry("e1")])[0], kind)


def a_share(id_: str, left: int = 0) -> Waiting:
    return an_entry(id_, headroom=left, own_budget=False)


def test_ten_entries_without_a_budget_share_what_is_left_under_the_plan() -> None:
    world = replace(WORLD, free_slots=10, headroom=9 * USD, plan_left=9 * USD // 2, round_ceiling=4 * USD)
    decisions = plan(world, [a_share("e1", 4 * USD), *(a_share(f"e{n}") for n in range(2, 11))])
    assert [d.reservation for d in decisions if isinstance(d, Start)] == [USD * 45 // 100] * 10


def test_nothing_starts_with_less_than_a_round_usually_costs_while_sessions_may_give_money_back() -> None:
    world = replace(WORLD, headroom=5 * USD, plan_left=5 * USD, usual_round=2 * USD)
    decisions = plan(world, [a_share(f"e{n}") for n in range(1, 5)])
    assert [d.reservation for d in decisions if isinstance(d, Start)] == [5 * USD // 2] * 2, "the two that can start share it"
    assert codes(decisions) == ["money_reserved"]
    alone = plan(replace(world, headroom=USD, plan_left=USD), [a_share("e1")])
    assert isinstance(alone[0], Start) and alone[0].reservation == USD, "nobody gives money back"


def test_an_agent_that_gets_its_limit_once_starts_only_with_the_money_for_a_usual_round() -> None:
    world = replace(WORLD, headroom=USD, plan_left=USD, usual_round=2 * USD, limit_at_start=True)
    [decision] = plan(world, [a_share("e1")])
    assert isinstance(decision, Wait) and decision.why.code == "project_budget_exceeded"
    [decision] = plan(world, [replace(a_share("e1"), attempts=1)])
    assert isinstance(decision, Start), "its round has begun: it may need little more"
    [decision] = plan(world, [an_entry("e1", headroom=USD // 2)])
    assert isinstance(decision, Start), "a person gave it no more"


def test_where_the_cost_is_known_a_start_leaves_money_for_those_that_come_next() -> None:
    world = replace(WORLD, headroom=3 * USD, plan_left=3 * USD, usual_round=USD // 2)
    [decision] = plan(world, [a_share("e1")])
    assert isinstance(decision, Start) and decision.reservation == USD


def test_where_all_but_one_could_have_the_whole_ceiling_all_share() -> None:
    world = replace(WORLD, free_slots=2, headroom=9 * USD // 2, round_ceiling=4 * USD)
    decisions = plan(world, [a_share("e1"), a_share("e2")])
    assert [d.reservation for d in decisions if isinstance(d, Start)] == [9 * USD // 4] * 2


def test_where_each_part_is_most_of_a_ceiling_the_first_get_the_whole() -> None:
    world = replace(WORLD, free_slots=10, headroom=13 * USD // 2, round_ceiling=USD)
    decisions = plan(world, [a_share(f"e{n}") for n in range(1, 11)])
    assert [d.reservation for d in decisions if isinstance(d, Start)] == [USD] * 6 + [USD // 2]


@pytest.mark.parametrize(
    ("world", "sentence"),
    [
        ({"headroom": 0, "plan_left": USD, "held": USD}, "Waiting for $1.00 reserved by sessions at work"),
        ({"plan_left": USD, "running": (Running("e9", share_left=USD),)}, "Waiting for $1.00 set aside for sessions at work"),
        ({"plan_left": USD, "set_aside": 3 * USD}, "Waiting for $1.00 set aside for entries with a budget of their own"),
    ],
)
def test_an_entry_without_a_budget_waits_for_money_that_is_not_spent(world: dict[str, object], sentence: str) -> None:
    [decision] = plan(replace(WORLD, **world), [a_share("e1")])  # type: ignore[arg-type]
    assert isinstance(decision, Wait) and (decision.why.code, decision.why.message) == ("money_reserved", sentence)


def test_it_is_blocked_once_the_plan_is_spent() -> None:
    [decision] = plan(replace(WORLD, plan_left=USD // 100, held=USD // 100), [a_share("e1")])
    assert isinstance(decision, Block) and decision.why.code == "project_budget_exceeded"


def test_an_entry_with_a_share_goes_first() -> None:
    world = replace(WORLD, free_slots=1)
    first, second = plan(world, [a_share("e1"), a_share("e2", USD)])
    assert isinstance(first, Start) and first.entry.id == "e2" and isinstance(second, Wait)


def test_an_entry_that_the_reallocation_gave_nothing_starts_only_when_nothing_else_is_at_work() -> None:
    line = [a_share("e1"), a_share("e2")]
    first, second = plan(replace(WORLD, steered=True), line)
    assert isinstance(first, Start) and isinstance(second, Wait) and second.why.code == "money_reserved"


def test_no_session_starts_on_money_that_one_at_work_is_about_to_ask_for() -> None:
    world = replace(WORLD, headroom=USD, running=(Running("e9", wants=USD),))
    [decision] = plan(world, [an_entry("e1")])
    assert isinstance(decision, Wait) and decision.why.message == "Waiting for $1.00 set aside for sessions at work"


@pytest.mark.parametrize(
    ("world", "observed", "message"),
    [
        ({"max_workers": 1, "running": (Running("e9"),)}, "1 of 1 workers busy", "All workers are busy"),
        (
            {"max_workers": 4, "worker_slots": 4, "busy_elsewhere": 4},
            "4 of 4 slots of worker processes taken",
            "No slot of a worker process is free: 0 taken by this workspace, 4 by others",
        ),
        ({"max_workers": 4, "worker_slots": 9}, "0 of 4 workers busy", "Entries ahead of it take the free workers"),
    ],
)
def test_a_missing_slot_names_the_limit_that_is_used_up(world: dict[str, Any], observed: str, message: str) -> None:
    [decision] = plan(replace(WORLD, free_slots=0, **world), [an_entry("e1")])
    assert isinstance(decision, Wait) and (decision.why.observed, decision.why.message) == (observed, message)


def test_of_a_host_that_takes_nothing_its_problem_is_the_reason_whatever_else_it_lacks() -> None:
    full = Host("h1", "east", free=0, problem="Its disk is nearly full")
    [decision] = plan(replace(WORLD, worker_slots=0, free_slots=0, hosts=(full,)), [an_entry("e1", requires=("gpu",))])
    assert isinstance(decision, Wait)
    assert (decision.why.code, decision.why.message) == ("no_worker_online", "east: Its disk is nearly full")
