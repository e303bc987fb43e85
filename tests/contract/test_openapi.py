"""The OpenAPI document: valid, complete, and shaped so that generated clients read well."""

import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from django.test import Client
from ninja import Schema
from openapi_spec_validator import validate

import budget.schemas
import budget.schemas.reviews
import orchestration.schemas
import workspaces.notices.schemas
import workspaces.schemas
from tests.cases import all_cases
from tests.contract.operations import DOCUMENT, OPERATIONS
from workspaces.machine import release

CONTRACT = [
    "executorStart",
    "executorPause",
    "executorResume",
    "executorStopAll",
    "executorStopWorker",
    "executorForceDispatch",
    "executorGetStatus",
    "executorGetWorkers",
    "executorGetLocks",
    "executorReverifyEntry",
    "budgetGetStatus",
    "budgetUpdateGlobal",
    "budgetEdit",
    "budgetLock",
]

REFERENCED = {"budgetUpdateGlobal": "Data", "budgetEdit": "data"}
"""The two bodies that generated clients take as `data`."""


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(part)


@pytest.mark.django_db
def test_it_is_served_and_valid() -> None:
    response = Client().get("/api/v1/openapi.json")
    assert response.status_code == 200 and response.headers["X-Request-Id"]
    validate(response.json())
    assert response.json()["openapi"].startswith("3.1")
    assert response.json()["paths"].keys() == DOCUMENT["paths"].keys()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/v1/workspaces", {}, 401),
        ("/api/v1/docs", {}, 200),
        ("/api/v2/nothing", {}, 404),
        ("/api/v1/workspaces", {"Host": "evil.example"}, 400),
        ("/api/v1/workspaces", {"X-Muster-Door": "1"}, 401),
    ],
)
def test_the_api_names_its_release_whoever_calls(path: str, headers: dict[str, str], status: int) -> None:
    response = Client().get(path, headers=headers)
    assert (response.status_code, response.headers["Muster-Version"]) == (status, release.NUMBER)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/livez", "/healthz", "/readyz", "/git/nothing"])
def test_what_is_no_api_names_no_release(path: str) -> None:
    assert "Muster-Version" not in Client().get(path).headers


def test_operation_ids_are_unique_and_dotted() -> None:
    ids = [operation.id for operation in OPERATIONS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"agent\.orchestration\.[a-z][A-Za-z]+", id_) for id_ in ids)
    assert {f"agent.orchestration.{name}" for name in CONTRACT} <= set(ids)


def test_an_operation_has_one_tag_a_summary_and_a_description() -> None:
    with all_cases() as case:
        for operation in OPERATIONS:
            with case(operation.name):
                assert len(operation.details["tags"]) == 1
                assert operation.details["summary"] and operation.details["description"].endswith(".")


def test_path_parameters_are_spelled_as_in_the_contract() -> None:
    with all_cases() as case:
        for operation in OPERATIONS:
            with case(operation.name):
                in_path = re.findall(r"{(\w+)}", operation.path)
                known = {
                    "workspaceID",
                    "entryID",
                    "sessionID",
                    "secretName",
                    "permitID",
                    "ledgerID",
                    "channelID",
                    "triggerID",
                    "deliveryID",
                    "reviewID",
                }
                known |= {"runID", "proposalID", "questionID", "credentialName"}
                assert set(in_path) <= known
                declared = [parameter for parameter in operation.details["parameters"] if parameter["in"] == "path"]
                assert sorted(parameter["name"] for parameter in declared) == sorted(in_path)
                assert all(parameter["required"] and parameter["schema"]["type"] == "string" for parameter in declared)


def test_a_request_body_is_an_inline_object_and_no_name_stands_twice() -> None:
    with all_cases() as case:
        for operation in OPERATIONS:
            if "requestBody" not in operation.details:
                continue
            with case(operation.name):
                body = operation.details["requestBody"]
                assert body["required"] is True and list(body["content"]) == ["application/json"]
                schema = body["content"]["application/json"]["schema"]
                if operation.name in REFERENCED:
                    assert schema == {"$ref": f"#/components/schemas/{REFERENCED[operation.name]}"}
                    schema = DOCUMENT["components"]["schemas"][REFERENCED[operation.name]]
                assert schema["type"] == "object"
                assert not any("$ref" in node for node in nodes(schema))
                elsewhere = {parameter["name"] for parameter in operation.details["parameters"]}
                assert elsewhere.isdisjoint(schema.get("properties", {}))
                assert operation.name.startswith("config") or schema["additionalProperties"] is False


def test_every_possible_status_is_documented_with_its_shape() -> None:
    """Real answers are compared with this at every call of the tests (api.py). 405 belongs to a path, not to an operation of it."""
    with all_cases() as case:
        for operation in OPERATIONS:
            with case(operation.name):
                responses = {str(status): response for status, response in operation.details["responses"].items()}
                good = "201" if operation.name.endswith(("Create", "EntrySplit")) else "200"
                if operation.name == "budgetGetStatus":
                    assert "content" not in responses.pop("304")  # nothing changed since the caller's ETag
                assert responses.keys() - {"409"} == {good, "400", "401", "403", "404", "503"}
                shapes = {
                    status: response["content"]["application/json"]["schema"]["$ref"]
                    for status, response in responses.items()
                    if status != good
                }
                assert shapes.pop("400").endswith("/BadInput")
                assert all(shape.endswith("/Named") for shape in shapes.values())


def test_every_list_that_can_grow_takes_limit_and_cursor() -> None:
    with all_cases() as case:
        for operation in OPERATIONS:
            if operation.method != "GET":
                continue
            with case(operation.name):
                schema = (
                    next(iter(operation.details["responses"].items()))[1]
                    .get("content", {})
                    .get("application/json", {})
                    .get("schema", {})
                )
                response = DOCUMENT["components"]["schemas"].get(schema.get("$ref", "").rsplit("/", 1)[-1], {})
                names = {parameter["name"] for parameter in operation.details["parameters"]}
                grows = any(part.get("type") == "array" for part in response.get("properties", {}).values())
                whole = (
                    "approvalsComments",
                    "approvalsGet",
                    "budgetGetStatus",
                    "executorGetWorkers",
                    "executorSummary",
                    "todoEntrySpecGet",
                    "todoEntryGet",
                    "agentGet",
                    "secretsList",
                    "credentialsList",
                    "limitsGet",
                    "landingGet",
                    "channelsList",
                    "reviewsGet",
                    "reviewsLines",
                    "runsGet",
                    "runsProposals",
                    "triggersGet",
                    "triggersList",
                )  # the contract's, an entry's own lists, and what is bounded: a run's proposals, hosts, the landing queue, what waits for approval, comments on work, a summary with totals, at most 100 secrets, 100 credentials, 50 channels and 50 triggers, limits, a review's lines
                assert ({"limit", "cursor"} <= names) == ("next_cursor" in response.get("properties", {}))
                assert "next_cursor" in response.get("properties", {}) or not grows or operation.name in whole
                for parameter in operation.details["parameters"]:
                    if parameter["name"] == "limit":
                        assert (parameter["schema"]["minimum"], parameter["schema"]["maximum"]) == (1, 500)


def test_amounts_are_numbers() -> None:
    amounts = [
        (name, schema)
        for node in nodes(DOCUMENT)
        for name, schema in node.get("properties", {}).items()
        if name.endswith("_usd") or (name == "cost" and "$ref" not in schema)
    ]
    assert len(amounts) > 20
    for name, schema in amounts:
        types = {schema.get("type")} | {option.get("type") for option in schema.get("anyOf", [])}
        assert types - {None, "null"} == {"number"}, name


def _modules_of(package: ModuleType) -> list[ModuleType]:
    return [import_module(f"{package.__name__}.{names.name}") for names in pkgutil.iter_modules(package.__path__)]


def test_no_two_schemas_share_a_name() -> None:
    """They would share one place in the document, and one of them would be described as the other."""
    names = [
        names.__name__
        for module in (
            workspaces.schemas,
            workspaces.notices.schemas,
            orchestration.schemas,
            budget.schemas,
            *_modules_of(budget.schemas),
        )
        for names in vars(module).values()
        if isinstance(names, type) and issubclass(names, Schema) and names.__module__ == module.__name__
    ]
    assert len(names) == len(set(names)) > 40


def test_no_two_schemas_have_the_same_name() -> None:
    """The document has one component for each name: the second of two would describe the first one's responses."""
    schemas = {
        schema for schema in _subclasses(Schema) if schema.__module__.split(".")[0] in ("budget", "orchestration", "workspaces")
    }
    names = Counter(schema.__name__ for schema in schemas if not schema.__name__.startswith("_"))
    assert [name for name, count in names.items() if count > 1] == []


def _subclasses(schema: type[Any]) -> Iterator[type[Any]]:
    for below in schema.__subclasses__():
        yield below
        yield from _subclasses(below)
