"""The page of hosts: what each has, and who may take one out of service."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from orchestration.models import Session, Worker
from tests.dashboard.overview.test_page import in_line
from tests.dashboard.seeds import gateway
from tests.factories import an_entry
from tests.orchestration.worker.absent import a_lost_session
from workspaces.models import Workspace

A_HOST: dict[str, Any] = {
    "queue": "sessions",
    "host": "build-1",
    "host_id": "host_1",
    "boot_id": "b",
    "pid": 1,
    "started_ticks": 1,
    "slots": 4,
    "agents": {"codex": "0.9.1", "sandbox": "bubblewrap 0.12"},
    "labels": ["gpu"],
    "free_mb": 10 * 1024,
}


@pytest.fixture
def hosts(workspace: Workspace) -> list[Worker]:
    Worker.objects.all().delete()
    return [
        Worker.objects.create(id="w1", **A_HOST),
        Worker.objects.create(id="w2", **{**A_HOST, "host": "build-2", "host_id": "host_2", "agents": {}, "labels": []}),
    ]


def seen(client: Client, workspace: Workspace) -> str:
    return in_line(client.get(reverse("hosts", args=[workspace.pk])).content.decode())


def test_it_shows_what_each_host_has(vera: Client, workspace: Workspace, hosts: list[Worker]) -> None:
    text = seen(vera, workspace)
    for words in (
        "build-1",
        "build-2",
        "0 of 4 taken",
        "Codex",
        "0.9.1",
        "bubblewrap 0.12",
        "gpu",
        "10.0 GiB free",
        "Commands only",
    ):
        assert words in text, words
    assert "Drain" not in text


def test_a_host_that_was_not_seen_is_gone_and_one_that_cannot_reach_the_repository_shows_the_reason(
    vera: Client, workspace: Workspace, hosts: list[Worker]
) -> None:
    Worker.objects.filter(pk="w1").update(seen_at=now() - timedelta(hours=1))
    Worker.objects.filter(pk="w2").update(unreachable={workspace.pk: "https://x could not be used: no route"})
    text = seen(vera, workspace)
    assert "Gone" in text and "https://x could not be used: no route" in text


def test_only_who_administers_the_server_drains_a_host(
    ana: Client, otto: Client, workspace: Workspace, hosts: list[Worker]
) -> None:
    address = reverse("host-change", args=[workspace.pk, "host_1", "drain"])
    assert otto.post(address).status_code == 403
    ana.post(address)
    assert list(Worker.objects.order_by("pk").values_list("drain_by", flat=True)) == ["ana", ""]
    assert "Drained by ana" in seen(ana, workspace)
    ana.post(reverse("host-change", args=[workspace.pk, "host_1", "resume"]))
    assert not Worker.objects.exclude(drain_by="").exists()


def test_a_host_that_does_not_come_back_is_forgotten_once_that_is_confirmed(
    ana: Client, otto: Client, workspace: Workspace, hosts: list[Worker]
) -> None:
    Worker.objects.filter(pk="w1").update(seen_at=now() - timedelta(hours=1))
    address = reverse("host-change", args=[workspace.pk, "host_1", "forget"])
    assert otto.post(address).status_code == 403
    question = ana.post(address)
    assert question.status_code == 409
    token = question.context["confirmation"]["fields"]["confirm"]
    other = reverse("host-change", args=[workspace.pk, "host_2", "forget"])
    assert ana.post(other, {"confirm": token}).status_code == 409 and Worker.objects.count() == 2
    ana.post(address, {"confirm": token})
    assert list(Worker.objects.values_list("host", flat=True)) == ["build-2"]
    assert ana.post(address).status_code == 404
    Worker.objects.filter(pk="w2").update(queue="control")
    assert ana.post(other).status_code == 404


def test_without_a_host_the_page_names_the_command_that_starts_one(vera: Client, workspace: Workspace) -> None:
    Worker.objects.all().delete()
    assert "./muster worker" in seen(vera, workspace)


def test_it_shows_what_is_reserved_until_a_host_that_is_away_is_back(
    vera: Client, workspace: Workspace, hosts: list[Worker], settings: Any, tmp_path: Any
) -> None:
    settings.DATA_DIR = tmp_path
    Session.objects.update(
        status="ended", ended_by_version="0.2.0", outcome="stopped"
    )  # the other sessions of the shop take no slot
    session = a_lost_session(entry=an_entry(workspace, budget="2"))
    for url in (reverse("hosts", args=[workspace.pk]), reverse("session", args=[workspace.pk, session.pk])):
        text = in_line(vera.get(url).content.decode())
        assert "$1.95" in text and "until" in text, url
    text = in_line(vera.get(reverse("budget", args=[workspace.pk])).content.decode())
    assert "$1.95 of it for sessions on hosts that are away" in text


def test_it_shows_each_gateway_with_its_requests_at_work(
    vera: Client, workspace: Workspace, hosts: list[Worker], settings: Any
) -> None:
    assert "Gateway" not in seen(vera, workspace)
    settings.GATEWAY_URL = "http://gateway"
    assert "No gateway process runs." in seen(vera, workspace)
    for name, age in (("gate_1", 0), ("gate_2", 3600)):
        worker = Worker.objects.create(id=name, **{**A_HOST, "queue": "gateway", "host": f"host-of-{name}", "slots": 0})
        Worker.objects.filter(pk=worker.pk).update(seen_at=now() - timedelta(seconds=age))
    running = Session.objects.filter(workspace=workspace, status="running")
    gateway.paced(gateway.one_of_each(max(running, key=lambda row: row.hold.free if row.hold else 0)))
    text = seen(vera, workspace)
    rows = [re.sub("<[^>]*>|[|]", " ", row).split() for row in re.findall(r'<tr id="gateway-.*?</tr>', text)]
    assert [rows[0][n] for n in (0, 2, 5, 6, 7)] == ["host-of-gate_1", "Online", "1", "2", "1"]
    assert [rows[1][n] for n in (0, 2, 5, 6, 7)] == ["host-of-gate_2", "Gone", "0", "0", "0"]
    assert "2 of 4" not in text and "host-of-gate_1</h2>" not in text
