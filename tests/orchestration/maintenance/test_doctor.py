"""What doctor says of the address at which agents reach the API, and of hosts."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import timezone

from orchestration.maintenance import doctor
from tests.factories import a_worker


@contextmanager
def answering(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "words"), [(200, "set MUSTER_AGENT_URL to the web server's second port"), (404, ""), (502, "It answers 502")]
)
def test_what_is_at_the_agents_address_is_named(settings: Any, status: int, words: str) -> None:
    with answering(status) as settings.AGENT_URL:
        problem = doctor._agents_address().problem
    assert words in problem if words else not problem


def test_it_names_an_agents_address_that_does_not_answer(settings: Any) -> None:
    with answering(200) as settings.AGENT_URL:
        pass
    assert "It does not answer there" in doctor._agents_address().problem


@pytest.mark.django_db
def test_a_host_that_went_away_is_named_until_it_is_forgotten() -> None:
    for host, hours in (("well", 0), ("lost", 2), ("forgotten", 30), ("again", 3), ("again", 0)):
        worker = a_worker(slots=2, host=host, version=doctor.release.NUMBER)
        worker.seen_at = timezone.now() - timedelta(hours=hours)
        worker.save()
    states = {finding.subject: (finding.is_, finding.problem[:15]) for finding in doctor._hosts()}
    at_work = f"{doctor.release.NUMBER}, 2 slots", ""
    assert states == {
        "session worker of again": at_work,
        "session worker of lost": ("away", "Not seen since "),
        "session worker of well": at_work,
    }
