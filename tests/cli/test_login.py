"""Login by a code, which a person confirms on a page while the command waits, and logout."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.cli.terminal import URL, InProcess, Terminal
from tests.factories import a_token
from workspaces.models import ApiToken, DeviceLogin, Membership, Role, Workspace

PAGE = "/account/device/"


@pytest.fixture
def bea(workspace: Workspace) -> Client:
    user = User.objects.create_user("bea")
    Membership.objects.create(user=user, workspace=workspace, role=Role.OPERATOR)
    client = Client()
    client.force_login(user)
    return client


class Waiting:
    """The next step each time that the command waits. Every wait takes as long as it should, in no time."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.then: list[Callable[[], object]] = []

    def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)
        for row in DeviceLogin.objects.filter(polled_at__isnull=False):
            DeviceLogin.objects.filter(pk=row.pk).update(polled_at=row.polled_at - timedelta(seconds=seconds))  # type: ignore[operator]
        if self.then:
            self.then.pop(0)()


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch, bea: Client) -> Waiting:
    from muster_cli.commands import login

    waiting = Waiting()
    monkeypatch.setattr(login.time, "sleep", waiting)
    return waiting


def nothing() -> None:
    pass


def decides(client: Client, decision: str = "confirm") -> Callable[[], object]:
    return lambda: client.post(PAGE, {"code": DeviceLogin.objects.latest("id").user_code, "decision": decision})


def test_a_login_by_a_code_is_kept_with_its_end(stranger: Terminal, waiting: Waiting, bea: Client, workspace: Workspace) -> None:
    waiting.then = [nothing, nothing, decides(bea)]
    outcome = stranger("login", URL)
    code = DeviceLogin.objects.get().user_code
    assert outcome.code == 0 and "Shop" in outcome.out and waiting.waits == [5, 5, 5]
    assert f"{URL}{PAGE} and type the code {code[:4]}-{code[4:]}" in outcome.err
    text = stranger.config.read_text()
    assert f'expires = "{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}' in text
    assert f"The token ends on {datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}. Next: muster status\n" in outcome.out
    assert stranger("status").code == 0
    assert stranger("budget", "--cap", "40").code == 1  # an operator


def test_a_refused_or_expired_code_keeps_nothing(stranger: Terminal, waiting: Waiting, bea: Client) -> None:
    waiting.then = [decides(bea, "refuse")]
    refused = stranger("login", URL)
    assert (refused.code, refused.out) == (4, "") and "refused" in refused.err
    waiting.then = [lambda: DeviceLogin.objects.update(expires_at=datetime.now(UTC))]
    expired = stranger("login", URL)
    assert expired.code == 4 and f"muster login {URL}" in expired.err and not stranger.config.exists()


def test_a_server_that_answers_slow_down_is_asked_less_often(stranger: Terminal, waiting: Waiting, bea: Client) -> None:
    def too_early() -> None:
        DeviceLogin.objects.update(polled_at=datetime.now(UTC))

    waiting.then = [nothing, too_early, nothing, decides(bea)]
    assert stranger("login", URL).code == 0 and waiting.waits == [5, 5, 10, 10]


def test_ctrl_c_ends_the_wait(stranger: Terminal, waiting: Waiting) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    waiting.then = [nothing, interrupt]
    assert stranger("login", URL).code == 130 and not stranger.config.exists()


class Unsteady(InProcess):
    """A server that is away at its second and third request."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if len(self.requests) == 1:
            self.requests.append("away")
            raise httpx2.ConnectError("away", request=request)
        if len(self.requests) == 2:
            self.requests.append("starting")
            return httpx2.Response(502, content=b"<html>", request=request)
        return super().handle_request(request)


def test_a_server_that_starts_again_is_waited_for(stranger: Terminal, waiting: Waiting, bea: Client) -> None:
    stranger.transport = Unsteady()
    waiting.then = [nothing, nothing, decides(bea)]
    assert stranger("login", URL).code == 0 and waiting.waits == [5, 10, 10]


class Older(InProcess):
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.startswith("/login/device/"):
            return httpx2.Response(404, content=b"<html>", request=request)
        return super().handle_request(request)


def test_on_an_older_server_a_token_is_pasted(stranger: Terminal, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from muster_cli.commands import login

    stranger.transport, secret = Older(), a_token()
    monkeypatch.setattr(login, "_ask", lambda question, hidden=False: secret)
    outcome = stranger("login", URL)
    assert outcome.code == 0 and "older than logins by code" in outcome.err and "expires" not in stranger.config.read_text()
    assert stranger("logout").code == 1 and ApiToken.objects.get().revoked_at is None


def test_an_expired_login_names_the_command_that_renews_it(stranger: Terminal, waiting: Waiting, bea: Client) -> None:
    waiting.then = [decides(bea)]
    stranger("login", URL)
    past = datetime.now(UTC) - timedelta(seconds=1)
    ApiToken.objects.update(expires_at=past)
    from muster_cli import profiles

    saved = profiles.saved()
    profiles.save(profiles.Profile(saved.name, saved.url, saved.token, "", past.isoformat()))
    for command in (("status",), ("api", "todo", "-w", "ws_x")):
        outcome = stranger(*command)
        assert outcome.code == 4 and f"muster login {URL}" in outcome.err
    assert "has expired" in stranger("status").err
    stranger.set("MUSTER_TOKEN", "another")
    assert "has expired" not in stranger("status").err


def test_a_logout_ends_the_token_and_forgets_the_profile(stranger: Terminal, waiting: Waiting, bea: Client) -> None:
    waiting.then = [decides(bea)]
    stranger("login", URL)
    stranger("login", URL, "--with-token", "--profile", "ci", stdin=a_token())
    assert stranger.json("logout") == {"profile": "default", "url": URL, "revoked": True}
    assert ApiToken.objects.get(owner__username="bea").revoked_at is not None
    assert stranger("status").code == 4 and stranger("logout").code == 2
    kept = stranger("logout", "--profile", "ci")
    assert kept.code == 1 and "not from a login" in kept.err and "[profiles" not in stranger.config.read_text()


def test_the_login_before_is_over_after_the_next(stranger: Terminal, waiting: Waiting, bea: Client) -> None:
    for _ in range(2):
        waiting.then = [decides(bea)]
        assert stranger("login", URL).code == 0
    assert [token.revoked_at is None for token in ApiToken.objects.order_by("id")] == [False, True]
    assert stranger("status").code == 0


def test_the_page_opens_only_when_it_is_asked_for(
    stranger: Terminal, waiting: Waiting, bea: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    import webbrowser

    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    for options, count in (((), 0), (("--web",), 1)):
        waiting.then = [decides(bea)]
        assert stranger("login", URL, *options).code == 0 and len(opened) == count
    code = DeviceLogin.objects.latest("id").user_code
    assert opened == [f"{URL}{PAGE}?code={code[:4]}-{code[4:]}"]
