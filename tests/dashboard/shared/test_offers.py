"""A page offers its reader no form that the server refuses them: each form of each page, sent back as it came, by each role."""

from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from django.db import transaction
from django.test import Client

from tests.dashboard.conftest import client_of
from tests.dashboard.seeds import addresses
from workspaces.models import Workspace


class Forms(HTMLParser):
    """The forms of a page that post: address and what is filled in."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str]]] = []
        self._open = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._open = given.get("method") == "post"
            if self._open:
                self.all.append((given.get("action") or "", {}))
        elif self._open and tag in ("input", "button") and given.get("name"):
            self.all[-1][1].setdefault(str(given["name"]), given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag != "form"


def pages(client: Client, workspace: Workspace) -> Iterator[tuple[str, str]]:
    values = addresses.values(workspace)
    for path in dict.fromkeys(address.path(values) for address in addresses.every()):
        response = client.get(path)
        if response.status_code == 200 and response.headers["Content-Type"].startswith("text/html") and not response.streaming:
            yield path, response.content.decode()


@pytest.mark.parametrize("role", ["viewer", "operator", "budget", "admin"])
def test_no_page_offers_a_form_that_its_reader_may_not_send(workspace: Workspace, role: str) -> None:
    client, sent, refused = client_of("rita", role, workspace), set[str](), []
    for path, page in list(pages(client, workspace)):
        for action, fields in Forms(page).all:
            address = action.partition("?")[0] or path
            if address in sent or address == "/logout/":
                continue
            sent.add(address)
            with transaction.atomic():
                if client.post(address, fields).status_code == 403:
                    refused.append(f"{path} offers {address}")
                transaction.set_rollback(True)
    assert refused == []
    assert len(sent) > 3, sent
