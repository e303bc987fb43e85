"""The recipe's agent works in a copy of the repository (test_adding_an_agent.py runs it there): not part of the suite."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from orchestration.configuration import workspace_setup
from orchestration.models import Executor
from orchestration.worker import agents
from orchestration.worker.agents.shared.events import Finished, Started, Usage
from orchestration.worker.agents.shared.interface import Thread
from tests.dashboard.seeds import entries as seed
from tests.factories import ANA, a_session, a_worker, a_workspace, an_entry
from tests.orchestration.worker.agents.recorded import a_task

CLI = """#!/bin/sh
echo '{"type": "started", "id": "t1", "model": "m"}'
echo '{"type": "request", "id": "r1", "model": "m", "cost": 0.25, "input": 10, "output": 2}'
echo '{"type": "finished", "answer": "done"}'
"""


def test_echo_coder_runs_and_resumes(tmp_path: Path) -> None:
    program = tmp_path / "echo-coder"
    program.write_text(CLI)
    program.chmod(0o755)
    module, task = agents.for_kind("echo_coder"), a_task(tmp_path, kind="echo_coder", model="m")
    printed = subprocess.run([program, *module.start(task).argv[1:]], capture_output=True, text=True, check=True).stdout
    reader = module.reader(task)
    events = [event for line in printed.splitlines() for event in reader.read(line)]
    assert events == [Started("t1", "m"), Usage("r1", 250_000, "m", 10, 2, of_thread=True), Finished(True, "done")]
    assert reader.thread == Thread("t1")
    again = module.resume(a_task(tmp_path, kind="echo_coder", thread=reader.thread))
    assert again.argv[:4] == ["echo-coder", "run", "--resume", "t1"]


@pytest.mark.django_db
def test_echo_coder_is_on_every_page_that_names_agents(client: Client) -> None:
    workspace = a_workspace()
    client.force_login(seed.user("ana"))
    workspace_setup.configure(workspace, {"agent": {"kind": "echo_coder"}}, by=ANA)
    assert Executor.objects.get(pk=workspace.pk).config["agent"]["kind"] == "echo_coder"
    session = a_session(an_entry(workspace))
    worker = a_worker()
    worker.agents = {"echo_coder": "1.0"}
    worker.save()
    at = [workspace.pk]
    named = [
        reverse("settings-config", args=at),
        reverse("agent", args=at),
        reverse("executor-page", args=at),
        reverse("workspace-new"),
    ]
    for url in named:
        page: Any = client.get(url)
        assert page.status_code == 200 and "Echo Coder" in page.content.decode(), url
    others = [reverse("workspace", args=at), reverse("workers", args=at), reverse("entry", args=[*at, session.entry_id])]
    for url in [*others, reverse("session", args=[*at, session.pk])]:
        assert client.get(url).status_code == 200, url
