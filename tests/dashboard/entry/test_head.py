"""The head of an entry's page, its round page and its buttons: what is offered to which role, and that a typed reason is recorded."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from budget.models import Account, LedgerEntry
from dashboard.entry import done_text, preflight, round_detail, status, views
from orchestration.backlog import splitting
from orchestration.backlog.entries import Draft
from orchestration.executor import control
from orchestration.models import Entry, Round, Session
from tests.dashboard.conftest import client_of
from tests.dashboard.page_requests import page_request
from tests.factories import ANA, CLOSED, a_session, a_worker, an_entry, ended
from workspaces.models import Event, Role, Workspace

pytestmark = pytest.mark.shop(max_workers=9)

HTMX = {"HX-Request": "true"}


def set_(entry: Entry, **fields: Any) -> Entry:
    Entry.objects.filter(pk=entry.pk).update(**fields)
    return entry


def loaded(entry: Entry) -> Entry:
    return views._load(page_request(entry.workspace), entry.pk)


def head(entry: Entry, role: Role = Role.ADMIN) -> dict[str, Any]:
    return status.region(page_request(entry.workspace, role=role), loaded(entry))


def a_round(entry: Entry, number: int, **fields: Any) -> Round:
    session = Session.objects.create(
        workspace=entry.workspace, entry=entry, attempt=number, status="ended", outcome="failed", ended_at=now(), phase="verification"
    )  # fmt: skip
    return Round.objects.create(entry=entry, session=session, number=number, **{"verdict": "failed", "ended_at": now()} | fields)


# The entry with its sums


def test_an_entry_comes_with_the_number_of_its_own_rounds_and_its_session_at_work(shop: Workspace) -> None:
    entry, neighbour = an_entry(shop, budget="9"), an_entry(shop, budget="9")
    ended(a_session(entry))
    session = a_session(set_(entry, status="pending", reason_code=""))
    for number in (5, 6):
        a_round(neighbour, number)
    seen: Any = loaded(entry)
    assert (seen.rounds_ended, seen.changed, seen.at_work_id, seen.at_work_round_number) == (1, False, session.pk, 2)
    assert head(entry)["row"]["session"].pk == session.pk
    Round.objects.filter(entry=entry, number=1).update(commit="a" * 40)
    assert loaded(entry).changed and not loaded(neighbour).changed


def test_a_split_entry_has_the_money_of_its_children(shop: Workspace) -> None:
    whole = an_entry(shop, budget="9")
    first, _ = splitting.split(whole, [Draft("One"), Draft("Two")], by=ANA)
    Account.objects.filter(pk=first.pk).update(spent=700_000)
    assert head(whole)["account"].spent == 700_000


# What the head offers


@pytest.mark.parametrize(
    ("fields", "role", "words"),
    [
        ({"status": "blocked", "reason_code": "budget_exceeded"}, Role.BUDGET, "Raise budget"),
        ({"status": "blocked", "reason_code": "budget_exceeded"}, Role.OPERATOR, ""),
        ({"status": "blocked", "reason_code": "budget_exceeded"}, Role.VIEWER, ""),
        ({"status": "blocked", "reason_code": "rounds_exhausted"}, Role.OPERATOR, "Raise rounds"),
        ({"status": "blocked", "reason_code": "rounds_exhausted"}, Role.BUDGET, ""),
        ({"status": "failed", "reason_code": "rounds_exhausted"}, Role.OPERATOR, ""),
        ({"status": "blocked", "reason_code": "human_hold"}, Role.ADMIN, ""),
        ({"reason_code": "waiting_for_approval"}, Role.VIEWER, "Review changes"),
        ({"reason_code": "unproven"}, Role.VIEWER, "Decide"),
        ({"reason_code": "waiting_for_merge"}, Role.ADMIN, ""),
        ({}, Role.ADMIN, ""),
    ],
)
def test_the_way_out_is_offered_to_those_who_may_take_it(shop: Workspace, fields: dict[str, Any], role: Role, words: str) -> None:
    fix = head(set_(an_entry(shop), **fields), role)["fix"]
    assert (fix[0] if fix else "") == words


def test_a_question_is_answered_by_those_who_operate(shop: Workspace) -> None:
    a_worker()
    entry = an_entry(shop)
    session = Session.objects.create(workspace=shop, entry=entry, attempt=1, status="ended", outcome="asked", ended_at=now())
    session.questions.create(workspace=shop, entry=entry, name="1", text="Which?")
    assert head(entry, Role.OPERATOR)["fix"] == ("Answer", f"/w/{shop.pk}/backlog/{entry.pk}/?tab=talk")
    assert head(entry, Role.VIEWER)["fix"] is None


def test_an_entry_that_is_done_has_how_in_a_sentence() -> None:
    for fields, words in (
        ({"done_way": "landed", "done_round": 2, "done_commit": "abcdef012345678", "rounds_completed": 5}, "Round 2 landed: it is in abcdef012345"),
        ({"done_way": "merged"}, "Its pull request was merged"),
        ({"done_way": "closed", "done_by": "ana"}, "ana closed it without its work"),
        ({"done_way": "closed", "done_by": "ana", "done_reason": "not needed"}, "ana closed it without its work: not needed"),
        ({"done_way": "children"}, "All of its children are done"),
        ({"done_way": "nothing_to_do", "done_round": 3, "rounds_completed": 5}, "Round 3 found nothing to do"),
        ({"done_way": "unknown"}, ""),
    ):  # fmt: skip
        pieces = done_text.pieces(Entry(status="done", **fields))
        assert "".join(text for text, _ in pieces) == words


# One round


def spend(entry: Entry, number: int, amount: int, category: str, **tokens: int) -> None:
    LedgerEntry.objects.create(
        project_id=entry.workspace_id, account_id=entry.pk, round=number, amount=amount, category=category, price_source="reported",
        event_key=f"{entry.pk}/{number}/{category}/{amount}", actor="agent", **tokens,
    )  # fmt: skip


def test_a_round_has_its_own_costs_and_tokens_by_category(shop: Workspace) -> None:
    entry, neighbour = an_entry(shop, budget="9"), an_entry(shop, budget="9")
    first, second, third = (a_round(entry, number, score=score) for number, score in ((1, 0.5), (2, 0.4), (3, None)))
    for target in (entry, neighbour):
        spend(target, 1, 300, "entry", input_tokens=10, output_tokens=2, cache_read_tokens=3, cache_write_tokens=4)
        spend(target, 1, 30, "entry", input_tokens=1)
        spend(target, 1, 7, "interceptor", output_tokens=5)
        spend(target, 2, 100, "entry", input_tokens=20)
    seen = round_detail.facts(entry, second, first)
    assert [
        (fact.round.number, sorted(fact.spent), fact.tokens_in, fact.tokens_out, fact.tokens_cached, fact.outcome, fact.most_expensive)
        for fact in seen["columns"]
    ] == [
        (1, [("Entry", 330), ("Interceptor", 7)], 11, 7, 7, "better", True),
        (2, [("Entry", 100)], 20, 0, 0, "no gain", False),
    ], seen["columns"]  # fmt: skip
    assert seen["over"] and seen["compared"] == first
    third.verdict = "open"
    for shown, other, over in ((third, first, False), (first, third, False), (third, None, False), (first, None, True)):
        assert round_detail.facts(entry, shown, other)["over"] is over


def test_a_round_alone_or_without_cost_is_not_the_most_expensive(shop: Workspace) -> None:
    entry = an_entry(shop, budget="9")
    first = a_round(entry, 1, score=0.5)
    spend(entry, 1, 300, "entry")
    assert not round_detail.facts(entry, first, None)["columns"][0].most_expensive
    second = a_round(entry, 2, score=0.5)
    assert [fact.most_expensive for fact in round_detail.facts(entry, second, first)["columns"]] == [True, False]
    free = an_entry(shop)
    rounds = [a_round(free, number, score=0.5) for number in (1, 2)]
    assert not any(fact.most_expensive for fact in round_detail.facts(free, rounds[1], rounds[0])["columns"])


def test_rounds_lead_to_their_neighbours_and_compare_with_any_other(ana: Client, shop: Workspace) -> None:
    entry, neighbour = an_entry(shop), an_entry(shop)
    commits = {number: f"{number}" * 40 for number in (1, 2, 4, 5)}
    for number, commit in commits.items():
        a_round(entry, number, commit=commit, base_commit=f"a{number}" * 20)
    a_round(neighbour, 3)

    def page(number: int, **query: str) -> Any:
        return ana.get(f"/w/{shop.pk}/backlog/{entry.pk}/rounds/{number}/", query).context

    assert [(page(number)["previous"], page(number)["following"]) for number in (1, 2, 4, 5)] == [
        (None, 2),
        (1, 4),
        (2, 5),
        (4, None),
    ]
    assert page(4)["others"] == [5, 2, 1]
    for compare, ignored, span in (
        ("2", [], (commits[2], commits[4])), ("4", ["compare"], ("a4" * 20, commits[4])), ("3", ["compare"], ("a4" * 20, commits[4])),
        ("", [], ("a4" * 20, commits[4])),
    ):  # fmt: skip
        context = page(4, compare=compare)
        assert (context["ignored"], context["base"], context["commit"]) == (ignored, span[0][:10], span[1][:10])
    assert ana.get(f"/w/{shop.pk}/backlog/{entry.pk}/rounds/3/").status_code == 404


# Actions


@pytest.mark.parametrize(
    ("tail", "form"),
    [
        ("hold/", {}),
        ("done/", {}),
        ("split/", {"plan": "- [ ] One (files: a.py)\n- [ ] Two (files: b.py)"}),
        ("delete/", {}),
    ],
)
def test_a_typed_reason_is_recorded_and_survives_the_question(shop: Workspace, tail: str, form: dict[str, str]) -> None:
    otto = client_of("otto", "operator", shop)
    entry = an_entry(shop)
    a_round(entry, 1, commit="c" * 40)
    address = f"/w/{shop.pk}/backlog/{entry.pk}/"
    response = otto.post(address + tail, form | {"reason": "as agreed"})
    if response.status_code == 409:
        fields = response.context["confirmation"]["fields"]
        response = otto.post(address + tail, fields)
    assert response.status_code == 303, response.content
    reasons = Event.objects.filter(workspace=shop, actor="otto", object_id=entry.pk).values_list("reason", flat=True)
    assert list(reasons) == ["as agreed"]


def test_a_release_is_recorded_with_its_reason_and_warns_of_the_next_block(shop: Workspace) -> None:
    otto = client_of("otto", "operator", shop)
    a_worker()
    rich, poor = an_entry(shop), an_entry(shop, budget="0.001")
    for entry, tone in ((rich, "good"), (poor, "warn")):
        set_(entry, status="blocked", reason_code="human_hold")
        seen = otto.post(f"/w/{shop.pk}/backlog/{entry.pk}/release/", {"reason": "as agreed"}, headers=HTMX).content.decode()
        assert ("is resumed, but blocked again" in seen) is (tone == "warn") and f"is-{tone}" in seen.replace(
            'class="result ', "is-"
        ), seen
        assert Event.objects.filter(object_id=entry.pk, actor="otto", reason="as agreed").exists()


@pytest.mark.parametrize(
    ("fields", "asks"),
    [({"commit": "c" * 40}, True), ({"commit": ""}, False), (None, False)],
)
def test_only_work_that_is_committed_is_asked_about_before_it_is_closed(
    shop: Workspace, fields: dict[str, str] | None, asks: bool
) -> None:
    entry, neighbour = an_entry(shop), an_entry(shop)
    a_round(neighbour, 1, commit="d" * 40)
    if fields is not None:
        a_round(entry, 1, **fields)
    response = client_of("otto", "operator", shop).post(f"/w/{shop.pk}/backlog/{entry.pk}/done/")
    assert (response.status_code, Entry.objects.get(pk=entry.pk).status) == ((409, "pending") if asks else (303, "done"))


@pytest.mark.parametrize(
    ("form", "sentence", "stored"),
    [
        ({}, "may run in parallel with others", (True, "")),
        ({"alone": "on"}, "runs alone in its workspace", (False, "")),
        ({"alone": "on", "parallel_group": " db "}, "runs alone among those of the group db", (False, "db")),
        ({"parallel_group": "db"}, "may run in parallel with others", (True, "db")),
    ],
)
def test_how_it_runs_is_set_as_the_form_has_it(
    shop: Workspace, form: dict[str, str], sentence: str, stored: tuple[bool, str]
) -> None:
    entry = an_entry(shop)
    response = client_of("otto", "operator", shop).post(f"/w/{shop.pk}/backlog/{entry.pk}/set/parallel/", form, headers=HTMX)
    row = Entry.objects.get(pk=entry.pk)
    assert f"#1 {sentence}" in response.content.decode() and (row.parallelizable, row.parallel_group) == stored


# Preflight


def test_the_preflight_counts_what_fails_and_leads_to_the_holder(shop: Workspace) -> None:
    holder, waiter, done = an_entry(shop, files=["a.py"]), an_entry(shop, files=["a.py"]), set_(an_entry(shop), **CLOSED)
    a_session(holder)
    seen = preflight.checks(page_request(shop), waiter)
    failing = [row for row in seen["preflight"] if not row.check.passed]
    assert [(row.name, row.fix) for row in failing] == [("File locks", ("See #1", f"/w/{shop.pk}/backlog/{holder.pk}/"))]
    assert (seen["failing"], seen["passes"]) == (1, False)
    control.pause(shop.pk, by=ANA)
    assert preflight.checks(page_request(shop), waiter)["failing"] == 2
    control.resume(shop.pk, by=ANA)
    free = preflight.checks(page_request(shop), an_entry(shop))
    assert (free["failing"], free["passes"], len(free["preflight"])) == (0, True, len(preflight.NAMES))
    nothing = preflight.checks(page_request(shop), done)
    assert (nothing["failing"], nothing["passes"], nothing["preflight"]) == (0, False, [])


def test_a_dispatch_names_its_session_its_round_and_how_many_others_began(shop: Workspace) -> None:
    a_worker()
    entry, _, _ = an_entry(shop), an_entry(shop), an_entry(shop)
    a_round(entry, 1)
    set_(entry, attempts=1)
    otto = client_of("otto", "operator", shop)
    seen = otto.post(f"/w/{shop.pk}/backlog/{entry.pk}/dispatch/", {"reason": "now"}, headers=HTMX).content.decode()
    session = Session.objects.get(entry=entry, status__in=Session.OPEN)
    assert f"/sessions/{session.pk}/" in seen and "as round 2." in seen and "The same cycle started 2 other entries." in seen
    event = Event.objects.get(verb="entry.dispatch")
    assert (event.object_id, event.reason, event.data["others"], event.data["session"]) == (entry.pk, "now", 2, session.pk)


def test_an_entry_that_others_overtook_is_answered_with_its_own_reason(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    a_worker()
    first, entry = an_entry(shop), an_entry(shop)
    otto = client_of("otto", "operator", shop)
    address = f"/w/{shop.pk}/backlog/{entry.pk}/dispatch/"
    waits = [
        SimpleNamespace(entry=SimpleNamespace(id=each.pk), why=SimpleNamespace(message=f"#{each.seq} waits.")) for each in (first, entry)
    ]  # fmt: skip
    started = [SimpleNamespace(entry=SimpleNamespace(id=first.pk))]
    for decisions, sentence in (
        (waits, "#2 was not started: #2 waits. The same"),
        (waits[:1], "#2 was not started: Other entries were ahead in line. The same"),
    ):
        cycle = SimpleNamespace(started=started, decisions=decisions)
        monkeypatch.setattr(preflight.dispatch, "cycle", lambda workspace_id, cycle=cycle: cycle)
        seen = otto.post(address, {"reason": "now"}, headers=HTMX).content.decode()
        assert f"{sentence} cycle started 1 other entry." in seen and "result warn" in seen
