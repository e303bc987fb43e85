"""Logins of command lines: from a code to a token, and whoever guesses, repeats or borrows."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.timezone import now

from tests.contract.api import Api
from tests.factories import a_token
from workspaces.models import ApiToken, DeviceLogin, Event, FailedLogin, Membership, Role, Workspace
from workspaces.people import devices
from workspaces.people.device_endpoints import GRANT

pytestmark = pytest.mark.django_db
PAGE = "/account/device/"
FORM = "application/x-www-form-urlencoded"
AGENT = {"User-Agent": "muster-cli/9.9.9"}


def post(name: str, body: str, type: str = FORM, **more: Any) -> Any:
    client = more.pop("client", None) or Client(enforce_csrf_checks=True)
    return client.post(f"/login/device/{name}", body, content_type=type, headers=AGENT, **more)


def begin(**more: Any) -> dict[str, Any]:
    answer = post("code", "client_id=muster-cli", **more)
    assert answer.status_code == 200 and answer["Cache-Control"] == "no-store" and not answer.cookies
    return answer.json()


def poll(begun: dict[str, Any]) -> dict[str, Any]:
    """Ask for the token, as late as the program was told to."""
    DeviceLogin.objects.filter(polled_at__isnull=False).update(polled_at=now() - timedelta(minutes=2))
    return ask(begun)


def ask(begun: dict[str, Any]) -> dict[str, Any]:
    answer = post("token", f"grant_type={GRANT}&client_id=muster-cli&device_code={begun['device_code']}")
    assert answer.status_code == (200 if "access_token" in answer.json() else 400) and answer["Cache-Control"] == "no-store"
    return answer.json()


def person(name: str, workspace: Workspace) -> Client:
    user = User.objects.create_user(name)
    Membership.objects.create(user=user, workspace=workspace, role=Role.OPERATOR)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def bea(shop: Workspace) -> Client:
    return person("bea", shop)


def decide(client: Client, begun: dict[str, Any], decision: str = "confirm") -> int:
    return client.post(PAGE, {"code": begun["user_code"], "decision": decision}).status_code


def test_a_person_confirms_a_code_and_the_program_gets_their_token_once(shop: Workspace, bea: Client) -> None:
    begun = begin(REMOTE_ADDR="10.1.2.3")
    assert begun["verification_uri_complete"] == f"http://testserver{PAGE}?code={begun['user_code']}"
    assert (begun["expires_in"], begun["interval"]) == (600, 5)
    assert begun["device_code"] not in str(DeviceLogin.objects.values())
    assert poll(begun) == {"error": "authorization_pending"}
    assert f'value="{begun["user_code"]}"' in bea.get(PAGE, {"code": begun["user_code"]}).content.decode()
    shown = bea.post(PAGE, {"code": begun["user_code"].lower().replace("-", " ")}).content.decode()
    for text in ("muster-cli/9.9.9", "10.1.2.3", begun["user_code"], "acts as bea for 30 days"):
        assert text in shown
    assert poll(begun) == {"error": "authorization_pending"}
    assert decide(bea, begun) == 200
    answer = poll(begun)
    assert answer["token_type"] == "Bearer" and Api(shop, answer["access_token"]).get("/budget").status == 200
    token = ApiToken.objects.get()
    assert token.name == "bea, muster-cli/9.9.9 at 10.1.2.3" and token.owner and token.owner.username == "bea"
    assert token.expires_at and abs(token.expires_at - now() - timedelta(days=30)) < timedelta(minutes=1)
    assert poll(begun) == {"error": "invalid_grant"} and ApiToken.objects.count() == 1
    assert "yours in each" in bea.get("/account/tokens/").content.decode()
    assert Event.objects.get(verb="token.created").actor == "bea"


def test_a_link_looks_up_and_confirms_nothing(bea: Client) -> None:
    begun = begin()
    shown = bea.get(PAGE, {"code": begun["user_code"], "decision": "confirm"}).content.decode()
    assert "muster-cli/9.9.9" not in shown and poll(begun) == {"error": "authorization_pending"}
    assert Client().get(PAGE, {"code": begun["user_code"]})["Location"] == f"/login/?next={PAGE}%3Fcode%3D{begun['user_code']}"
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="bea"))
    assert decide(strict, begun) == 403 and decide(Client(), begun) == 302
    assert poll(begun) == {"error": "authorization_pending"}


def test_a_refused_login_is_over(bea: Client) -> None:
    begun = begin()
    assert decide(bea, begun, "refuse") == 200 and poll(begun) == {"error": "access_denied"}
    assert decide(bea, begun) == 400 and poll(begun) == {"error": "access_denied"} and not ApiToken.objects.exists()


def test_a_code_is_for_the_first_who_decides(shop: Workspace, bea: Client) -> None:
    begun, zoe = begin(), person("zoe", shop)
    assert (decide(bea, begun), decide(zoe, begun), decide(zoe, begun, "refuse")) == (200, 400, 400)
    assert "access_token" in poll(begun)
    token = ApiToken.objects.select_related("owner").get()
    assert token.owner and token.owner.username == "bea"


def test_an_expired_code_is_worth_nothing_confirmed_or_not(bea: Client) -> None:
    early, late = begin(), begin()
    assert decide(bea, early) == 200
    DeviceLogin.objects.update(expires_at=now() - timedelta(seconds=1))
    assert decide(bea, late) == 400
    assert poll(early) == poll(late) == {"error": "expired_token"} and not ApiToken.objects.exists()
    DeviceLogin.objects.update(expires_at=now() - devices.KEPT - timedelta(seconds=1))
    assert DeviceLogin.objects.count() == 2
    begin()
    assert DeviceLogin.objects.count() == 1 and poll(late) == {"error": "invalid_grant"}


def test_a_program_that_asks_too_often_is_slowed_more_each_time(bea: Client) -> None:
    begun = begin()
    assert [ask(begun)["error"] for _ in range(3)] == ["authorization_pending", "slow_down", "slow_down"]
    assert DeviceLogin.objects.get().interval_s == 15
    DeviceLogin.objects.update(polled_at=now() - timedelta(seconds=12))
    assert ask(begun) == {"error": "slow_down"}
    DeviceLogin.objects.update(interval_s=devices.MAX_INTERVAL_S, polled_at=now())
    ask(begun)
    assert DeviceLogin.objects.get().interval_s == devices.MAX_INTERVAL_S
    decide(bea, begun)
    assert "access_token" in ask(begun)


def test_whoever_guesses_codes_is_stopped_also_with_a_right_code_between(shop: Workspace, bea: Client) -> None:
    begun, own = begin(), begin()
    for _ in range(devices.MAX_TRIES):
        assert bea.post(PAGE, {"code": "BBBB-BBBB"}).status_code == 400
        assert FailedLogin.objects.exclude(tries=0).exists()
        if _ == 4:
            assert bea.post(PAGE, {"code": own["user_code"]}).status_code == 200
    stopped = bea.post(PAGE, {"code": begun["user_code"]})
    assert stopped.status_code == 429 and int(stopped["Retry-After"]) > 800 and "muster-cli/9.9.9" not in stopped.content.decode()
    assert decide(bea, begun) == 429 and poll(begun) == {"error": "authorization_pending"}
    assert decide(person("zoe", shop), begun) == 200


def test_an_address_gets_a_limited_number_of_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "MAX_CODES", 2)
    begin(), begin()
    refused = post("code", "client_id=muster-cli")
    assert refused.status_code == 429 and refused.json()["error"] == "slow_down" and int(refused["Retry-After"]) > 0
    begin(REMOTE_ADDR="10.0.0.9")
    monkeypatch.setattr(devices, "MAX_OPEN", 3)
    assert post("code", "client_id=muster-cli", REMOTE_ADDR="10.0.0.8").status_code == 429


@pytest.mark.parametrize("change", [{"is_active": False}, {"memberships": None}])
def test_a_person_who_lost_their_place_meanwhile_gets_no_token(change: dict[str, Any], bea: Client) -> None:
    begun = begin()
    decide(bea, begun)
    if "is_active" in change:
        User.objects.update(**change)
    else:
        Membership.objects.all().delete()
    assert poll(begun) == {"error": "access_denied"} and not ApiToken.objects.exists()


def test_a_person_without_a_workspace_gets_the_reason() -> None:
    begun, client = begin(), Client()
    client.force_login(User.objects.create_user("nils"))
    answer = client.post(PAGE, {"code": begun["user_code"], "decision": "confirm"})
    assert answer.status_code == 400 and "not a member of any workspace" in answer.content.decode()


def test_bad_forms_get_the_words_of_the_rfc(bea: Client) -> None:
    good = f"grant_type={GRANT}&client_id=muster-cli&device_code="
    for name, body, type, status, error in (
        ("code", "{}", "application/json", 400, "invalid_request"),
        ("code", "", FORM, 400, "invalid_request"),
        ("code", "client_id=muster-cli&client_id=muster-cli", FORM, 400, "invalid_request"),
        ("code", "client_id=other", FORM, 401, "invalid_client"),
        ("token", "client_id=muster-cli&device_code=x", FORM, 400, "invalid_request"),
        ("token", "grant_type=password&client_id=muster-cli&device_code=x", FORM, 400, "unsupported_grant_type"),
        ("token", good, FORM, 400, "invalid_request"),
        ("token", f"{good}x", FORM, 400, "invalid_grant"),
        ("token", f"{good}%00%ff%ed%a0%80", FORM, 400, "invalid_grant"),
        ("token", good.replace("muster-cli", "x") + "x", FORM, 401, "invalid_client"),
        ("revoke", "", FORM, 400, "invalid_request"),
    ):
        answer = post(name, body, type, client=bea)
        assert (answer.status_code, answer.json()["error"]) == (status, error), (name, body)
    for name in ("code", "token", "revoke"):
        assert bea.get(f"/login/device/{name}").status_code == 405


def test_what_a_program_calls_itself_is_shown_without_disguise(bea: Client) -> None:
    evil = "muster\u202ecli <b>at 127.0.0.1</b>" + "x" * 500
    Client().post("/login/device/code", "client_id=muster-cli", content_type=FORM, headers={"User-Agent": evil})
    stored = DeviceLogin.objects.get().client
    assert stored.startswith("mustercli bat 127.0.0.1/b") and len(stored) == 60


def test_a_logout_revokes_the_token_of_a_login_and_no_other(shop: Workspace, bea: Client) -> None:
    begun, by_hand = begin(), a_token(shop)
    decide(bea, begun)
    secret = poll(begun)["access_token"]
    answers = [post("revoke", f"token={token}") for token in (secret, secret, "unknown", by_hand)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 400]
    assert answers[-1].json()["error"] == "unsupported_token_type"
    assert Api(shop, secret).get("/budget").status == 401 and Api(shop, by_hand).get("/budget").status == 200
    assert Event.objects.get(verb="token.revoked").reason == "logged out"
