"""The server's own proxy stands between the gateway and a provider; ~/.netrc never does."""

import asyncio
from pathlib import Path

import pytest

from budget.models import GatewayAccess
from orchestration.gateway import forwarding
from tests.orchestration.gateway.stage import KEY, Provider, Stage, an_access, lead_to, play, token

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_proxy_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    forwarding._proxy_of.cache_clear()


def test_a_password_in_netrc_never_goes_to_a_provider(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("default login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    access, provider = an_access(), Provider()

    async def steps(stage: Stage) -> None:
        assert (await stage.ask(token(access)))[0] == 200

    play(steps, provider)
    assert "Authorization" not in provider.seen[0].headers and provider.seen[0].headers["x-api-key"] == KEY


@pytest.mark.parametrize(("exceptions", "status"), [("", 200), ("provider.invalid", 502)])
def test_requests_pass_the_proxy_of_the_server_where_it_has_one(
    monkeypatch: pytest.MonkeyPatch, exceptions: str, status: int
) -> None:
    access, proxy = an_access(), Provider()

    async def steps(stage: Stage) -> None:
        address = await asyncio.to_thread(lambda: GatewayAccess.objects.get().upstreams["anthropic"]["base_url"])
        monkeypatch.setenv("http_proxy", address.replace("://", "://muster:password@"))
        monkeypatch.setenv("no_proxy", exceptions)
        await asyncio.to_thread(lead_to, "http://provider.invalid")
        assert (await stage.ask(token(access)))[0] == status

    play(steps, proxy)
    assert [request.headers["Host"] for request in proxy.seen] == ["provider.invalid"] * (status == 200)
