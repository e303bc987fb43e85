"""The document by which a program says what it is: read once in a while, from a public address, and only for a person who is logged in."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.workspaces.oauth.program import ID, document, request
from workspaces.errors import Invalid, TooMany
from workspaces.oauth import clients
from workspaces.outgoing import addresses, posting

pytestmark = pytest.mark.django_db
REAL = clients._fetched


@pytest.fixture
def pia(db: None) -> User:
    return User.objects.create_user("pia")


@pytest.mark.parametrize(
    "client_id",
    [
        "",
        "muster-cli",
        "http://client.example/app.json",
        "https://client.example",
        "https://client.example/",
        "https://client.example/a/../app.json",
        "https://client.example/%2e%2e/app.json",
        "https://client.example/app.json#x",
        "https://user@client.example/app.json",
        "https://client.example\\@evil.example/app.json",
        "https://client.example/" + "x" * 500,
        "https://clïent.example/app.json",
        "https:///app.json",
        "file:///etc/passwd",
        "mcp_unknown-unknown-unknown-1",
    ],
)
def test_an_id_that_is_no_address_of_a_document(pia: User, client_id: str) -> None:
    with pytest.raises(Invalid):
        clients.find(client_id, reader=pia)


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "https://client.example/other.json"},
        {"client_id": None},
        {"redirect_uris": None},
        {"redirect_uris": []},
        {"redirect_uris": "http://127.0.0.1/"},
        {"redirect_uris": ["http://client.example/"]},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": [7]},
        {"redirect_uris": ["https://client.example:99999/"]},
        {"redirect_uris": ["http://127.0.0.1:70000/"]},
        {"redirect_uris": ["https://client.example/"] * 21},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"client_secret": "x"},
    ],
    ids=str,
)
def test_a_document_that_does_not_count(pia: User, documents: dict[str, Any], change: dict[str, Any]) -> None:
    documents[ID] = document(**change)
    with pytest.raises(Invalid):
        clients.find(ID, reader=pia)


def test_a_server_that_reaches_no_public_address_reads_no_documents(pia: User, settings: Any) -> None:
    settings.MCP_CLIENTS = ["registration"]
    with pytest.raises(Invalid):
        clients.find(ID, reader=pia)
    assert not Client().get("/.well-known/oauth-authorization-server").json()["client_id_metadata_document_supported"]


def test_a_program_without_a_name_is_called_by_its_host(pia: User, documents: dict[str, Any]) -> None:
    documents[ID] = document(client_name=["x"])
    assert clients.find(ID, reader=pia).name == "client.example"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("https://127.0.0.1/app.json", "not public"),
        ("https://localhost/app.json", "not public"),
        ("https://169.254.169.254/latest", "not public"),
        ("https://10.0.0.1/app.json", "not public"),
        ("https://2130706433/app.json", "not public"),
    ],
)
def test_no_address_within_is_read(address: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "exchange", lambda *_, **__: pytest.fail("it was requested"))
    assert sentence in str(REAL(address))


@pytest.mark.parametrize(
    ("status", "content", "sentence"),
    [
        (200, b"{}", "{}"),
        (200, b"[]", "It is no object"),
        (200, b"{", "It is not JSON"),
        (200, b"[" * 15_000, "It is not JSON"),
        (200, b"x" * (clients.MAX_DOCUMENT + 1), "It has more than"),
        (302, b"", "Its server answered 302"),
        (404, b"secret", "Its server answered 404"),
    ],
)
def test_what_an_address_answers(status: int, content: bytes, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = addresses.Destination("192.0.2.1", 443, "client.example", "client.example", "/app.json", True)
    monkeypatch.setattr(addresses, "resolve", lambda url: place)
    monkeypatch.setattr(posting, "exchange", lambda *_, **__: posting.Answer(status, {}, content))
    assert str(REAL(ID)).startswith(sentence)


def test_a_document_is_kept_for_a_while(pia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(clients, "_fetched", lambda address: read.append(address) or document())
    for _ in range(3):
        clients.find(ID, reader=pia)
    assert read == [ID]


def test_a_person_has_only_so_many_documents_read(pia: User, bea: Client, documents: dict[str, Any]) -> None:
    for number in range(clients.MAX_READ):
        with pytest.raises(Invalid):
            clients.find(f"https://client.example/{number}", reader=pia)
    with pytest.raises(TooMany):
        clients.find("https://client.example/more", reader=pia)
    assert bea.get("/oauth/authorize", request()).status_code == 200
