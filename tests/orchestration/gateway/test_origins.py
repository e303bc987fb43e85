"""A session's token is for one host: the address that used it first. A permit's is for any."""

from typing import Any

import aiohttp
import pytest

from budget.ledger import requests
from budget.models import GatewayAccess
from orchestration.gateway.tokens import PROXIES, access_of, origin_of, token_of
from tests.orchestration.gateway.stage import ANSWER, MODEL, Stage, an_access, play, rows, token

pytestmark = pytest.mark.django_db(transaction=True)
HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"
ELSEWHERE_SENTENCE = b"This token is for another host: it is bound to the address that used it first"


async def ask_from(address: str, stage: Stage, access: GatewayAccess, **headers: str) -> tuple[int, bytes]:
    """A request from this address of the host."""
    body = {"model": MODEL, "max_tokens": 100, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    own = aiohttp.TCPConnector(local_addr=(address, 0))
    async with (
        aiohttp.ClientSession(connector=own) as client,
        client.post(f"{stage.url}/v1/messages", json=body, headers={"x-api-key": token(access), **headers}) as answer,
    ):
        return answer.status, await answer.read()


def test_a_sessions_token_is_refused_from_another_address_than_the_first() -> None:
    access = an_access()

    async def steps(stage: Stage) -> None:
        assert await ask_from(HERE, stage, access) == (200, ANSWER)
        status, body = await ask_from(ELSEWHERE, stage, access)
        assert status == 401 and ELSEWHERE_SENTENCE in body
        assert await ask_from(HERE, stage, access) == (200, ANSWER)

    play(steps)
    assert [state for state, _ in rows()] == ["settled", "settled"]
    assert GatewayAccess.objects.get().origin == HERE


def test_a_gateway_that_reads_it_later_knows_the_address_too() -> None:
    access = an_access()
    assert requests.bind_access(access.pk, HERE) == HERE

    async def steps(stage: Stage) -> None:
        assert (await ask_from(ELSEWHERE, stage, access))[0] == 401

    play(steps)
    assert rows() == []


def test_of_two_gateways_that_see_it_first_one_binds_it() -> None:
    access = an_access()
    assert [requests.bind_access(access.pk, origin) for origin in (ELSEWHERE, HERE)] == [ELSEWHERE, ELSEWHERE]


def test_a_permits_token_may_be_used_on_several_hosts() -> None:
    access = an_access(origin=GatewayAccess.ANYWHERE)

    async def steps(stage: Stage) -> None:
        for address in (HERE, ELSEWHERE):
            assert await ask_from(address, stage, access) == (200, ANSWER)

    play(steps)
    assert GatewayAccess.objects.get().origin == GatewayAccess.ANYWHERE


def test_behind_a_trusted_proxy_the_address_that_it_vouches_for_counts(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.0/8"]
    access = an_access()

    async def steps(stage: Stage) -> None:
        assert await ask_from(HERE, stage, access, **{"X-Forwarded-For": "10.0.0.1"}) == (200, ANSWER)
        assert await ask_from(ELSEWHERE, stage, access, **{"X-Forwarded-For": "10.0.0.1"}) == (200, ANSWER)
        assert (await ask_from(HERE, stage, access, **{"X-Forwarded-For": "10.0.0.2"}))[0] == 401

    play(steps)


def test_a_token_is_valid_while_the_key_that_signed_it_is_one_of_the_servers(settings: Any) -> None:
    old = token_of("access_" + "a" * 20)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, [settings.SECRET_KEY]
    assert access_of(old) == "access_" + "a" * 20 and token_of("access_" + "a" * 20) != old
    settings.SECRET_KEY_FALLBACKS = []
    assert access_of(old) is None


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "origin"),
    [
        ("", "10.0.0.1", "", "10.0.0.1"),
        ("", "10.0.0.1", "10.0.0.9", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.1", "1.1.1.1, 10.0.0.9", "10.0.0.9"),
        ("10.0.0.0/24 fd00::/8", "10.0.0.1", "1.1.1.1, 10.0.0.9", "1.1.1.1"),
        ("10.0.0.1", "10.0.0.1", "", PROXIES),
        ("10.0.0.1", "10.0.0.1", "1.1.1.1, nonsense", PROXIES),
        ("10.0.0.1", "10.0.0.1", "10.0.0.1", PROXIES),
        ("", "::1", "", "127.0.0.1"),
        ("", "::ffff:10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "::ffff:10.0.0.1", "10.0.0.9", "10.0.0.9"),
        ("", "2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("", "fe80::1%eth0", "", "fe80::/64"),
    ],
)
def test_the_origin_is_the_peer_or_what_trusted_proxies_vouch_for(
    proxies: str, peer: str, forwarded: str, origin: str, settings: Any
) -> None:
    settings.TRUSTED_PROXIES = proxies.split()
    assert origin_of(peer, forwarded) == origin
