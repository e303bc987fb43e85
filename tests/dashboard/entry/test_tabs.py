"""Each tab of an entry's page: what it collects of this entry, with a neighbour next to each row that would count if its filter were gone."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from budget.charts import rounds as chart
from budget.limits import caps
from budget.models import Account, LedgerEntry, Project
from dashboard.entry.tabs import brief, budget, children, dependencies, history, locks, rounds, talk
from orchestration.backlog import dependencies as links
from orchestration.backlog import splitting
from orchestration.backlog.entries import Draft
from orchestration.edge import queries
from orchestration.models import Entry, FileLock, Round, Run, Session
from tests.dashboard.conftest import client_of
from tests.dashboard.page_requests import page_request
from tests.factories import ANA, CLOSED, a_workspace, an_entry
from workspaces.models import Event, Role, Workspace

pytestmark = pytest.mark.shop(max_workers=9)


@pytest.fixture
def other(shop: Workspace) -> Workspace:
    return a_workspace(name="Other", max_workers=9)


def set_(entry: Entry, **fields: Any) -> Entry:
    Entry.objects.filter(pk=entry.pk).update(**fields)
    return Entry.objects.select_related("account", "workspace").get(pk=entry.pk)


def seqs(entries: list[Entry]) -> list[int]:
    return [entry.seq for entry in entries]


def an_ended_session(entry: Entry, attempt: int, **more: Any) -> Session:
    fields = {"status": "ended", "outcome": "failed", "ended_at": now(), "phase": "verification"} | more
    return Session.objects.create(workspace=entry.workspace, entry=entry, attempt=attempt, **fields)


# Brief


def test_the_brief_has_lists_as_lists_text_as_text_and_the_rest_as_json(shop: Workspace) -> None:
    spec = {
        "files_to_modify": ["a.py"], "acceptance_criteria": ["Works"], "notes": "As *it* is", "examples": [1, "x"], "limits": {"ü": 1},
        "nothing": None, "none": {}, "test_files": {"t.py": "assert 1"},
    }  # fmt: skip
    assert sorted(brief.region(page_request(shop), set_(an_entry(shop), spec=spec))["spec"]) == [
        ("Acceptance criteria", "list", ["Works"]),
        ("Examples", "json", '[\n  1,\n  "x"\n]'),
        ("Files to modify", "files", ["a.py"]),
        ("Limits", "json", '{\n  "ü": 1\n}'),
        ("Notes", "text", "As *it* is"),
        ("Test file t.py", "json", "assert 1"),
    ]


# Budget


def test_the_budget_that_is_left_is_the_lesser_of_its_own_and_of_the_limit_above(shop: Workspace) -> None:
    entry = an_entry(shop, budget="5")
    Account.objects.filter(pk=entry.pk).update(own_budget=True, spent=1_000_000, held=500_000)
    entry = queries.entry_for(shop.pk, entry.pk)
    for cap, left, binds in ((9_000_000, 3_500_000, False), (3_500_000, 3_500_000, False), (3_499_999, 3_499_999, True)):
        Project.objects.filter(pk=shop.pk).update(max_project_spend=cap)
        seen = budget.region(page_request(shop), entry)
        assert (seen["budget_left"], seen["binds"], seen["parent_left"]) == (left, binds, cap), cap
    Account.objects.filter(pk=entry.pk).update(own_budget=False)
    Project.objects.filter(pk=shop.pk).update(max_project_spend=9_000_000)
    assert budget.region(page_request(shop), queries.entry_for(shop.pk, entry.pk))["binds"]


def test_the_ten_newest_changes_of_this_budget_are_shown(shop: Workspace) -> None:
    entry, neighbour = an_entry(shop), an_entry(shop)
    for cents in range(1, 13):
        for target in (entry, neighbour):
            caps.edit(Account.objects.get(pk=target.pk), cents * 10_000, by=ANA, reason=f"{target.seq}/{cents}")
    shown = budget.region(page_request(shop), queries.entry_for(shop.pk, entry.pk))["history"]
    assert [row["change"].reason for row in shown] == [f"1/{cents}" for cents in range(12, 2, -1)]


def test_only_what_ran_out_of_money_is_used_up(shop: Workspace) -> None:
    for code, used_up in (("budget_exceeded", True), ("human_hold", False)):
        entry = set_(an_entry(shop), status="blocked", reason_code=code)
        assert budget.region(page_request(shop), entry)["used_up"] is used_up


# Children


@pytest.fixture
def whole(shop: Workspace) -> Entry:
    entry = an_entry(shop, budget="9")
    splitting.split(entry, [Draft("One"), Draft("Two"), Draft("Three")], by=ANA)
    return queries.entry_for(shop.pk, entry.pk)


def test_the_sessions_of_grandchildren_are_stopped_with_those_of_children(shop: Workspace, whole: Entry) -> None:
    first, second, third = Entry.objects.filter(parent=whole).order_by("seq")
    grandchild, _ = splitting.split(first, [Draft("Deep"), Draft("Deeper")], by=ANA)
    assert children.region(page_request(shop), whole)["stops"] == ""
    an_ended_session(second, 1)
    for target in (grandchild, third, an_entry(shop)):
        an_ended_session(target, 2, status="running", outcome="", ended_at=None)
    set_(third, **CLOSED)
    Account.objects.filter(pk=grandchild.pk).update(spent=700_000)
    seen = children.region(page_request(shop), whole)
    assert (seen["stops"], seen["done"], seqs([row[0] for row in seen["rows"]])) == (
        "2 sessions",
        1,
        seqs([first, second, third]),
    )
    assert [(account.spent, use.spent) for _, account, use in seen["rows"]] == [(700_000, 700_000), (0, 0), (0, 0)]
    assert list(seen["progress"]) == [first.pk]


@pytest.mark.parametrize("started", [{"attempts": 1}, CLOSED, {"is_container": True}])
def test_a_split_is_undone_only_before_a_child_has_begun(shop: Workspace, whole: Entry, started: dict[str, Any]) -> None:
    assert children.region(page_request(shop), whole)["may_undo"]
    child = Entry.objects.filter(parent=whole).order_by("seq")[1]
    if "is_container" in started:
        splitting.split(child, [Draft("Deep"), Draft("Deeper")], by=ANA)
    else:
        set_(child, **started)
    assert not children.region(page_request(shop), whole)["may_undo"]
    assert not children.region(page_request(shop), an_entry(shop))["may_undo"]


@pytest.mark.parametrize(
    ("fields", "may"),
    [
        ({}, True), ({"status": "blocked"}, True), ({"status": "failed"}, True), ({"status": "in_progress"}, False), (CLOSED, False),
        ({"is_container": True}, False), ({"depth": 3}, children.MAX_DEPTH > 3), ({"depth": children.MAX_DEPTH}, False),
    ],
)  # fmt: skip
def test_what_neither_works_nor_is_done_split_or_too_deep_may_be_split(fields: dict[str, Any], may: bool) -> None:
    assert children.may_split(Entry(**fields)) is may


def test_the_five_newest_runs_that_split_this_entry_are_shown(shop: Workspace) -> None:
    entry, neighbour = an_entry(shop), an_entry(shop)
    for n in range(7):
        for target, role in ((entry, "expand"), (neighbour, "expand"), (entry, "orchestrate")):
            over = {"status": "ended", "outcome": "passed", "ended_at": now()}
            session = Session.objects.create(
                workspace=shop, role=role, attempt=1, claimed_at=now() + timedelta(minutes=n), **over
            )
            Run.objects.create(session=session, subject=target, goal=f"{target.seq} {role} {n}")
    shown = children.region(page_request(shop), entry)["runs"]
    assert [run.goal for run in shown] == [f"1 expand {n}" for n in range(6, 1, -1)]


# Dependencies


def test_dependencies_are_those_of_the_entry_and_others_that_are_open_here_are_offered(shop: Workspace, other: Workspace) -> None:
    names = ("need", "done_need", "me", "waiter", "gone_waiter", "free", "done", "gone")
    by = {name: an_entry(shop, content=name) for name in names}
    an_entry(other)
    for waiter, need in (("me", "need"), ("me", "done_need"), ("waiter", "me"), ("gone_waiter", "me"), ("free", "need")):
        links.depend(by[waiter], by[need], by=ANA)
    for name in ("done_need", "done"):
        set_(by[name], **CLOSED)
    for name in ("gone_waiter", "gone"):
        set_(by[name], deleted_at=now())
    entry = queries.entry_for(shop.pk, by["me"].pk)
    seen = dependencies.region(page_request(shop), entry)
    assert {name: [row.content for row in seen[name]] for name in ("needs", "needed_by", "offered")} == {
        "needs": ["need", "done_need"], "needed_by": ["waiter"], "offered": ["free"]}  # fmt: skip
    assert (seen["may_change"], seen["more_needed_by"]) == (True, False)
    assert dependencies.region(page_request(shop, role=Role.VIEWER), entry)["offered"] == []
    for fields in ({"status": "in_progress"}, CLOSED):
        seen = dependencies.region(page_request(shop), set_(entry, **fields))
        assert (seen["offered"], seen["may_change"]) == ([], False)


def test_dependents_beyond_the_limit_are_announced(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    need = an_entry(shop)
    for _ in range(2):
        links.depend(an_entry(shop), need, by=ANA)
    for limit, shown, more in ((2, [2, 3], False), (1, [2], True)):
        monkeypatch.setattr(dependencies, "MAX_LINKS", limit)
        seen = dependencies.region(page_request(shop), need)
        assert (seqs(seen["needed_by"]), seen["more_needed_by"]) == (shown, more)


def test_the_reason_of_a_dependency_is_recorded_and_another_workspaces_number_is_not_taken(
    shop: Workspace, other: Workspace
) -> None:
    otto = client_of("otto", "operator", shop)
    waiter, need = an_entry(shop), an_entry(shop)
    for _ in range(5):
        an_entry(other)
    address = f"/w/{shop.pk}/backlog/{waiter.pk}"
    assert otto.post(f"{address}/depend/", {"depends_on": "5"}).status_code == 404
    for verb in ("depend", "undepend"):
        otto.post(f"{address}/{verb}/", {"depends_on": f"#{need.seq}", "reason": f"to {verb}"})
    reasons = Event.objects.filter(workspace=shop, object_id=waiter.pk, actor="otto").order_by("id")
    assert list(reasons.values_list("reason", flat=True)) == ["to depend", "to undepend"]
    set_(need, deleted_at=now())
    assert otto.post(f"{address}/depend/", {"depends_on": f"{need.seq}"}).status_code == 404


# History


def test_the_history_is_of_the_entry_and_its_newest_sessions(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    entry, neighbour = an_entry(shop), an_entry(shop)
    sessions = [an_ended_session(entry, attempt).pk for attempt in (1, 2, 3)]
    theirs = an_ended_session(neighbour, 1).pk
    Event.objects.create(workspace=shop, verb="x", object_id=theirs, actor="ana", actor_kind="human", data={})
    earlier = Event.objects.order_by("-pk")[0].pk
    for n, subject in enumerate([entry.pk, neighbour.pk, *sessions, theirs, entry.pk]):
        Event.objects.create(
            workspace=shop, verb="entry.held", object_id=subject, actor="ana", actor_kind="human", reason=f"{n}", data={}
        )
    monkeypatch.setattr(history, "MAX_SESSIONS", 2)

    def shown() -> list[str]:
        return [row["event"].reason for row in history.region(page_request(shop), entry)["events"] if row["event"].pk > earlier]

    assert shown() == ["6", "4", "3", "0"]
    number = len(history.region(page_request(shop), entry)["events"])
    for limit, more in ((number, False), (number - 1, True), (1, True)):
        monkeypatch.setattr(history, "MAX_EVENTS", limit)
        seen = history.region(page_request(shop), entry)
        assert (len(seen["events"]), seen["events"][0]["event"].reason, seen["more_events"]) == (limit, "6", more)


# Locks


def test_a_path_is_locked_by_the_entry_by_another_or_free(shop: Workspace, other: Workspace) -> None:
    me, holder = an_entry(shop, files=["src/", "app/a.py", "app/free.py", "lib"]), an_entry(shop)
    theirs = an_entry(other)
    for entry, path in (
        (me, "app/a.py"), (me, "taken.py"), (holder, "src/deep/x.py"), (holder, "srcs/y.py"), (holder, "lib/"),
        (theirs, "app/free.py"), (theirs, "app/a.py"),
    ):  # fmt: skip
        FileLock.objects.create(workspace=entry.workspace, entry=entry, path=path)
    me = set_(me, taken_paths=["taken.py", "more.py"])
    waiter, gone = an_entry(shop), an_entry(shop)
    for entry in (waiter, gone):
        set_(entry, parked_behind=me)
    set_(gone, deleted_at=now())
    set_(an_entry(shop), parked_behind=holder)
    seen = locks.region(page_request(shop), me)
    rows = {row.path: (row.state, row.by_name, row.lock and (row.lock.entry.seq, row.lock.path)) for row in seen["paths"]}
    assert rows == {
        "app/a.py": ("held", True, (1, "app/a.py")),
        "app/free.py": ("free", True, None),
        "lib": ("locked", True, (2, "lib/")),
        "src/": ("locked", True, (2, "src/deep/x.py")),
        "taken.py": ("held", False, (1, "taken.py")),
        "more.py": ("free", False, None),
    }
    assert len(rows) == len(seen["paths"]) and seqs(seen["behind"]) == [waiter.seq]
    FileLock.objects.filter(entry=me).delete()
    assert locks.region(page_request(shop), me)["behind"] == []


def test_a_path_that_a_session_locked_besides_is_listed_too(shop: Workspace) -> None:
    me = an_entry(shop, files=["a.py"])
    for path in ("a.py", "b.py"):
        FileLock.objects.create(workspace=shop, entry=me, path=path)
    rows = locks.region(page_request(shop), me)["paths"]
    assert [(row.path, row.state, row.by_name) for row in rows] == [("a.py", "held", True), ("b.py", "held", False)]


# Rounds


def a_round(
    entry: Entry, number: int, score: float | None, cost: int, verdict: str = "failed", *, computed: bool = False
) -> Round:
    session = an_ended_session(entry, number)
    row = Round.objects.create(entry=entry, session=session, number=number, score=score, verdict=verdict)
    if cost:
        source = LedgerEntry.PriceSource.COMPUTED if computed else LedgerEntry.PriceSource.REPORTED
        LedgerEntry.objects.create(
            project_id=entry.workspace_id, account_id=entry.pk, round=number, amount=cost, category="entry", price_source=source,
            event_key=session.pk, actor="agent",
        )  # fmt: skip
    return row


def test_rounds_are_better_only_beyond_the_best_and_the_first_of_the_most_expensive_is_marked(shop: Workspace) -> None:
    entry, neighbour = an_entry(shop, budget="9"), an_entry(shop, budget="9")
    for number, score, cost in ((1, 0.4, 100), (2, 0.6, 300), (3, 0.5, 300), (4, 0.6, 0), (5, 0.7, 200), (6, None, 50)):
        a_round(entry, number, score, cost)
        a_round(neighbour, number, 0.9, 1000, computed=True)
    a_round(entry, 7, None, 0, "open")
    seen = rounds.region(page_request(shop), entry)
    assert [(row.round.number, row.cost, row.most_expensive) for row in seen["rounds"]] == [
        (7, "$0.00", False), (6, "<$0.0001", False), (5, "$0.0002", False), (4, "$0.00", False), (3, "$0.0003", False),
        (2, "$0.0003", True), (1, "$0.0001", False)]  # fmt: skip
    assert seen["total"] == 950
    outcomes = [row.outcome for row in rounds.chart_rounds_of(list(rounds.with_costs(entry).order_by("number")))]
    assert outcomes == ["kept", "kept", "level", "level", "kept", "failed", "open"]


def test_a_round_that_is_worse_than_its_base_is_not_better_and_the_line_begins_at_the_base(shop: Workspace) -> None:
    entry = an_entry(shop, budget="9")
    for number, score in ((1, 0.93), (2, 1.0)):
        a_round(entry, number, score, 100)
    Round.objects.filter(entry=entry).update(base_score=1.0)
    drawn = rounds.chart_rounds_of(list(rounds.with_costs(entry).order_by("number")))
    assert [row.outcome for row in drawn] == ["level", "level"]
    assert [row[2] for row in chart.table(drawn).rows] == ["-0.07", "+0.00"]
    assert f'd="M{chart.LEFT} {chart.SCORES[0]}' in chart.draw(drawn)


def test_one_round_alone_and_rounds_without_cost_are_not_the_most_expensive(shop: Workspace) -> None:
    alone, free = an_entry(shop), an_entry(shop)
    a_round(alone, 1, 0.5, 100)
    for number in (1, 2):
        a_round(free, number, 0.5, 0)
    for entry in (alone, free):
        assert not any(row.most_expensive for row in rounds.region(page_request(shop), entry)["rounds"])


def test_a_cost_is_an_estimate_where_a_part_of_this_round_was_computed(shop: Workspace) -> None:
    entry = an_entry(shop, budget="9")
    a_round(entry, 1, 0.5, 20_000, computed=True)
    a_round(entry, 2, 0.5, 20_000)
    shown = {row.round.number: row.cost for row in rounds.region(page_request(shop), entry)["rounds"]}
    assert shown[2] == "$0.02" and shown[1] != shown[2] and "0.02" in shown[1]


def test_the_newest_rounds_are_shown_and_of_sessions_those_without_a_round_the_newest_first(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = an_entry(shop)
    for number in (1, 2, 3):
        a_round(entry, number, 0.5, 0)
    monkeypatch.setattr(rounds, "MAX_ROUNDS", 2)
    assert [row.round.number for row in rounds.region(page_request(shop), entry)["rounds"]] == [3, 2]
    an_ended_session(an_entry(shop), 9)
    for attempt in (4, 5):
        an_ended_session(entry, attempt)
    shown = rounds.sessions_region(page_request(shop), entry)["sessions"]
    assert [(row["session"].attempt, row["status"]) for row in shown] == [(5, "failed"), (4, "failed")]


def test_a_round_that_passed_came_to_its_merge_and_another_as_far_as_its_session(shop: Workspace) -> None:
    entry = an_entry(shop)
    a_round(entry, 1, 0.5, 0)
    a_round(entry, 2, 1.0, 0, "passed")
    assert [row.reached for row in rounds.region(page_request(shop), entry)["rounds"]] == ["Merge", "Verification"]


# Talk


@pytest.mark.parametrize(
    ("fields", "stuck", "takes"),
    [({}, False, True), ({"status": "blocked", "reason_code": "human_hold"}, True, True),
     ({"status": "failed", "reason_code": "rounds_exhausted"}, True, True), (CLOSED, False, False),
     ({"is_container": True}, False, False)],
)  # fmt: skip
def test_an_entry_takes_words_until_it_is_done_or_split(
    shop: Workspace, fields: dict[str, Any], stuck: bool, takes: bool
) -> None:
    seen = talk.region(page_request(shop), set_(an_entry(shop), **fields))
    assert (seen["is_stuck"], seen["takes_words"]) == (stuck, takes)


@pytest.mark.parametrize(
    ("status", "retry", "sentence", "after"),
    [
        ("blocked", "on", "#1 is back in line; the instruction is first in its next prompt", "pending"),
        ("blocked", "", "#1 has an instruction: it is first in its next prompt", "blocked"),
        ("pending", "on", "#1 has an instruction: it is first in its next prompt", "pending"),
    ],
)
def test_an_instruction_resumes_only_what_is_stuck_and_only_by_request(
    shop: Workspace, status: str, retry: str, sentence: str, after: str
) -> None:
    entry = set_(an_entry(shop), status=status, reason_code="merge_conflict" if status == "blocked" else "")
    response = client_of("otto", "operator", shop).post(
        f"/w/{shop.pk}/backlog/{entry.pk}/instruct/", {"text": "Read the log", "retry": retry}, headers={"HX-Request": "true"}
    )
    assert sentence in response.content.decode() and Entry.objects.get(pk=entry.pk).status == after


def test_an_answer_reaches_no_question_of_another_workspace(ana: Client, shop: Workspace, other: Workspace) -> None:
    session = a_session_that_asks(an_entry(other))
    mine = an_entry(shop)
    question = session.questions.get()
    response = ana.post(f"/w/{shop.pk}/backlog/{mine.pk}/answer/", {"question": question.pk, "answer": "Yes"})
    assert response.status_code == 404
    question.refresh_from_db()
    assert question.answered_at is None


def a_session_that_asks(entry: Entry) -> Any:
    session = an_ended_session(entry, 1, outcome="asked")
    session.questions.create(workspace=entry.workspace, entry=entry, name="1", text="Which?")
    return session
