"""Standing queries: their SQL is built once, their answer is the database's of now."""

from datetime import timedelta

import pytest
from django.db.models import QuerySet
from django.db.models.functions import Now

from orchestration.models import Worker
from tests.factories import a_worker
from workspaces.values.standing_query import StandingQuery

pytestmark = pytest.mark.django_db


def test_the_query_is_built_once_for_each_value_and_asked_each_time() -> None:
    built: list[str] = []

    def of_queue(queue: str) -> QuerySet[Worker]:
        built.append(queue)
        return Worker.objects.filter(queue=queue, seen_at__gt=Now() - timedelta(seconds=60)).select_related().order_by("pk")

    query = StandingQuery(of_queue)
    assert not query.any("sessions")
    row = a_worker()
    assert query.any("sessions") and not query.any("control")
    row.delete()
    assert not query.any("sessions")
    assert built == ["sessions", "control"]
