"""Every answer allows the browser only what is the site's own."""

import pytest
from django.test import Client

from config.http import health
from tests.dashboard.seeds import addresses
from workspaces.models import Workspace

POLICY = {
    "default-src 'self'",
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
}
PROBES = ("livez", "healthz", "readyz")  # answered before any middleware of pages
STREAMS = ("stream", "api-stream")  # served by the async handler


def assert_strict(client: Client, path: str) -> None:
    headers = client.get(path).headers
    policy = {rule.strip() for rule in headers.get("Content-Security-Policy", "").split(";")}
    assert policy == POLICY, path
    assert headers["X-Frame-Options"] == "DENY", path
    assert headers["X-Content-Type-Options"] == "nosniff", path
    assert headers["Referrer-Policy"] == "same-origin", path


def test_every_page_allows_only_what_is_its_own(workspace: Workspace, ana: Client) -> None:
    for address in addresses.every():
        if address.name in PROBES:
            headers = ana.get(address.path({})).headers
            assert headers["Content-Type"] == "text/plain" and headers.items() >= health.HEADERS.items()
        elif address.name not in STREAMS:
            for verb in address.verbs or ("",):
                assert_strict(ana, address.path(addresses.values(workspace, verb)))


@pytest.mark.parametrize("path", ["/", "/nowhere/", "/api/v1/docs", "/api/v1/openapi.json", "/admin/login/"])
def test_so_do_errors_the_login_the_api_and_the_admin_site(db: None, path: str) -> None:
    assert_strict(Client(), path)
