"""Permits with a token for the gateway: with whose keys, on how much money, and until when."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import Q
from django.test import override_settings

from budget.amounts import usd
from budget.ledger import permits, requests
from budget.ledger.requests import Bounded, NotCovered
from budget.models import GatewayAccess, Hold
from orchestration import configuration
from orchestration.configuration import credentials, secrets
from orchestration.gateway import tokens
from orchestration.models import Executor
from tests.contract.api import Api, names_of
from tests.factories import ANA, project
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
URL = "http://gateway:8767"
PLAN = {"category": "orchestrator", "amount_usd": 1}
NOTHING = (None, None)


@pytest.fixture(autouse=True)
def gateway() -> Iterator[None]:
    with override_settings(GATEWAY_URL=URL):
        yield


def key(workspace: Workspace, name: str, **fields: Any) -> None:
    """A secret, or with fields a credential."""
    if fields:
        credentials.put(workspace.pk, name, {"key": "sk-1", **fields}, by=ANA)
    else:
        secrets.put(workspace.pk, name, "sk-1", by=ANA)


def granted(shop: Api, **more: Any) -> tuple[str | None, str | None]:
    permit = shop.post("/budget/permits", PLAN | more).json
    return permit["gateway_url"], permit["gateway_token"]


def access(token: str | None) -> GatewayAccess:
    return GatewayAccess.objects.get(pk=tokens.access_of(token or ""))


def send(opened: GatewayAccess, bound: str) -> int:
    return requests.send(opened, Bounded("anthropic", "m", usd(bound)), gateway="gate_1")


def test_there_is_no_token_without_a_gateway_or_without_a_key(workspace: Workspace, shop: Api) -> None:
    assert granted(shop) == NOTHING
    key(workspace, "UNRELATED")
    assert granted(shop) == NOTHING
    key(workspace, "ANTHROPIC_API_KEY")
    with override_settings(GATEWAY_URL=""):
        assert granted(shop) == NOTHING
    assert granted(shop)[0] == URL and GatewayAccess.objects.count() == 1
    Executor.objects.filter(pk=workspace.pk).update(config={"gateway": "off"})
    assert granted(shop) == NOTHING


def test_its_requests_get_the_keys_of_the_workspace(workspace: Workspace, shop: Api) -> None:
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "UNRELATED"):
        key(workspace, name)
    key(workspace, "router", variable="OPENAI_API_KEY", base_url="https://router.example/v1")
    upstreams = access(granted(shop)[1]).upstreams
    assert {api: (place["credential"], place["base_url"]) for api, place in upstreams.items()} == {
        "anthropic": ("ANTHROPIC_API_KEY", "https://api.anthropic.com"),
        "openai_responses": ("router", "https://router.example/v1"),
        "openai_chat": ("router", "https://router.example/v1"),
        "gemini": ("GEMINI_API_KEY", "https://generativelanguage.googleapis.com"),
    }
    assert upstreams["anthropic"]["key"] == {"variable": "ANTHROPIC_API_KEY", "secret": "ANTHROPIC_API_KEY"}
    assert upstreams["openai_chat"]["key"] == {"variable": "OPENAI_API_KEY", "credential": "router"}
    assert "sk-1" not in str(upstreams)


def test_a_key_goes_where_the_workspaces_agent_sends_it(workspace: Workspace, shop: Api) -> None:
    env = {"ANTHROPIC_BASE_URL": "https://proxy.example"}
    stored = configuration.stored(configuration.merged({}, {"agent": {"kind": "claude_code", "env": env}}))
    Executor.objects.filter(pk=workspace.pk).update(config=stored)
    key(workspace, "ANTHROPIC_API_KEY")
    assert access(granted(shop)[1]).upstreams["anthropic"]["base_url"] == "https://proxy.example"


def test_only_the_named_credentials_are_used_the_first_of_each_api(workspace: Workspace, shop: Api) -> None:
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        key(workspace, name)
    key(workspace, "team", variable="ANTHROPIC_API_KEY")
    upstreams = access(granted(shop, credentials=["ANTHROPIC_API_KEY", "team"])[1]).upstreams
    assert {api: place["credential"] for api, place in upstreams.items()} == {"anthropic": "ANTHROPIC_API_KEY"}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("gone", "There is no credential or secret gone"), ("plan", "plans may be used"), ("odd", "no variable whose API")],
)
def test_a_credential_that_cannot_be_used_is_refused_and_nothing_is_reserved(
    workspace: Workspace, shop: Api, name: str, sentence: str
) -> None:
    key(workspace, "plan", variable="ANTHROPIC_API_KEY", billing="plan")
    key(workspace, "odd", variable="MY_KEY")
    response = shop.post("/budget/permits", PLAN | {"credentials": [name]})
    assert (response.status, names_of(response)) == (400, ["credentials"]) and sentence in response.text
    assert granted(shop) == NOTHING
    assert project(workspace).held == usd(1) and Hold.objects.count() == 1
    with override_settings(GATEWAY_URL=""):
        assert names_of(shop.post("/budget/permits", PLAN | {"credentials": ["odd"]})) == ["credentials"]


def test_a_repeat_with_the_same_key_returns_the_same_token(workspace: Workspace, shop: Api) -> None:
    key(workspace, "ANTHROPIC_API_KEY")
    key(workspace, "team", variable="ANTHROPIC_API_KEY")
    named = PLAN | {"credentials": ["team"]}
    first, again, plain = (shop.post("/budget/permits", body, Idempotency_Key="k").json for body in (named, named, PLAN))
    assert first == again == plain and first["gateway_token"] and GatewayAccess.objects.count() == 1
    other = shop.post("/budget/permits", PLAN | {"credentials": ["ANTHROPIC_API_KEY"]}, Idempotency_Key="k")
    assert names_of(other) == ["credentials"]


def test_the_permits_amount_is_the_cap_and_does_not_grow(workspace: Workspace, shop: Api) -> None:
    key(workspace, "ANTHROPIC_API_KEY")
    opened = access(granted(shop)[1])
    send(opened, "0.6")
    with pytest.raises(NotCovered, match="reservation"):
        send(opened, "0.5")
    assert (opened.ceiling, opened.most, opened.category) == (0, None, "orchestrator")


def test_the_access_ends_with_its_permit_and_what_is_under_way_is_not_freed(workspace: Workspace, shop: Api) -> None:
    key(workspace, "ANTHROPIC_API_KEY")
    permit = shop.post("/budget/permits", PLAN).json
    opened = access(permit["gateway_token"])
    send(opened, "0.3")
    assert shop.delete(f"/budget/permits/{permit['permit_id']}").json["freed_usd"] == 0.7
    assert (project(workspace).held, project(workspace).total_spent) == (usd("0.3"), 0)
    opened.refresh_from_db()
    assert opened.ended_at is not None
    with pytest.raises(NotCovered, match="ended"):
        send(opened, "0.1")


def test_a_person_settles_what_is_not_known_of_a_closed_permit(workspace: Workspace, shop: Api) -> None:
    key(workspace, "ANTHROPIC_API_KEY")
    permit = shop.post("/budget/permits", PLAN).json
    requests.lose(Q(pk=send(access(permit["gateway_token"]), "0.3")))
    shop.delete(f"/budget/permits/{permit['permit_id']}")
    shown = shop.get("/budget/holds").json
    assert (shown["unknown_usd"], shown["held_usd"], shown["holds"][0]["state"]) == (0.3, 0.3, "awaiting")
    settled = [shop.post("/budget/unknown/settle", {"reason": "its console says 0"}).json for _ in range(2)]
    assert settled == [{"requests": n, "booked_usd": 0, "freed_usd": n * 0.3} for n in (1, 0)]
    assert shop.get("/budget/holds").json["holds"] == []


def test_an_access_ends_when_its_permit_expires(workspace: Workspace, shop: Api) -> None:
    key(workspace, "ANTHROPIC_API_KEY")
    opened = access(granted(shop)[1])
    Hold.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert permits.expire() == 1
    opened.refresh_from_db()
    assert opened.ended_at is not None


def test_without_a_token_its_answer_has_the_reason(workspace: Workspace, shop: Api) -> None:
    def note() -> str:
        return str(shop.post("/budget/permits", PLAN).json["gateway_note"])

    assert note().startswith("This workspace has no key for the gateway: a credential, or a secret named ANTHROPIC_API_KEY or")
    key(workspace, "team", variable=None)
    assert note().startswith("team is under no variable whose API the gateway knows: set it to ANTHROPIC_API_KEY,")
    with override_settings(GATEWAY_URL=""):
        assert note() == "There is no gateway for this workspace"
    key(workspace, "ANTHROPIC_API_KEY")
    assert note() == "None"
