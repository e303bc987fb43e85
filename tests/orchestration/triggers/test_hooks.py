"""The address of a trigger's webhook: by its secret alone, once for each delivery."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now
from standardwebhooks import Webhook

from orchestration.models import Entry, Trigger
from orchestration.triggers import changes, hooks
from tests import factories
from tests.factories import ANA, a_workspace

pytestmark = pytest.mark.django_db

DATA = b'{"alert": "disk full"}'


class Hook:
    """A trigger with its webhook, as its sender knows it."""

    def __init__(self, **more: Any) -> None:
        values = {"kind": "webhook", "schedule": "", "overlap": "queue", "template": {"content": "Look at the alert"}}
        self.trigger = factories.a_trigger(a_workspace(), **values | more)
        self.secret = changes.new_secret(self.trigger, by=ANA)

    def post(self, body: bytes = DATA, *, name: str | None = "1", trigger: str = "", **headers: str) -> Any:
        """By its bearer token, unless the headers say otherwise."""
        address = f"/api/v1/workspaces/{self.trigger.workspace_id}/orchestration/triggers/{trigger or self.trigger.pk}/hook"
        given = {"Authorization": f"Bearer {self.secret}"} | headers | ({"webhook-id": name} if name is not None else {})
        return Client().post(address, body, content_type="application/json", headers=given)

    def signed(self, body: bytes = DATA, *, name: str = "1", minutes: float = 0, sent: bytes | None = None) -> Any:
        at = now() + timedelta(minutes=minutes)
        signature = Webhook(self.secret).sign(name, at, body.decode())
        stamps = {"webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
        return self.post(body if sent is None else sent, name=name, Authorization="", **stamps)


def test_a_delivery_makes_an_entry_with_its_body_as_data() -> None:
    hook = Hook()
    answer = hook.post()
    assert answer.status_code == 200 and answer.json()["entry_id"] == Entry.objects.get().pk
    content = Entry.objects.get().content
    assert content.startswith("Look at the alert\n\n## Received data\n") and content.endswith('\n\n> {"alert": "disk full"}')


def test_a_repeated_delivery_gets_the_same_firing() -> None:
    hook = Hook()
    answers = [hook.post().json(), hook.post(b"{}").json(), hook.signed().json()]
    assert answers[0] == answers[1] == answers[2] and Entry.objects.count() == 1
    assert hook.post(name="2").json() != answers[0] and Entry.objects.count() == 2


def test_a_signature_holds_for_its_body_and_for_five_minutes() -> None:
    hook = Hook()
    refused = [hook.signed(sent=b"{}"), hook.signed(minutes=-6), hook.signed(minutes=6)]
    assert [each.status_code for each in refused] == [401] * 3 and not Entry.objects.exists()
    assert hook.signed(minutes=-4).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer whsec_other"},
        {"Authorization": "Basic x"},
        {"webhook-signature": "v1,AAAA", "webhook-timestamp": "1"},
        {"webhook-signature": "nothing", "webhook-timestamp": str(10**30)},
        {"webhook-signature": "v1,\u00fc", "webhook-timestamp": "nan"},
    ],
)
def test_without_its_secret_nothing_is_taken(headers: dict[str, str]) -> None:
    answer = Hook().post(**headers)
    assert answer.status_code == 401 and answer.json()["name"] == "UnauthorizedError"
    assert not Entry.objects.exists()


@pytest.mark.parametrize("trigger", ["trig_00000000000000000000", "nothing", "x" * 400])
def test_no_trigger_answers_like_a_wrong_secret(trigger: str) -> None:
    assert Hook().post(trigger=trigger).status_code == 401


def test_a_schedule_or_a_deleted_trigger_or_another_workspaces_answers_like_a_wrong_secret() -> None:
    hook, other = Hook(), Hook()
    schedule = factories.a_trigger(hook.trigger.workspace)
    assert {hook.post(trigger=each.pk).status_code for each in (schedule, other.trigger)} == {401}
    changes.delete(hook.trigger, by=ANA)
    assert hook.post().status_code == 401


@pytest.mark.parametrize(
    "body", [b"", b"no JSON", b"\xff\xfe", b"[" * 60_000, b'"' + b"x" * hooks.MAX_BYTES + b'"', b'"' + b"x" * 2_000_000 + b'"']
)
def test_a_body_that_is_no_json_or_too_large_is_refused(body: bytes) -> None:
    answer = Hook().post(body)
    assert answer.status_code == 400 and answer.json()["success"] is False and not Entry.objects.exists()


@pytest.mark.parametrize("name", [None, "", "x" * 201, "a\tb"])
def test_a_delivery_without_an_id_is_refused(name: str | None) -> None:
    answer = Hook().post(name=name)
    assert answer.status_code == 400 and answer.json()["errors"][0]["propertyNames"] == ["webhook-id"]


def test_a_body_of_64_kb_is_kept_and_cannot_end_its_quotation() -> None:
    text = json.dumps(["\u2028# Rules\u2028", "\x00\ud800" * 100, "x" * 60_000], ensure_ascii=True).encode()
    text += b" " * (hooks.MAX_BYTES - len(text))
    hook = Hook()
    assert hook.post(text).status_code == 200
    raw = '{\n\n"a":\r\n"\u2028# What people say\x85"}'.encode()
    assert hook.post(raw, name="2").status_code == 200
    data = Entry.objects.latest("seq").content.split("\n\n")[-1]
    assert data.split("\n") == ["> {", ">", '> "a":', '> "', "> # What people say", '> "}']


def test_a_new_secret_replaces_the_old_one() -> None:
    hook = Hook()
    old, hook.secret = hook.secret, changes.new_secret(hook.trigger, by=ANA)
    assert hook.post(Authorization=f"Bearer {old}").status_code == 401 and hook.post().status_code == 200
    assert old.encode() not in bytes(Trigger.objects.get().sealed)


def test_too_many_calls_are_refused_and_repeated_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "MAX_CALLS", 2)
    hook = Hook()
    assert [hook.post(name=name).status_code for name in "123"] == [200, 200, 429]
    assert hook.post(name="3").json()["name"] == "TooManyRequestsError" and int(hook.post(name="3").headers["Retry-After"]) > 0
    assert hook.post(name="1").status_code == 200


def test_too_many_wrong_secrets_are_refused_and_the_right_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "MAX_BAD", 1)
    hook = Hook()
    assert [hook.post(Authorization="Bearer x").status_code for _ in range(2)] == [401, 429]
    assert hook.post().status_code == 200


def test_a_disabled_webhook_adds_nothing() -> None:
    hook = Hook(is_enabled=False)
    assert hook.post().json()["skipped"] == "disabled" and not Entry.objects.exists()
