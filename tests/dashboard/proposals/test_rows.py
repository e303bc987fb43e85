"""A proposal as its row, in words: what it adds, changes and waits for; and what a run's page and the page of goals say of it."""

from typing import Any

import pytest
from django.test import Client

from budget.models import LedgerEntry
from dashboard.proposals import choose_agent, edit, edit_change, goals, proposal_rows, run_page
from orchestration import configuration
from orchestration.models import Entry, Executor, Proposal, Run, Session
from tests.dashboard.conftest import client_of
from tests.dashboard.page_requests import page_request
from tests.factories import a_workspace, an_entry
from tests.orchestration.proposals.made import ORCHESTRATOR, PLANNER, a_rearranging_run, a_run, a_running_run
from workspaces.models import Role, Workspace


@pytest.fixture
def shop(db: None) -> Workspace:
    return a_workspace(max_workers=9, planner=PLANNER, orchestrator=ORCHESTRATOR)


def row(
    kind: str = "add", state: str = "open", outrun: str = "", seqs: dict[str, str] | None = None, **fields: Any
) -> proposal_rows.Row:
    proposal = Proposal(pk=1, number=1, kind=kind, state=state, **{"after": {"content": "Parse"}} | fields)
    return proposal_rows._row(proposal, seqs or {}, outrun, {1: []} if kind == "add" and state == "open" else {})


@pytest.mark.parametrize(
    ("kind", "state", "outrun", "word", "tone"),
    [
        ("add", "open", "", "+ New", "good"),
        ("add", "applied", "", "Added", "good"),
        ("add", "rejected", "", "Rejected", ""),
        ("add", "outdated", "", "Outdated", "warn"),
        ("hold", "open", "", "Put on hold", "warn"),
        ("hold", "open", "It is done", "Outdated", "warn"),
        ("drop", "open", "", "− Gone", "bad"),
        ("drop", "applied", "", "Dropped", "good"),
    ],
)
def test_a_row_has_the_word_of_its_kind_and_state(kind: str, state: str, outrun: str, word: str, tone: str) -> None:
    shown = row(kind, state, outrun)
    assert (shown.word, shown.tone, shown.outrun) == (word, tone, outrun)


def test_a_new_entry_shows_all_that_it_brings() -> None:
    spec = {
        "requirements": ["r1", "r2"], "acceptance_criteria": ["c"], "tests": ["t.a"], "files_to_create": ["new.py"],
        "files_to_modify": ["old.py"], "test_files": {"t.py": "assert 0"},
    }  # fmt: skip
    shown = row(
        after={"content": " Parse\n\nOf all kinds\n", "spec": spec, "depends_on": ["entry_1", "ref"]},
        seqs={"entry_1": "#7"},
        tests_on_base={"state": "red", "failing": {"t.a": "why"}},
        estimate={"chances": [0.5, 0.75, 1], "round": 250_000},
    )
    assert (shown.body, shown.needs, shown.differences) == ("Of all kinds", ["#7", "ref"], [])
    assert shown.parts == [("Requirements", ["r1", "r2"]), ("Acceptance criteria", ["c"]), ("Tests to make pass", ["t.a"])]
    assert (shown.files, shown.test_files) == ([("new.py", True), ("old.py", False)], [("t.py", "assert 0")])
    assert (shown.base_tests, shown.failing) == (("fail before the work, as they must", "good"), [("t.a", "why")])
    assert shown.estimate == "50 %, 75 %, 100 % to pass after 1, 2, 3 rounds of $0.25" and shown.is_without_test
    assert row(after={"content": "P", "spec": {"requirements": "as text"}}).parts == [("Requirements", ["as text"])]
    assert not row("add", "applied").is_without_test and not row(outrun="x").is_without_test and row().estimate == ""


@pytest.mark.parametrize(
    ("state", "note", "shown"),
    [
        ("red", "", ("fail before the work, as they must", "good")),
        ("red", "odd", ("fail before the work, as they must", "good")),
        ("green", "", ("pass before the work already", "warn")),
        ("green", "They pass", None),
        ("", "", None),
    ],
)
def test_what_its_tests_did_before_the_work_is_shown_unless_its_note_does(
    state: str, note: str, shown: tuple[str, str] | None
) -> None:
    assert row(tests_on_base={"state": state}, note=note).base_tests == shown


def test_a_change_shows_each_value_before_and_after() -> None:
    shown = row(
        "change",
        after={"priority": "high", "depends_on": ["entry_2"], "rounds": 7, "spec": {"tests": ["a", "b"], "notes": "n"}},
        before={"priority": "low", "depends_on": [], "rounds": 5, "content": "as before", "spec": None},
        seqs={"entry_2": "#2"},
    )
    assert shown.differences == [
        ("Priority", "low", "high"), ("Waits for", "nothing", "#2"), ("Rounds", "5", "7"), ("Spec", "nothing", "tests: a, b; notes: n"),
    ]  # fmt: skip
    assert (shown.needs, shown.parts, shown.may_edit) == ([], [], True)
    merge = row(
        "merge", after={"content": "Both\nof them", "spec": {"tests": ["t"]}}, before={"other": {"seq": 9, "content": "Print\nx"}}
    )
    assert (merge.differences, merge.body, merge.parts) == (
        [("Takes over", "#9 Print", "")], "of them", [("Tests to make pass", ["t"])])  # fmt: skip
    assert [row(kind).may_edit for kind in ("add", "hold", "drop")] == [True, False, False]


def test_a_child_of_a_split_names_its_files_tests_and_needs() -> None:
    entries = [
        {
            "content": "Parse\nlong",
            "ref": "p",
            "spec": {"files_to_create": ["a.py"], "files_to_modify": ["b.py"], "tests": ["t.a"]},
        },
        {"content": "Print", "ref": "q", "depends_on": ["p", "entry_1", "x"]},
    ]
    shown = row("split", after={"entries": entries, "reasons": ["First", ""]}, seqs={"entry_1": "#7"})
    assert shown.parts == [("Into", ["Parse · a.py, b.py · tests: t.a · First", "Print · waits for child 1, #7, x"])]
    assert row("split", after={"entries": entries[:1], "reasons": []}).parts == [("Into", ["Parse · a.py, b.py · tests: t.a"])]


# The page of a run


def shown_run(run: Run, role: Role = Role.ADMIN, **query: str) -> dict[str, Any]:
    request = page_request(run.session.workspace, role=role, **query)
    request.memo["run"] = Run.objects.select_related("session").get(pk=run.pk)
    return run_page._run(request)


def test_a_run_counts_what_is_open_and_costs_what_is_booked_for_it(shop: Workspace) -> None:
    run, other = a_run(shop, "A", "B", "C"), a_run(shop, "D")
    for n, (owner, amount) in enumerate([(run, 100), (run, 20), (other, 999)]):
        LedgerEntry.objects.create(
            project_id=shop.pk, amount=amount, category="orchestrator", price_source="reported", event_key=f"{n}", actor="a", session_ref=owner.pk
        )  # fmt: skip
    run.proposals.filter(number=2).update(state="rejected")
    seen = shown_run(run)
    assert (seen["open_count"], seen["cost"], seen["is_over"], seen["adds_only"], seen["executor_runs"]) == (
        2,
        120,
        True,
        True,
        True,
    )
    assert (len(seen["rows"]), seen["may_undo"], seen["tick"], shown_run(run, tick="all")["tick"]) == (3, False, "", "all")
    assert {row["run"].pk: (row["cost"], row["counts"]) for row in goals.runs(page_request(shop))["runs"]} == {
        run.pk: (120, ["2 open", "1 rejected"]), other.pk: (999, ["1 open"])}  # fmt: skip


def test_what_was_applied_is_undone_until_an_entry_of_it_has_begun(shop: Workspace) -> None:
    entry, begun = an_entry(shop), an_entry(shop)
    Entry.objects.filter(pk=begun.pk).update(attempts=2)
    run = a_run(shop, "A", "B")
    first = run.proposals.filter(number=1)
    for fields, may in (
        ({"entry": entry, "state": "applied"}, True), ({"entry": begun, "state": "applied"}, False),
        ({"entry": begun, "state": "applied", "before": {"attempts": 2}}, True), ({"entry": None, "state": "open"}, False),
    ):  # fmt: skip
        first.update(**{"before": None} | fields)
        assert shown_run(run)["may_undo"] is may, fields


def test_the_same_is_asked_again_where_it_was_asked(shop: Workspace) -> None:
    planned = a_run(shop)
    Run.objects.filter(pk=planned.pk).update(goal="Speak & ISO/8601 " + "x" * 2000)
    goal = f"/w/{shop.pk}/backlog/plans/"
    assert shown_run(planned)["again"] == f"{goal}?goal=Speak%20%26%20ISO%2F8601%20{'x' * 1983}"
    assert shown_run(planned, Role.VIEWER)["again"] == ""
    entry = an_entry(shop)
    rearranged = a_rearranging_run(shop, {"kind": "hold", "entry": f"#{entry.seq}"})
    assert shown_run(rearranged)["again"] == f"{goal}#orchestrate-h"
    Run.objects.filter(pk=rearranged.pk).update(subject=entry)
    assert shown_run(rearranged)["again"] == f"/w/{shop.pk}/backlog/{entry.pk}/?tab=children"
    assert shown_run(a_running_run(shop).run)["again"] == ""


def test_what_is_decided_is_summed_up_by_kind(shop: Workspace) -> None:
    def proposals(*kinds: str) -> list[Proposal]:
        return [Proposal(kind=kind) for kind in kinds]

    assert (
        run_page._applied(proposals("change", "add", "drop", "add"))
        == "2 entries are added, 1 entry is changed, 1 entry is dropped"
    )
    assert run_page._applied([]) == "Nothing is applied"
    assert run_page._adds(proposals("add")) and not run_page._adds(proposals("add", "hold"))


def test_an_outdated_proposal_and_what_waits_for_it_are_a_warning(shop: Workspace) -> None:
    run = a_run(shop, {"content": "A", "ref": "a"}, {"content": "B", "depends_on": ["a"]})
    an_entry(shop, content="A")
    otto = client_of("otto", "operator", shop)
    picks = list(run.proposals.values_list("pk", flat=True))
    seen = otto.post(
        f"/w/{shop.pk}/backlog/plans/{run.pk}/apply/", {"proposal": picks}, headers={"HX-Request": "true"}
    ).content.decode()
    assert (
        "proposal 1 is outdated" in seen
        and "1 proposal is still open: what they wait for is outdated" in seen
        and "result warn" in seen
    )


def test_proposals_of_another_run_are_not_decided(shop: Workspace) -> None:
    run, other = a_run(shop, "A"), a_run(shop, "B")
    otto = client_of("otto", "operator", shop)
    for verb, field in (("apply", "proposal"), ("reject", "proposal"), ("reopen", "reopen")):
        assert otto.post(f"/w/{shop.pk}/backlog/plans/{run.pk}/{verb}/", {field: other.proposals.get().pk}).status_code == 404
    assert other.proposals.get().state == "open"


# Goals


def test_a_run_is_titled_by_its_goal_and_others_by_what_was_asked(shop: Workspace) -> None:
    assert goals._title(Run(goal=" Speak ISO\nEverywhere", session=Session(role="plan"))) == "Speak ISO"
    asked = goals._title(Run(goal="", session=Session(role="orchestrate")))
    assert asked and goals._title(Run(goal="Why?\nx", session=Session(role="orchestrate"))) == f"{asked}: Why?"


def test_the_page_of_goals_has_the_agents_of_this_workspace_and_their_limits(ana: Client, shop: Workspace) -> None:
    own = {"agent": {"kind": "claude_code"}}
    Executor.objects.filter(pk=shop.pk).update(
        config={
            **own,
            "planner": {**own, "run_usd": 0.25, "apply": "never"},
            "orchestrator": {"agent": {"command": "x"}, "run_usd": 0.5, "apply": "safe"},
        }
    )
    seen = ana.get(f"/w/{shop.pk}/backlog/plans/", {"goal": "x" * 30_000}).context
    assert {name: seen[name] for name in ("planner", "limit", "planner_adds", "orchestrator", "orchestrator_limit", "orchestrator_applies")} == {
        "planner": "Claude Code", "limit": 250_000, "planner_adds": False, "orchestrator": "your command", "orchestrator_limit": 500_000,
        "orchestrator_applies": True}  # fmt: skip
    assert (len(seen["goal"]), seen["own_agent"]) == (goals.MAX_GOAL, "Claude Code")
    none = ana.get(f"/w/{a_workspace(name='None').pk}/backlog/plans/").context
    assert not any(
        none[name]
        for name in (
            "planner",
            "limit",
            "planner_adds",
            "orchestrator",
            "orchestrator_limit",
            "orchestrator_applies",
            "own_agent",
        )
    )
    assert choose_agent.offered(configuration.load({"agent": {"command": "x"}})) == "your command"


# Forms


def test_a_form_has_the_proposed_values_and_else_those_of_the_entry(shop: Workspace) -> None:
    first, second = an_entry(shop), an_entry(shop)
    proposal = Proposal(
        kind="change", after={"rounds": 7}, before={"priority": "low", "rounds": 5, "depends_on": [second.pk, first.pk]}
    )
    shown = edit_change._filled(proposal, ["priority", "depends_on", "rounds"])
    assert shown == {"priority": "low", "depends_on": "#1, #2", "rounds": "7"}
    assert edit_change._values({"depends_on": "1, #2  x", "rounds": "12"}) == {"depends_on": ["#1", "#2", "x"], "rounds": 12}
    assert edit_change._values({"rounds": "many", "content": "x"}) == {"rounds": "many", "content": "x"}


@pytest.mark.parametrize(
    ("kind", "typed", "problem"),
    [
        ("change", {"rounds": "many"}, "rounds: "),
        ("change", {"rounds": "9" * 5000}, "rounds: "),
        ("change", {"priority": "urgent", "rounds": "5"}, "priority: "),
        ("change", {"depends_on": "#999, x"}, "`#999` is no other entry of the backlog"),
        ("change", {"priority": "medium", "depends_on": "", "rounds": "BEFORE"}, "The entry has all of these values already"),
        ("merge", {"content": " \r\n "}, "content: "),
    ],
)
def test_a_form_that_is_refused_comes_back_as_it_was_typed(
    shop: Workspace, kind: str, typed: dict[str, str], problem: str
) -> None:
    first, second = an_entry(shop, content="A"), an_entry(shop, content="B")
    more = {"priority": "high"} if kind == "change" else {"with": f"#{second.seq}"}
    run = a_rearranging_run(shop, {"kind": kind, "entry": f"#{first.seq}", **more})
    proposal = run.proposals.get()
    shown = (
        {"priority": "high", "depends_on": "", "rounds": str(first.budget_rounds)} if kind == "change" else {"content": "A\n\nB"}
    )
    otto, address = client_of("otto", "operator", shop), f"/w/{shop.pk}/backlog/plans/{run.pk}/proposals/{proposal.pk}/"
    form = otto.get(address)
    assert (form.status_code, form.context["form_data"], form.context["problem"]) == (200, shown, "")
    assert form.context["priorities"] == ["critical", "high", "medium", "low"]
    typed = {"priority": "low", "depends_on": f"#{second.seq}", "rounds": "7", "content": "Both"} | typed
    typed = {name: value.replace("BEFORE", str(first.budget_rounds)) for name, value in typed.items()}
    seen = otto.post(address, typed | {"reason": "has no field"})
    assert seen.status_code == 422 and seen.context["problem"].startswith(problem)
    assert seen.context["form_data"] == {name: typed[name].replace("\r\n", "\n") for name in shown}
    assert run.proposals.get().after == proposal.after


def test_a_proposed_entry_is_filled_in_with_the_numbers_of_this_workspace(shop: Workspace) -> None:
    theirs, mine = an_entry(a_workspace(name="Other")), an_entry(shop)
    after = {"content": "A", "group": None, "depends_on": [mine.pk, theirs.pk, "ref"], "spec": {"files_to_modify": ["a", "b"]}}
    shown = edit._filled(page_request(shop), Proposal(after=after))
    assert (shown["content"], shown["after"], shown["heading"], shown["modifies"]) == ("A", f"#1, {theirs.pk}, ref", "", "a\nb")
