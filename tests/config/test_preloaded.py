"""The first page waits for nothing that only the API or the workers need."""

import json
import subprocess
import sys
from typing import Any

import pytest
from django.urls import Resolver404, resolve, reverse

from config.system.worker_arguments import worker_args
from config.up import worker
from tests.faults.harness import ROOT

SCRIPT = """
import json, sys, threading
import config.preparation, config.preloaded
late = ["config.http.api", "celery.worker.consumer", "orchestration.edge.tasks"]
before = [name for name in late if name in sys.modules]
from django.urls import resolve, reverse
reverse("workspaces")
named = [name for name in late if name in sys.modules]
resolve("/api/v1/openapi.json")
print(json.dumps([before, named, "config.http.api" in sys.modules, "celery.bin.celery" in sys.modules, threading.active_count()]))
"""


def test_the_web_server_loads_neither_the_api_nor_a_worker_before_its_first_page() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    before, named, asked, has_command_line, threads = json.loads(done.stdout)
    assert (before, named) == ([], []), "an address that is made from a name loads all of them"
    assert asked
    assert (has_command_line, threads) == (False, 1)


def test_the_names_of_the_api_stay() -> None:
    assert reverse("api-1:openapi-json") == "/api/v1/openapi.json"
    assert resolve("/api/v1/openapi.json").namespace == "api-1"
    with pytest.raises(Resolver404):
        resolve("/api/v1/no-such-call")


def test_a_copied_worker_gets_the_arguments_of_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    class Recorded:
        exitcode = 3

        def __init__(self, **options: Any) -> None:
            given.update(options)

        def start(self) -> None:
            given["started"] = True

    monkeypatch.setattr(worker.app, "Worker", Recorded)
    assert worker.run(worker_args("control", 2)) == 3
    assert given.pop("hostname").startswith("control@") and "%" not in str(given)
    assert given.pop("loglevel") and given.pop("started")
    assert given == {
        "concurrency": 2,
        "queues": "control",
        "without_gossip": True,
        "without_mingle": True,
        "without_heartbeat": True,
    }
