"""The address that a person gives to `muster login`, often copied from a browser."""

from collections.abc import Callable

import httpx2
import pytest

from tests.cli.terminal import URL, InProcess, Terminal
from tests.factories import a_token
from workspaces.models import Workspace


class Behind(InProcess):
    """A Muster under a prefix. All else of the host is another program."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if not request.url.path.startswith("/muster/"):
            return httpx2.Response(404, content=b"<html>", request=request)
        shorter = httpx2.Request(
            request.method, str(request.url).replace("/muster/", "/", 1), headers=request.headers, content=request.read()
        )
        return super().handle_request(shorter)


def test_the_address_of_a_page_leads_to_its_server(stranger: Terminal, workspace: Workspace) -> None:
    outcome = stranger("login", f"{URL}/w/{workspace.pk}/", "--with-token", stdin=a_token())
    assert outcome.code == 0 and f'url = "{URL}"' in stranger.config.read_text()


def test_a_server_under_a_prefix_is_reached_from_its_pages(stranger: Terminal, workspace: Workspace) -> None:
    stranger.transport = Behind()
    outcome = stranger("login", f"{URL}/muster/w/{workspace.pk}/", "--with-token", stdin=a_token())
    assert outcome.code == 0 and f'url = "{URL}/muster"' in stranger.config.read_text()


def python_s_own(request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(501 if request.method == "POST" else 404, text="<html>", request=request)


def a_page_for_everything(request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, text="<html>", request=request)


@pytest.mark.parametrize("other", [python_s_own, a_page_for_everything])
def test_no_token_is_asked_for_where_no_muster_answers(
    stranger: Terminal, other: Callable[[httpx2.Request], httpx2.Response]
) -> None:
    stranger.transport = httpx2.MockTransport(other)
    outcome = stranger("login", URL)
    assert outcome.code == 1 and outcome.err.endswith(f"muster: There is no Muster at {URL}, but another program.\n")


def test_a_page_of_no_muster_is_refused_before_a_token_is_sent(stranger: Terminal) -> None:
    sent: list[str] = []

    def other(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.headers.get("Authorization", ""))
        return python_s_own(request)

    stranger.transport = httpx2.MockTransport(other)
    outcome = stranger("login", f"{URL}/a/b", "--with-token", stdin="secret")
    assert outcome.code == 1 and f"give its address alone, such as {URL}\n" in outcome.err and not any(sent)
