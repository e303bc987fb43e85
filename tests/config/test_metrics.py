"""`/metrics` for Prometheus, and `/readyz` for load balancers."""

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from orchestration.models import Entry, Worker
from tests.factories import a_token, a_worker, a_workspace, some_entries
from workspaces.models import Role


def samples(client: Client, secret: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    response = client.get("/metrics", headers={"Authorization": f"Bearer {secret}"})
    assert response.status_code == 200
    families = text_string_to_metric_families(response.content.decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_it_shows_money_entries_and_hosts(db: None, client: Client) -> None:
    workspace = a_workspace(cap="100")
    entries = some_entries(workspace, "One", "Two", "Three")
    Entry.objects.filter(pk=entries[0].pk).update(status="blocked", reason_code="human_hold")
    a_worker(slots=7)
    read = samples(client, a_token(None, Role.VIEWER))
    mine = ("workspace", workspace.pk)
    assert read["muster_cap_usd", (mine,)] == 100
    assert read["muster_spend_usd_total", (("category", "expansion"), mine)] == 0
    assert read["muster_entries", (("reason", "human_hold"), ("status", "blocked"), mine)] == 1
    assert read["muster_entries", (("reason", "none"), ("status", "pending"), mine)] == 2
    assert read["muster_worker_slots", (("host", "here"), ("host_id", ""))] == 7


def test_a_token_of_one_workspace_shows_that_one(db: None, client: Client) -> None:
    mine, other = a_workspace(name="Mine"), a_workspace(name="Other")
    read = samples(client, a_token(mine, Role.VIEWER))
    shown = {dict(labels).get("workspace") for _, labels in read}
    assert mine.pk in shown and other.pk not in shown


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic abc"])
def test_without_a_token_the_answer_names_the_command_that_creates_one(db: None, client: Client, header: str) -> None:
    response = client.get("/metrics", headers={"Authorization": header} if header else {})
    assert response.status_code == 401 and "./muster token create" in response.content.decode()


def test_the_number_of_statements_does_not_grow_with_workspaces(db: None, client: Client, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    secret = a_token(None, Role.VIEWER)
    a_workspace()
    samples(client, secret)
    with django_assert_num_queries(10):
        samples(client, secret)
    for _ in range(3):
        some_entries(a_workspace(), "One")
    with django_assert_num_queries(10):
        samples(client, secret)


def test_readiness_names_what_delays_work_and_still_answers_200(db: None, client: Client) -> None:
    Worker.objects.all().delete()
    response = client.get("/readyz")
    assert response.status_code == 200 and "no control worker has ticked" in response.content.decode()
