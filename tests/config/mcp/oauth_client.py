"""The SDK's own client, which knows the address of /mcp alone, with a person whose browser follows it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from asgiref.sync import sync_to_async
from django.test import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.client import Client as Connection
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from config import asgi
from tests.config.mcp.clients import URL, run
from tests.workspaces.oauth import program


class Store:
    """The client's memory of what it got."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Person:
    """A browser that follows the client's address, logs in where it must, and approves."""

    def __init__(self, browser: Client, log_in: Callable[[str], Any] | None = None) -> None:
        self.browser, self.log_in, self.answer = browser, log_in, AuthorizationCodeResult(code="")

    async def follow(self, address: str) -> None:
        await sync_to_async(self._approve, thread_sensitive=False)(address)

    async def answered(self) -> AuthorizationCodeResult:
        return self.answer

    def _approve(self, address: str) -> None:
        page = self.browser.get(address.removeprefix("http://localhost"), headers={"host": "localhost"})
        if self.log_in and page.status_code == 302:
            back = self.log_in(parse_qs(urlsplit(page["Location"]).query)["next"][0])
            page = self.browser.get(back["Location"], headers={"host": "localhost"})
        assert page.status_code == 200, page.content
        form = {**dict(page.context["fields"]), "decision": "approve"}
        response = self.browser.post("/oauth/authorize", form, headers={"host": "localhost"})
        query = {name: values[0] for name, values in parse_qs(urlsplit(response.context["address"]).query).items()}
        self.answer = AuthorizationCodeResult(**query)


def client(person: Person, store: Store) -> httpx2.AsyncClient:
    metadata = OAuthClientMetadata(client_name="Any Editor", redirect_uris=[AnyUrl(program.BACK)])
    auth = OAuthClientProvider(URL, metadata, store, person.follow, person.answered, client_metadata_url=program.ID)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=asgi.application), auth=auth)


def tools(person: Person, store: Store) -> list[str]:
    async def ask() -> list[str]:
        http = client(person, store)
        async with http, Connection(streamable_http_client(URL, http_client=http), mode="auto") as connection:
            await connection.call_tool("list_workspaces", {})
            return [tool.name for tool in (await connection.list_tools()).tools]

    return list(run(ask))
