"""The plan needs no database and no clock."""

from dataclasses import replace
from typing import Any

import pytest

from orchestration.executor.agent_choice import Agents, Terms
from orchestration.executor.limits import SpendLimit
from orchestration.executor.plan import (
    Block,
    Capacity,
    ConfigLimit,
    CycleInput,
    Park,
    Running,
    Start,
    Wait,
    Waiting,
    checks,
    codes,
    common,
    in_turn,
    is_short,
    plan,
)
from orchestration.hosts.placing import Host
from tests.orchestration.executor.troubles import in_trouble

USD = 1_000_000
CYCLE_INPUT = CycleInput(
    state="running", max_workers=4, worker_slots=8, free_slots=4, headroom=100 * USD, min_round=USD // 20, round_ceiling=5 * USD
)


def an_entry(id_: str, **more: object) -> Waiting:
    return replace(Waiting(id=id_, seq=int(id_[1:]), headroom=2 * USD), **more)  # type: ignore[arg-type]


def test_it_starts_as_many_as_there_are_free_slots() -> None:
    decisions = plan(replace(CYCLE_INPUT, free_slots=2), [an_entry("e1"), an_entry("e2"), an_entry("e3")])
    assert [type(d) for d in decisions] == [Start, Start, Wait]
    assert codes(decisions) == ["concurrency_limit"]


def test_what_starts_shares_what_is_left_within_its_own_budget_and_the_ceiling() -> None:
    cycle_input = replace(CYCLE_INPUT, headroom=7 * USD)
    decisions = plan(
        cycle_input, [an_entry("e1", headroom=9 * USD), an_entry("e2", headroom=1 * USD), an_entry("e3", headroom=9 * USD)]
    )
    assert [d.reservation for d in decisions if isinstance(d, Start)] == [7 * USD // 3, 1 * USD, 7 * USD - 7 * USD // 3 - 1 * USD]


def test_it_starts_nothing_when_the_project_cap_is_spent() -> None:
    decisions = plan(replace(CYCLE_INPUT, headroom=0), [an_entry("e1")])
    assert isinstance(decisions[0], Wait)
    assert decisions[0].why.code == "project_budget_exceeded"


def test_it_never_gives_out_more_than_the_project_has_left() -> None:
    decisions = plan(replace(CYCLE_INPUT, headroom=3 * USD), [an_entry(f"e{n}") for n in range(1, 4)])
    assert sum(d.reservation for d in decisions if isinstance(d, Start)) == 3 * USD


def test_an_entry_without_budget_is_blocked_with_its_reason() -> None:
    [decision] = plan(CYCLE_INPUT, [an_entry("e1", headroom=0)])
    assert isinstance(decision, Block)
    assert decision.why.code == "budget_exceeded"
    assert "raise the entry's budget" in decision.why.message


def test_verification_alone_needs_no_money() -> None:
    [decision] = plan(replace(CYCLE_INPUT, headroom=0), [an_entry("e1", headroom=0, verify_only=True)])
    assert decision == Start(decision.entry, 0)
    [decision] = plan(replace(CYCLE_INPUT, headroom=-USD), [an_entry("e1", headroom=0, verify_only=True)])
    assert decision == Start(decision.entry, 0), "the cap is overdrawn"


def test_two_entries_that_share_a_file_do_not_start_together() -> None:
    first, second = plan(CYCLE_INPUT, [an_entry("e1", paths=("a.py", "b.py")), an_entry("e2", paths=("b.py",))])
    assert isinstance(first, Start)
    assert isinstance(second, Park) and second.behind == "e1"


def test_a_directory_covers_the_paths_under_it() -> None:
    first, second, third = plan(
        CYCLE_INPUT,
        [an_entry("e1", paths=("src/api/",)), an_entry("e2", paths=("src/api/v1/x.py",)), an_entry("e3", paths=("src/apix",))],
    )
    assert isinstance(first, Start) and isinstance(second, Park) and isinstance(third, Start)


def test_an_entry_keeps_its_own_locks_between_rounds() -> None:
    [decision] = plan(replace(CYCLE_INPUT, locks=(("a.py", "e1"),)), [an_entry("e1", paths=("a.py",))])
    assert isinstance(decision, Start)


def test_a_non_parallelizable_entry_runs_alone() -> None:
    cycle_input = replace(CYCLE_INPUT, running=(Running("e9"),))
    alone, behind = plan(cycle_input, [an_entry("e1", parallelizable=False), an_entry("e2")])
    assert isinstance(alone, Wait) and alone.why.holder == "e9"
    assert isinstance(behind, Wait), "entries behind it wait, or it would never start"


def test_no_entry_starts_while_an_exclusive_one_runs() -> None:
    first, second = plan(CYCLE_INPUT, [an_entry("e1", parallelizable=False), an_entry("e2")])
    assert isinstance(first, Start) and isinstance(second, Wait)


def test_an_exclusive_entry_without_a_group_excludes_those_of_any_group() -> None:
    alone, of_group = an_entry("e1", parallelizable=False), an_entry("e2", parallel_group="db")
    for line in ([alone, of_group], [of_group, alone]):
        assert [type(d) for d in plan(CYCLE_INPUT, line)] == [Start, Wait]


def test_an_exclusive_entry_of_a_group_excludes_only_its_group() -> None:
    first = an_entry("e1", parallelizable=False, parallel_group="db")
    decisions = plan(CYCLE_INPUT, [first, an_entry("e2", parallel_group="db"), an_entry("e3")])
    assert [type(d) for d in decisions] == [Start, Wait, Start]


def test_a_paused_executor_starts_nothing() -> None:
    assert codes(plan(replace(CYCLE_INPUT, state="paused"), [an_entry("e1")])) == ["executor_paused"]


def test_without_a_worker_nothing_starts() -> None:
    assert codes(plan(replace(CYCLE_INPUT, worker_slots=0, free_slots=0), [an_entry("e1")])) == ["no_worker_online"]


@pytest.mark.parametrize(
    ("cycle_input", "several"),
    [
        ({}, False),
        ({"is_shared": True}, True),
        ({"hosts": (Host("h1", "east", free=1),), "home": "h1"}, False),
        ({"hosts": (Host("h1", "east", free=1),)}, False),
        ({"hosts": (Host("h1", "east", free=1),), "home": "h2"}, True),
        ({"hosts": (Host("h1", "east", free=1), Host("h2", "west", free=1))}, True),
    ],
)
def test_several_hosts_share_the_work_if_one_of_them_is_not_the_home_of_the_repository(
    cycle_input: dict[str, Any], several: bool
) -> None:
    assert replace(CYCLE_INPUT, **cycle_input).are_several is several


def test_used_up_rounds_block() -> None:
    assert isinstance(plan(CYCLE_INPUT, [an_entry("e1", rounds_completed=5)])[0], Block)
    assert codes(plan(CYCLE_INPUT, [an_entry("e1", rounds_completed=5, budget_rounds=5)])) == ["rounds_exhausted"]


def test_verifying_by_commands_needs_no_money_and_by_an_agent_it_does() -> None:
    cycle_input, entry = replace(CYCLE_INPUT, headroom=0), an_entry("e1", verify_only=True)
    assert isinstance(plan(cycle_input, [entry])[0], Start)
    (decision,) = plan(replace(cycle_input, min_judge=CENT), [entry])
    assert isinstance(decision, Wait) and decision.why.code == "project_budget_exceeded"
    (decision,) = plan(replace(CYCLE_INPUT, min_judge=CENT), [replace(entry, headroom=CENT // 4)])
    assert isinstance(decision, Block) and decision.why.code == "budget_exceeded"


def test_the_conditions_are_asked_in_one_order_and_the_first_that_fails_is_the_reason() -> None:
    cycle_input = replace(CYCLE_INPUT, state="paused", worker_slots=0, free_slots=0, headroom=0, agents=in_trouble(wait_s=60),
                    locks=(("a.py", "e9"),), running=(Running("e9", parallelizable=False),))  # fmt: skip
    entry = an_entry("e1", unmet_dependencies=1, rounds_completed=5, headroom=0, paths=("a.py",))
    cures = [
        ("dependencies_pending", {}, {"unmet_dependencies": 0}),
        ("rounds_exhausted", {}, {"rounds_completed": 0}),
        ("budget_exceeded", {}, {"headroom": 2 * USD}),
        ("executor_paused", {"state": "running"}, {}),
        ("no_worker_online", {"worker_slots": 8}, {}),
        ("agent_unavailable", {"agents": Agents()}, {}),
        ("project_budget_exceeded", {"headroom": 100 * USD}, {}),
        ("files_locked", {"locks": ()}, {}),
        ("concurrency_limit", {"running": ()}, {}),
        ("concurrency_limit", {"free_slots": 4}, {}),
    ]
    for code, input_cure, entry_cure in cures:
        assert codes(plan(cycle_input, [entry])) == [code]
        cycle_input, entry = replace(cycle_input, **input_cure), replace(entry, **entry_cure)  # type: ignore[arg-type]
    assert codes(plan(cycle_input, [entry])) == []


@pytest.mark.parametrize(
    ("slice", "hold"), [(None, 5_000_000), (10_000, 50_000), (50_000, 50_000), (300_000, 300_000), (9_000_000, 5_000_000)]
)
def test_the_first_reservation_is_a_share_but_never_less_than_the_least_round_nor_more_than_the_ceiling(
    slice: int | None, hold: int
) -> None:
    [decision] = plan(
        replace(CYCLE_INPUT, agents=Agents({"": Terms(initial_reservation=slice)})), [an_entry("e1", headroom=20 * USD)]
    )
    assert isinstance(decision, Start) and decision.reservation == hold


@pytest.mark.parametrize(("left", "kind"), [(49_999, Block), (50_000, Start)])
def test_an_entry_starts_with_exactly_the_least_round_left_and_not_with_a_micro_dollar_less(left: int, kind: type) -> None:
    assert isinstance(plan(CYCLE_INPUT, [an_entry("e1", headroom=left)])[0], kind)


@pytest.mark.parametrize(("left", "kind"), [(49_999, Wait), (50_000, Start)])
def test_an_entry_starts_with_exactly_the_least_round_left_under_the_cap(left: int, kind: type) -> None:
    assert isinstance(plan(replace(CYCLE_INPUT, headroom=left), [an_entry("e1")])[0], kind)


def a_share(id_: str, left: int = 0) -> Waiting:
    return an_entry(id_, headroom=left, own_budget=False)


def test_ten_entries_without_a_budget_share_what_is_left_under_the_plan() -> None:
    cycle_input = replace(CYCLE_INPUT, free_slots=10, headroom=9 * USD, plan_left=9 * USD // 2, round_ceiling=4 * USD)
    decisions = plan(cycle_input, [a_share("e1", 4 * USD), *(a_share(f"e{n}") for n in range(2, 11))])
    assert [d.reservation for d in decisions if isinstance(d, Start)] == [USD * 45 // 100] * 10


def test_nothing_starts_with_less_than_a_round_usually_costs_while_sessions_may_give_money_back() -> None:
    cycle_input = replace(CYCLE_INPUT, headroom=5 * USD, plan_left=5 * USD, usual_round=2 * USD)
    decisions = plan(cycle_input, [a_share(f"e{n}") for n in range(1, 5)])
    assert [d.reservation for d in decisions if isinstance(d, Start)] == [5 * USD // 2] * 2, "the two that can start share it"
    assert codes(decisions) == ["money_reserved"]
    alone = plan(replace(cycle_input, headroom=USD, plan_left=USD), [a_share("e1")])
    assert isinstance(alone[0], Start) and alone[0].reservation == USD, "nobody gives money back"


@pytest.mark.parametrize(("awaited", "kind"), [(0, Wait), (USD, Start)])
def test_money_that_waits_for_an_absent_host_is_not_about_to_come_back(awaited: int, kind: type) -> None:
    cycle_input = replace(CYCLE_INPUT, headroom=USD, plan_left=2 * USD, held=USD, awaited=awaited, usual_round=2 * USD)
    [decision] = plan(cycle_input, [a_share("e1")])
    assert isinstance(decision, kind)


def test_an_agent_that_gets_its_limit_once_starts_only_with_the_money_for_a_usual_round() -> None:
    cycle_input = replace(CYCLE_INPUT, headroom=USD, plan_left=USD, usual_round=2 * USD, limit_at_start=True)
    [decision] = plan(cycle_input, [a_share("e1")])
    assert isinstance(decision, Wait) and decision.why.code == "project_budget_exceeded"
    [decision] = plan(cycle_input, [replace(a_share("e1"), attempts=1)])
    assert isinstance(decision, Start), "its round has begun: it may need little more"
    [decision] = plan(cycle_input, [an_entry("e1", headroom=USD // 2)])
    assert isinstance(decision, Start), "a person gave it no more"


def test_where_the_cost_is_known_a_start_leaves_money_for_those_that_come_next() -> None:
    cycle_input = replace(CYCLE_INPUT, headroom=3 * USD, plan_left=3 * USD, usual_round=USD // 2)
    [decision] = plan(cycle_input, [a_share("e1")])
    assert isinstance(decision, Start) and decision.reservation == USD


def test_where_all_but_one_could_have_the_whole_ceiling_all_share() -> None:
    cycle_input = replace(CYCLE_INPUT, free_slots=2, headroom=9 * USD // 2, round_ceiling=4 * USD)
    decisions = plan(cycle_input, [a_share("e1"), a_share("e2")])
    assert [d.reservation for d in decisions if isinstance(d, Start)] == [9 * USD // 4] * 2


def test_where_each_part_is_most_of_a_ceiling_the_first_get_the_whole() -> None:
    cycle_input = replace(CYCLE_INPUT, free_slots=10, headroom=13 * USD // 2, round_ceiling=USD)
    decisions = plan(cycle_input, [a_share(f"e{n}") for n in range(1, 11)])
    assert [d.reservation for d in decisions if isinstance(d, Start)] == [USD] * 6 + [USD // 2]


@pytest.mark.parametrize(
    ("cycle_input", "sentence"),
    [
        ({"headroom": 0, "plan_left": USD, "held": USD}, "Waiting for $1.00 reserved by sessions at work"),
        ({"plan_left": USD, "running": (Running("e9", share_left=USD),)}, "Waiting for $1.00 set aside for sessions at work"),
        (
            {"plan_left": USD, "set_aside": 3 * USD},
            "Waiting for $1.00 set aside for entries with a budget of their own: give it one, too",
        ),
    ],
)
def test_an_entry_without_a_budget_waits_for_money_that_is_not_spent(cycle_input: dict[str, object], sentence: str) -> None:
    [decision] = plan(replace(CYCLE_INPUT, **cycle_input), [a_share("e1")])  # type: ignore[arg-type]
    assert isinstance(decision, Wait) and (decision.why.code, decision.why.message) == ("money_reserved", sentence)


def test_it_is_blocked_once_the_plan_is_spent() -> None:
    [decision] = plan(replace(CYCLE_INPUT, plan_left=USD // 100, held=USD // 100), [a_share("e1")])
    assert isinstance(decision, Block) and decision.why.code == "project_budget_exceeded"


def test_an_entry_with_a_share_goes_first() -> None:
    cycle_input = replace(CYCLE_INPUT, free_slots=1)
    first, second = plan(cycle_input, [a_share("e1"), a_share("e2", USD)])
    assert isinstance(first, Start) and first.entry.id == "e2" and isinstance(second, Wait)


@pytest.mark.parametrize(("headroom", "short"), [(4 * USD, False), (4 * USD - 1, True)])
def test_money_is_short_where_those_that_could_take_a_slot_cannot_all_have_what_they_may_spend(
    headroom: int, short: bool
) -> None:
    """Neither what only verifies, nor what is out of the line, nor what comes after the last free slot."""
    cycle_input = replace(CYCLE_INPUT, free_slots=2, headroom=headroom)
    line = [
        an_entry("e1", verify_only=True),
        an_entry("e2", status="blocked"),
        *(an_entry(f"e{n}") for n in (3, 4, 5)),
    ]
    caps = (SpendLimit("entry", "day", USD, 9 * USD), SpendLimit("total", "all", USD, headroom))
    assert is_short(cycle_input, line) is short
    assert is_short(replace(cycle_input, headroom=9 * USD, caps=caps), line) is short


def test_an_entry_that_the_reallocation_gave_nothing_starts_only_when_nothing_else_is_at_work() -> None:
    line = [a_share("e1"), a_share("e2")]
    first, second = plan(replace(CYCLE_INPUT, steered=True), line)
    assert isinstance(first, Start) and isinstance(second, Wait) and second.why.code == "money_reserved"


def test_no_session_starts_on_money_that_one_at_work_is_about_to_ask_for() -> None:
    cycle_input = replace(CYCLE_INPUT, headroom=USD, running=(Running("e9", wants=USD),))
    [decision] = plan(cycle_input, [an_entry("e1")])
    assert isinstance(decision, Wait) and decision.why.message == "Waiting for $1.00 set aside for sessions at work"


@pytest.mark.parametrize(
    ("cycle_input", "observed", "message"),
    [
        ({"max_workers": 1, "running": (Running("e9"),)}, "1 of 1 workers busy", "All workers are busy"),
        (
            {"max_workers": 4, "worker_slots": 4, "busy_elsewhere": 4},
            "4 of 4 slots of worker processes taken",
            "No slot of a worker process is free: 0 taken by this workspace, 4 by others",
        ),
        (
            {"max_workers": 6, "worker_slots": 4, "busy_elsewhere": 3, "away": 1, "running": (Running("e8"), Running("e9"))},
            "4 of 4 slots of worker processes taken",
            "No slot of a worker process is free: 1 taken by this workspace, 3 by others",
        ),
        (
            {"max_workers": 6, "worker_slots": 4, "busy_elsewhere": 2, "away": 1, "running": (Running("e8"), Running("e9"))},
            "2 of 6 workers busy",
            "Entries ahead of it take the free workers",
        ),
        ({"max_workers": 4, "worker_slots": 9}, "0 of 4 workers busy", "Entries ahead of it take the free workers"),
    ],
)
def test_a_missing_slot_names_the_limit_that_is_used_up(cycle_input: dict[str, Any], observed: str, message: str) -> None:
    [decision] = plan(replace(CYCLE_INPUT, free_slots=0, **cycle_input), [an_entry("e1")])
    assert isinstance(decision, Wait) and (decision.why.observed, decision.why.message) == (observed, message)


def test_of_a_host_that_takes_nothing_its_problem_is_the_reason_whatever_else_it_lacks() -> None:
    full = Host("h1", "east", free=0, problem="Its disk is nearly full")
    [decision] = plan(replace(CYCLE_INPUT, worker_slots=0, free_slots=0, hosts=(full,)), [an_entry("e1", requires=("gpu",))])
    assert isinstance(decision, Wait)
    assert (decision.why.code, decision.why.message) == ("no_worker_online", "east: Its disk is nearly full")


def only(cycle_input: CycleInput, entry: Waiting) -> Any:
    """The reason why the entry does not start; None: it starts."""
    [decision] = plan(cycle_input, [entry])
    return None if isinstance(decision, Start) else decision.why


HOST = Host("h1", "east", free=1, slots=2, busy=1)


@pytest.mark.parametrize(
    ("cycle_input", "entry", "code", "message"),
    [
        ({"worker_slots": 0, "free_slots": 0}, {}, "no_worker_online", "No session worker is online: start one with ./muster worker"),
        ({"worker_slots": 0, "free_slots": 0, "hosts": (replace(HOST, slots=0),)}, {}, "no_worker_online",
         "No session worker is online: start one with ./muster worker"),
        ({"worker_slots": 0, "free_slots": 0, "hosts": (replace(HOST, is_draining=True),)}, {}, "no_host_fits",
         "Every host takes no new sessions: ./muster worker resume on one of them"),
        ({"hosts": (HOST,)}, {"requires": ("gpu",)}, "no_host_fits",
         "No online host has the label gpu: set MUSTER_LABELS on a host, and restart its session worker"),
        ({"hosts": (HOST,), "labels": frozenset({"eu"})}, {}, "no_host_fits",
         "No online host has the label eu: set MUSTER_LABELS on a host, and restart its session worker"),
        ({"hosts": (HOST, replace(HOST, id="h2")), "agents": Agents({"": Terms(frozenset({"codex"}))})}, {}, "no_host_fits",
         "No online host has codex: install it on a host, and restart its session worker"),
        ({"hosts": (HOST, replace(HOST, id="h2")), "agents": Agents({"": Terms(frozenset({"codex"}))})}, {"verify_only": True}, None, ""),
        ({"hosts": (HOST,), "agents": Agents({"": Terms(frozenset({"codex"}))})}, {}, None, ""),
        ({"hosts": (replace(HOST, free=0),)}, {}, "concurrency_limit", "No slot is free on east, where it fits"),
        ({"hosts": (replace(HOST, free=0), replace(HOST, id="h2", name="west"))}, {"host": "h1", "is_shared": False},
         "concurrency_limit", "No slot is free on east, where it fits"),
        ({"hosts": (replace(HOST, free=0), replace(HOST, id="h2", name="west"))}, {"host": "h1"}, None, ""),
        ({"repository": "gone", "repository_message": "It is gone."}, {}, "repository_unavailable",
         "It is gone. Work goes on by itself then."),
        ({"agents": Agents({"": Terms(doubted="#1 reported too much")})}, {}, "agent_unavailable", "#1 reported too much"),
        ({"agents": Agents({"": Terms(doubted="#1 reported too much")})}, {"verify_only": True}, None, ""),
        ({"integration": "It is red"}, {}, "integration_red", "It is red"),
        ({}, {"question": "Which colour?"}, "waiting_for_answer", "Its agent asks: Which colour?"),
        ({}, {"asked": "run_1"}, "split_asked", "An agent is asked how to split it (run_1): it starts when that run has ended"),
        ({}, {"unmet_dependencies": 1}, "dependencies_pending", "Waiting for 1 entry that it depends on"),
        ({}, {"unmet_dependencies": 2}, "dependencies_pending", "Waiting for 2 entries that it depends on"),
        ({}, {"rounds_completed": 1, "budget_rounds": 1}, "rounds_exhausted",
         "Its one round is used up: raise its rounds to continue"),
        ({}, {"rounds_completed": 3, "budget_rounds": 3}, "rounds_exhausted",
         "All 3 rounds are used up: raise its rounds to continue"),
        ({}, {"rounds_completed": 2, "budget_rounds": 3}, None, ""),
        ({}, {"status": "blocked", "reason_code": "human_hold", "reason_message": "On hold"}, "human_hold", "On hold"),
        ({}, {"reason_code": "unproven", "reason_message": "It waits"}, "unproven", "It waits"),
        ({}, {"reason_code": "files_locked", "reason_message": "as before"}, None, ""),
        ({}, {"is_container": True, "reason_message": "It is split"}, "children_unfinished", "It is split"),
        ({"state": "stopped"}, {}, "executor_stopped", "The executor was never started: press Start"),
        ({"state": "paused"}, {}, "executor_paused", "The executor is paused"),
        ({"agents": in_trouble("auth", "No key.", 99.4)}, {}, "agent_unavailable",
         "No key. Tried again in 99 s."),
        ({"agents": in_trouble("auth", "No key.", 100.0)}, {}, "agent_unavailable",
         "No key. Tried again in 2 min."),
        ({}, {"wait_s": 0.2}, "agent_unavailable", "Its agent's provider was unavailable: tried again in 1 s"),
        ({"locks": (("src/", "e9"),)}, {"paths": ("a.py", "src/b.py")}, "files_locked", "Waiting for src, locked by e9"),
        ({"locks": (("src/", "e9"),), "passing_on": {"e1": frozenset({"e9"})}}, {"paths": ("src/b.py",)}, None, ""),
        ({"locks": (("src/", "e9"),), "passing_on": {"e2": frozenset({"e9"})}}, {"paths": ("src/b.py",)}, "files_locked",
         "Waiting for src, locked by e9"),
        ({"running": (Running("e9", parallelizable=False),)}, {}, "concurrency_limit",
         "May not run in parallel with e9, which is running"),
        ({"running": (Running("e9", parallelizable=False, parallel_group="db"),)}, {}, None, ""),
        ({"running": (Running("e9", parallel_group="db"),)}, {"parallelizable": False, "parallel_group": "db"},
         "concurrency_limit", "May not run in parallel with e9, which is running"),
        ({"running": (Running("e9"),)}, {"parallelizable": False, "parallel_group": "db"}, None, ""),
    ],
)  # fmt: skip
def test_each_reason_has_its_sentence(cycle_input: dict[str, Any], entry: dict[str, Any], code: str | None, message: str) -> None:
    why = only(replace(CYCLE_INPUT, **cycle_input), an_entry("e1", **entry))
    assert (why and why.code, why.message if why else "") == (code, message)


@pytest.mark.parametrize(
    ("cycle_input", "entry", "code", "message"),
    [
        ({}, {"headroom": USD // 100}, "budget_exceeded",
         "$0.01 of its budget is left, a round needs $0.05: raise the entry's budget"),
        ({}, {"headroom": -USD}, "budget_exceeded", "$0.00 of its budget is left, a round needs $0.05: raise the entry's budget"),
        ({}, {"headroom": USD // 100, "awaited": USD, "awaits": "east"}, "money_reserved",
         "Waiting for $1.00 of its budget, reserved for east"),
        ({}, {"headroom": USD // 100, "awaited": USD // 25, "awaits": "east"}, "money_reserved",
         "Waiting for $0.04 of its budget, reserved for east"),
        ({}, {"headroom": USD // 100, "awaited": USD // 50, "awaits": "east"}, "budget_exceeded",
         "$0.01 of its budget is left, a round needs $0.05: raise the entry's budget"),
        ({"headroom": USD // 100}, {}, "project_budget_exceeded",
         "$0.01 is left under the project cap, a round needs $0.05: raise the cap"),
        ({"headroom": -USD}, {}, "project_budget_exceeded",
         "$0.00 is left under the project cap, a round needs $0.05: raise the cap"),
        ({"headroom": USD // 100, "caps": (SpendLimit("total", "day", USD, 0),)}, {}, "project_budget_exceeded",
         "Today's limit of $1.00 is used up: continues at 00:00 UTC, or raise it"),
        ({"caps": (SpendLimit("total", "day", USD, USD // 25), SpendLimit("entry", "all", USD, USD // 50))}, {},
         "project_budget_exceeded", "$0.02 is left of the limit of $1.00 for entries, a round needs $0.05: raise it"),
        ({"headroom": USD // 100, "caps": (SpendLimit("total", "day", USD, USD // 50),)}, {}, "project_budget_exceeded",
         "$0.01 is left under the project cap, a round needs $0.05: raise the cap"),
        ({"plan_left": 0}, {"own_budget": False}, "project_budget_exceeded",
         "The plan has no money left for it: raise the total budget or the cap, or give it a budget of its own"),
    ],
)  # fmt: skip
def test_what_lacks_money_shows_whose(cycle_input: dict[str, Any], entry: dict[str, Any], code: str, message: str) -> None:
    why = only(replace(CYCLE_INPUT, **cycle_input), an_entry("e1", **entry))
    assert (why.code, why.message) == (code, message)


def test_what_all_entries_wait_for_is_known_without_an_entry() -> None:
    broken = replace(
        CYCLE_INPUT, state="paused", worker_slots=0, free_slots=0, headroom=0, agents=in_trouble(wait_s=9.0),
        integration="It is red", repository="gone",
    )  # fmt: skip
    failing = [check.code for check in common(Capacity(broken)) if not check.passed]
    assert failing == [
        "executor_paused", "no_worker_online", "repository_unavailable", "agent_unavailable", "integration_red",
        "project_budget_exceeded", "concurrency_limit",
    ]  # fmt: skip
    assert all(check.common for check in common(Capacity(broken)))
    assert all(check.passed for check in common(Capacity(CYCLE_INPUT)))


def test_an_entry_that_asks_for_an_agent_starts_by_the_terms_of_that_agent() -> None:
    hosts = (replace(HOST, agents=frozenset({"codex"})), replace(HOST, id="h2", name="two", agents=frozenset({"gemini"})))
    agents = Agents({"": Terms(frozenset({"codex"})), "other": Terms(frozenset({"gemini"}), USD, chain=("other",))})
    asks = replace(an_entry("e2"), agent="other")
    starts = plan(replace(CYCLE_INPUT, hosts=hosts, agents=agents), [an_entry("e1", headroom=9 * USD), asks])
    assert [(start.hosts[0], start.reservation) for start in starts if isinstance(start, Start)] == [("h1", 5 * USD), ("h2", USD)]


def test_a_doubt_and_an_agent_that_the_config_lost_keep_only_the_entries_that_ask_for_it() -> None:
    agents = Agents({"": Terms(doubted="#1 reported too much"), "other": Terms(chain=("other",))})
    line = [an_entry("e1"), replace(an_entry("e2"), agent="other"), replace(an_entry("e3"), agent="gone")]
    usual, other, gone = plan(replace(CYCLE_INPUT, agents=agents), line)
    assert isinstance(usual, Wait) and not usual.why.common and isinstance(other, Start)
    assert isinstance(gone, Wait) and gone.why.message == "The config has no agent gone: choose another for the entry, or add it"


def test_where_no_host_fits_no_sentence_counts_nothing() -> None:
    world = replace(CYCLE_INPUT, worker_slots=0, free_slots=0, hosts=(replace(HOST, free=0, problem="Its clock is off"),))
    failing = [check for check in checks(an_entry("e1"), Capacity(world)) if not check.passed]
    assert [check.message for check in failing] == ["east: Its clock is off", "No session worker offers a slot now"]
    assert failing[1].observed == "no session worker offers a slot"


def test_each_start_takes_a_slot_of_its_host_and_a_share_of_one_entry_is_no_reason_for_all() -> None:
    hosts = (Host("h1", "east", free=1, slots=1), Host("h2", "west", free=2, slots=2))
    decisions = plan(replace(CYCLE_INPUT, hosts=hosts, free_slots=4), [an_entry(f"e{n}") for n in range(1, 5)])
    assert [decision.hosts[0] for decision in decisions if isinstance(decision, Start)] == ["h2", "h2", "h1"]
    assert isinstance(decisions[3], Wait) and decisions[3].why.code == "concurrency_limit"
    [waits] = plan(replace(CYCLE_INPUT, plan_left=USD, set_aside=3 * USD), [a_share("e1")])
    assert isinstance(waits, Wait) and not waits.why.common


def test_those_that_can_pay_come_first_in_the_order_of_the_line() -> None:
    line = [a_share("e1"), an_entry("e2"), a_share("e3", USD // 20), a_share("e4"), replace(a_share("e5"), verify_only=True)]
    assert [entry.id for entry in in_turn(CYCLE_INPUT, line)] == ["e2", "e3", "e5", "e1", "e4"]


CENT = USD // 100
SHORT = replace(CYCLE_INPUT, headroom=3 * CENT, held=7 * CENT, min_round=2 * CENT)


def refused(id_: str, cents: int, by: str = "money", **more: object) -> Waiting:
    return an_entry(id_, least_request=cents * CENT, least_limit=by, **more)


def test_a_start_reserves_what_the_next_request_of_its_entry_may_cost() -> None:
    cycle_input = replace(SHORT, headroom=25 * CENT, agents=Agents({"": Terms(initial_reservation=5 * CENT)}))
    first, second = plan(cycle_input, [refused("e1", 10), an_entry("e2")])
    assert isinstance(first, Start) and first.reservation == 10 * CENT
    assert isinstance(second, Start) and second.reservation == 5 * CENT


def test_a_session_that_only_judges_reserves_what_its_judge_was_refused() -> None:
    [start] = plan(replace(SHORT, headroom=10 * CENT), [refused("e1", 10, verify_only=True)])
    assert isinstance(start, Start) and start.reservation == 10 * CENT


@pytest.mark.parametrize(
    ("entry", "cycle_input", "kind", "sentence"),
    [
        ({"verify_only": True}, {}, Wait, "Its next request may cost $0.10, $0.03 is free: waiting for $0.07 reserved"),
        ({}, {}, Wait, "Its next request may cost $0.10, $0.03 is free: waiting for $0.07 reserved by sessions at work"),
        ({"own_budget": False}, {}, Wait, "Its next request may cost $0.10, $0.03 is free: waiting for $0.07 reserved"),
        ({}, {"held": 0}, Wait, "Its next request may cost $0.10, $0.03 is free under the project cap: raise it"),
        ({}, {"held": 0, "caps": (SpendLimit("total", "day", USD, CENT),)}, Wait, "$0.01 is free under today's limit of $1.00"),
        ({"headroom": 9 * CENT}, {}, Block, "Its next request may cost $0.10, $0.09 of its budget is left: raise the entry's"),
        ({"least_limit": "ceiling"}, {"round_ceiling": 9 * CENT}, Wait, "may cost $0.10, round_ceiling_usd is $0.09: raise it"),
        (
            {"least_limit": "role", "verify_only": True},
            {"judge_limit": ConfigLimit("verifier.round_usd", CENT)},
            Wait,
            "verifier.round_usd is $0.01: raise it",
        ),
    ],
)
def test_an_entry_whose_next_request_cannot_be_paid_waits_and_only_its_own_budget_blocks_it(
    entry: dict[str, object], cycle_input: dict[str, object], kind: type, sentence: str
) -> None:
    [decision] = plan(replace(SHORT, **cycle_input), [replace(refused("e1", 10), **entry)])  # type: ignore[arg-type]
    assert isinstance(decision, kind) and sentence in decision.why.message  # type: ignore[attr-defined]


@pytest.mark.parametrize("entry", [{"least_limit": "ceiling"}, {"least_limit": "role"}])
def test_what_no_money_clears_waits_for_none(entry: dict[str, object]) -> None:
    [decision] = plan(SHORT, [replace(refused("e1", 10), **entry)])  # type: ignore[arg-type]
    assert isinstance(decision, Start)


@pytest.mark.parametrize(("more", "kind"), [(0, Start), (1, Wait)])
def test_a_request_of_exactly_a_rounds_ceiling_can_be_paid_and_not_one_micro_dollar_more(more: int, kind: type) -> None:
    entry = an_entry("e1", headroom=9 * USD, least_limit="ceiling", least_request=CYCLE_INPUT.round_ceiling + more)
    [decision] = plan(CYCLE_INPUT, [entry])
    assert isinstance(decision, kind)


@pytest.mark.parametrize(("seq", "may_return", "kind"), [(9, 7, Wait), (9, 6, Start), (1, 7, Start)])
def test_money_is_kept_for_the_first_where_what_those_behind_it_give_back_is_enough(
    seq: int, may_return: int, kind: type
) -> None:
    at_work = Running("e9", place=(1, 2, seq), may_return=may_return * CENT)
    first, second = plan(replace(SHORT, running=(at_work,)), [refused("e5", 10), an_entry("e6")])
    assert isinstance(first, Wait) and isinstance(second, kind)
    assert (
        isinstance(second, Start)
        or second.why.message == "What is free is kept for the next request of #5, which is before it in line"
    )  # type: ignore[union-attr]
