"""Pages go out compressed; the API is left alone."""

import gzip

from django.test import Client

from workspaces.models import Workspace

GZIP = {"Accept-Encoding": "gzip"}


def test_a_page_is_compressed_for_who_takes_it(ana: Client, workspace: Workspace) -> None:
    plain, small = ana.get(f"/w/{workspace.pk}/"), ana.get(f"/w/{workspace.pk}/", headers=GZIP)
    assert "Content-Encoding" not in plain.headers and small.headers["Content-Encoding"] == "gzip"
    assert b"</html>" in gzip.decompress(small.content) and len(small.content) < len(plain.content) / 3


def test_the_api_is_left_alone(client: Client) -> None:
    assert "Content-Encoding" not in client.get("/api/v1/openapi.json", headers=GZIP).headers
