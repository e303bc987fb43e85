"""The logs of a request have its own id and subjects, and nothing of the request before it."""

import structlog
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from config.http.middleware import request_context
from workspaces.values import ids


def test_a_request_begins_with_its_id_alone() -> None:
    seen = []

    def respond(request: HttpRequest) -> HttpResponse:
        seen.append(dict(structlog.contextvars.get_contextvars()))
        return HttpResponse()

    middleware = request_context(respond)
    workspace, entry = ids.workspace(), ids.entry()
    answers = []
    for _ in range(2):
        answers.append(middleware(RequestFactory().get("/"))["X-Request-Id"])
        middleware.process_view(None, None, (), {"workspace_id": workspace, "entryID": entry, "session_id": "no id"})  # type: ignore[attr-defined]
        bound = structlog.contextvars.get_contextvars()
        assert bound == {"request_id": answers[-1], "workspace": workspace, "entry": entry}
    assert seen == [{"request_id": answer} for answer in answers] and len(set(answers)) == 2
    structlog.contextvars.clear_contextvars()
