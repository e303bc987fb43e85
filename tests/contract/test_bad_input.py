"""Bad input answers 400 in the contract's shape and changes nothing: never a 422, never a 500."""

from typing import Any

import pytest

from budget.amounts import usd
from budget.models import Account, BudgetChange, LedgerEntry
from orchestration.models import Entry
from tests.cases import all_cases
from tests.contract.api import Api, invalid, names_of
from tests.factories import an_entry, project
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db

NOT_AMOUNTS = {
    "negative": "-1",
    "a little negative": "-0.000001",
    "string": '"5"',
    "empty string": '""',
    "bool": "true",
    "null": "null",
    "list": "[1]",
    "object": "{}",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "minus Infinity": "-Infinity",
    "1e400": "1e400",
    "seven decimals": "0.0000001",
    "digits that rounding would lose": "0.12345600000000000000000000000000000001",
    "a billion and a bit": "1000000000.00000000000000000000000001",
    "next to nothing": "1e-2000000",
    "over a billion": "1000000001",
    "2**63": "9223372036854775808",
    "400 digits": "9" * 400,
    "more than a decimal can hold": "1E999999999",
    "less than one can": "-1E999999999",
    "nearer to nothing": "1E-999999999",
}


@pytest.mark.parametrize("amount", NOT_AMOUNTS.values(), ids=NOT_AMOUNTS.keys())
def test_an_invalid_amount_is_refused_by_name_and_changes_nothing(workspace: Workspace, shop: Api, amount: str) -> None:
    entry = an_entry(workspace, budget="1")
    assert names_of(shop.patch("/budget", f'{{"max_project_spend_usd": {amount}}}')) == ["max_project_spend_usd"]
    assert names_of(shop.patch(f"/budget/entries/{entry.pk}", f'{{"budget_usd": {amount}}}')) == ["budget_usd"]
    body = f'{{"category": "orchestrator", "amount_usd": {amount}}}'
    assert names_of(shop.post("/budget/charges", body)) == ["amount_usd"]
    assert project(workspace).max_project_spend == usd(100)
    assert Account.objects.get(pk=entry.pk).budget == usd(1)
    assert not BudgetChange.objects.exists() and not LedgerEntry.objects.exists()


NOT_BODIES: dict[str, tuple[Any, list[str]]] = {
    "empty": ("", ["max_project_spend_usd"]),
    "blank": (" ", []),
    "null": ("null", ["max_project_spend_usd"]),
    "list": ("[]", ["max_project_spend_usd"]),
    "list of it": ('[{"max_project_spend_usd": 1}]', ["max_project_spend_usd"]),
    "text": ('"max_project_spend_usd"', ["max_project_spend_usd"]),
    "number": ("1", ["max_project_spend_usd"]),
    "cut off": ('{"max_project_spend_usd": 1', []),
    "two documents": ('{"max_project_spend_usd": 1} {}', []),
    "single quotes": ("{'max_project_spend_usd': 1}", []),
    "form": ("max_project_spend_usd=1", []),
    "invalid UTF-8": (b'{"max_project_spend_usd": 1, "\xff": 1}', []),
    "100 000 brackets": ("[" * 100_000, []),
    "5000 digits": ('{"max_project_spend_usd": ' + "9" * 5000 + "}", []),
    "more than a megabyte": ('{"max_project_spend_usd": 1' + " " * 1_100_000 + "}", []),
    "missing field": ("{}", ["max_project_spend_usd"]),
    "unknown field": ('{"max_project_spend_usd": 1, "total_budget_usd": 1}', ["total_budget_usd"]),
    "wrong case": ('{"Max_project_spend_usd": 1}', ["Max_project_spend_usd", "max_project_spend_usd"]),
    "a path parameter in the body": ('{"max_project_spend_usd": 1, "workspaceID": "x"}', ["workspaceID"]),
    "duplicate key": ('{"max_project_spend_usd": 1, "max_project_spend_usd": 2}', ["max_project_spend_usd"]),
    "NUL in a key": ('{"max_project_spend_usd": 1, "a\\u0000": 2}', ["a\x00"]),
    "lone surrogate in a key": ('{"max_project_spend_usd": 1, "\\ud800": 2}', []),
}


@pytest.mark.parametrize(("body", "names"), NOT_BODIES.values(), ids=NOT_BODIES.keys())
def test_an_invalid_body_is_refused(workspace: Workspace, shop: Api, body: Any, names: list[str]) -> None:
    assert sorted(names_of(shop.patch("/budget", body))) == sorted(names)
    assert project(workspace).max_project_spend == usd(100)


@pytest.mark.parametrize(
    "type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", ""]
)
def test_a_body_that_is_not_sent_as_json_is_refused(workspace: Workspace, shop: Api, type: str) -> None:
    response = shop.call("PATCH", "/budget", {"max_project_spend_usd": 1}, type=type)
    assert tuple(response) == invalid("The body must be sent as application/json")
    assert project(workspace).max_project_spend == usd(100)


def test_a_charset_after_the_type_is_fine(shop: Api) -> None:
    response = shop.call("PATCH", "/budget", {"max_project_spend_usd": 1}, type="application/json; charset=utf-8")
    assert response.status == 200


BAD_TEXT = {
    "NUL": "a\\u0000b",
    "lone surrogate": "\\ud800",
    "its other half": "\\udfff x",
    "surrogates reversed": "\\udc00\\ud800",
}
TEXT_FIELDS = {  # property named in the answer: body with %s where text goes
    "entries.0.content": ("POST", "/todo/entries", '{"entries": [{"content": "%s"}]}'),
    "entries.0.ref": ("POST", "/todo/entries", '{"entries": [{"content": "x", "ref": "%s"}]}'),
    "entries.0.depends_on.0": ("POST", "/todo/entries", '{"entries": [{"content": "x", "depends_on": ["%s"]}]}'),
    "entries.0.parallel_group": ("POST", "/todo/entries", '{"entries": [{"content": "x", "parallel_group": "%s"}]}'),
    "entries.0.spec.requirements": ("POST", "/todo/entries", '{"entries": [{"content": "x", "spec": {"requirements": "%s"}}]}'),
    "entries.0.spec.examples.a.0": (
        "POST",
        "/todo/entries",
        '{"entries": [{"content": "x", "spec": {"examples": {"a": ["%s"]}}}]}',
    ),
    "entries.0.spec.files_to_modify.0": (
        "POST",
        "/todo/entries",
        '{"entries": [{"content": "x", "spec": {"files_to_modify": ["%s"]}}]}',
    ),
    "reason": ("POST", "/budget/charges", '{"category": "orchestrator", "amount_usd": 1, "reason": "%s"}'),
    "model": ("POST", "/budget/charges", '{"category": "orchestrator", "amount_usd": 1, "model": "%s"}'),
    "agent.model": ("PATCH", "/config", '{"agent": {"model": "%s"}}'),
    "agent.command": ("PATCH", "/config", '{"agent": {"command": "%s"}}'),
    "agent.env.A": ("PATCH", "/config", '{"agent": {"env": {"A": "%s"}}}'),
    "verify.0.name": ("PATCH", "/config", '{"verify": [{"name": "%s", "run": "true"}]}'),
    "integration_branch": ("PATCH", "/config", '{"integration_branch": "%s"}'),
}


@pytest.mark.parametrize("text", BAD_TEXT.values(), ids=BAD_TEXT.keys())
def test_text_that_no_database_can_keep_is_refused_by_name(shop: Api, text: str) -> None:
    with all_cases(undo=True) as case:
        for field, (method, path, body) in TEXT_FIELDS.items():
            with case(field):
                named = names_of(shop.call(method, path, body % text))
                assert named and all(name == field or field.startswith(f"{name}.") or name.startswith(field) for name in named)
                assert not Entry.objects.exists() and not LedgerEntry.objects.exists()
                assert not Event.objects.filter(verb="workspace.configured")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", "9" * 400, "1.5", "true", '"1"', "-1", "9223372036854775808"])
def test_whole_numbers_are_whole_and_bounded(workspace: Workspace, shop: Api, number: str) -> None:
    entry = an_entry(workspace)
    assert names_of(shop.patch(f"/todo/entries/{entry.pk}/rounds", f'{{"budget_rounds": {number}}}')) == ["budget_rounds"]
    assert names_of(shop.patch("/config", f'{{"max_workers": {number}}}')) == ["max_workers"]
    body = f'{{"category": "orchestrator", "amount_usd": 1, "input_tokens": {number}}}'
    assert names_of(shop.post("/budget/charges", body)) == ["input_tokens"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 400, "true", '"0.1"', "2"])
def test_fractions_are_finite_and_bounded(shop: Api, number: str) -> None:
    assert names_of(shop.patch("/config", f'{{"plateau": {{"epsilon": {number}}}}}')) == ["plateau.epsilon"]


def test_free_json_keeps_its_numbers(workspace: Workspace, shop: Api) -> None:
    entry = an_entry(workspace)
    spec = {"examples": [1.25, {"a": [True, None, 10**30]}], "api_contract": {"get": {"limit": 0.5}}}
    assert shop.put(f"/todo/entries/{entry.pk}/spec", spec).json["spec"] == spec
    assert shop.get(f"/todo/entries/{entry.pk}/spec").json["spec"] == spec


@pytest.mark.parametrize("value", ["[" * 200 + "]" * 200, '{"a":' * 200 + "1" + "}" * 200, "[NaN]", "[1e400]", '{"a\\u0000": 1}'])
def test_free_json_that_cannot_be_kept_is_refused(workspace: Workspace, shop: Api, value: str) -> None:
    entry = an_entry(workspace)
    named = names_of(shop.put(f"/todo/entries/{entry.pk}/spec", f'{{"examples": {value}}}'))
    assert all(name.startswith("examples") for name in named)


QUERIES = {
    "/todo": [
        *("limit=0", "limit=-1", "limit=501", "limit=1e9", "limit=99999999999999999999", "limit=x", "limit=", "status=gone"),
        *(
            "sort=rank",
            "sort=--cost",
            "sort=cost,seq",
            "search=spent:>lots",
            "search=%00",
            "search=status:odd",
            "search=" + "x" * 401,
        ),
        *("reason=%00", "q=%00", "cursor=", "cursor=x", "cursor=-1", "cursor=1.5", "cursor=%D9%A5", "cursor=" + "9" * 40),
    ],
    "/executor/workers": ["sort=spent", "sort=cost,entry", "phase=lunch", "q=" + "x" * 201],
    "/budget/ledger": ["limit=0", "cursor=abc", "format=xml", "cursor=" + "9" * 19],
    "/budget/changes": ["limit=501", "cursor=%00"],
    "/budget/holds": ["limit=0", "cursor=-"],
    "/todo/events": ["after=-1", "after=x", "after=99999999999999999999", "limit=0", "cursor=x"],
    "/executor/explain": ["limit=0", "cursor=1", "cursor=0-1-x", "cursor=--", "cursor=0-1-2-3"],
}


@pytest.mark.parametrize("path", QUERIES)
def test_a_query_parameter_out_of_bounds_is_refused_by_name(shop: Api, path: str) -> None:
    with all_cases(undo=True) as case:
        for query in QUERIES[path]:
            with case(query):
                assert names_of(shop.get(f"{path}?{query}")) == [query.split("=")[0]]


@pytest.mark.parametrize("path", ["/todo?cursor=" + "9" * 18, "/executor/explain?cursor=1-99999999999-999999999999999999"])
def test_a_cursor_beyond_the_end_is_an_empty_page(workspace: Workspace, shop: Api, path: str) -> None:
    an_entry(workspace)
    assert shop.get(path).json["entries"] == []


@pytest.mark.parametrize("path", ["/budget", "/executor/status", "/executor/locks", "/todo", "/config", "/api/v1/workspaces"])
def test_an_unknown_query_parameter_is_refused_by_name(shop: Api, path: str) -> None:
    assert tuple(shop.get(f"{path}?limits=5&a=1")) == invalid("Unknown query parameter", "a", "limits")


def test_a_query_parameter_given_twice_is_refused(shop: Api) -> None:
    assert tuple(shop.get("/todo?limit=1&limit=2")) == invalid("May be given only once", "limit")


def test_all_faults_are_reported(shop: Api) -> None:
    body = {"entries": [{"content": "", "priority": "urgent", "budget_rounds": 0, "nonsense": 1}, {}]}
    assert sorted(names_of(shop.post("/todo/entries", body))) == [
        "entries.0.budget_rounds",
        "entries.0.content",
        "entries.0.nonsense",
        "entries.0.priority",
        "entries.1.content",
    ]


def test_fields_that_are_not_the_callers_to_set_are_refused(workspace: Workspace, shop: Api) -> None:
    for field in (
        "id",
        "seq",
        "status",
        "spent_usd",
        "rounds_completed",
        "workspace_id",
        "created_by",
        "score",
        "budget_human_locked",
    ):
        assert names_of(shop.post("/todo/entries", {"entries": [{"content": "x", field: 1}]})) == [f"entries.0.{field}"]
    for field in ("id", "state", "repo", "deleted_at", "held_usd"):
        assert names_of(shop.patch(f"/api/v1/workspaces/{workspace.pk}", {field: "x"})) == [field]


def test_agent_settings_take_any_json_that_can_be_stored(shop: Api) -> None:
    settings = {"temperature": 0.7, "deep": [{"limit_usd": 1.5}, True, None, 2]}
    assert shop.patch("/config", {"agent": {"settings": settings}}).json["agent"]["settings"] == settings
    assert shop.get("/config").json["agent"]["settings"] == settings


@pytest.mark.parametrize(
    "settings",
    [
        '{"a": NaN}',
        '{"a": 1e400}',
        r'{"a": "\u0000"}',
        r'{"a\ud800": 1}',
        "{" + '"a": {' * 40 + "}" * 41,
        '{"a": "%s"}' % ("x" * 200_000),
    ],
    ids=["NaN", "1e400", "NUL", "surrogate", "deep", "long"],
)
def test_other_agent_settings_are_refused_and_change_nothing(shop: Api, settings: str) -> None:
    assert shop.patch("/config", f'{{"agent": {{"settings": {settings}}}}}').status == 400
    assert shop.get("/config").json["agent"]["settings"] == {}


@pytest.mark.parametrize("path", [".", "./", ".git", ".git/x", "a/../b", "/a"])
def test_a_junit_file_is_inside_the_worktree(shop: Api, path: str) -> None:
    assert names_of(shop.patch("/config", {"verify": [{"name": "a", "run": "x", "junit": path}]})) == ["verify.0.junit"]


def test_a_prompt_template_contains_no_nul(shop: Api) -> None:
    assert names_of(shop.patch("/config", {"prompts": {"implement": "a\0b"}})) == ["prompts.implement"]


def test_a_verifying_agent_gets_some_money(shop: Api) -> None:
    assert names_of(shop.patch("/config", {"verifier": {"agent": {}, "round_usd": 0}})) == ["verifier.round_usd"]


def test_the_last_day_that_there_is_ends_a_period(shop: Api) -> None:
    assert shop.get("/budget/ledger?to=9999-12-31").status == 200
    body = {"title": "For ever", "period_from": "0001-01-01", "period_to": "9999-12-31"}
    assert shop.post("/budget/reviews", body).status == 201
