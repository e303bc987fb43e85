"""A log beyond its limit keeps its head and its newest half."""

import pytest

from orchestration.models import LogChunk
from orchestration.sessions.logs import chunks
from tests.factories import a_session, a_workspace, an_entry

pytestmark = pytest.mark.django_db


def test_the_middle_of_a_long_log_is_dropped() -> None:
    session = a_session(an_entry(a_workspace()))
    writer = chunks.Writer(session, limit=1000)
    for number in range(100):
        writer.add("stdout", f"{number:03} {'x' * 46}")
        writer.flush()
    kept = [line.text[:3] for line in chunks.read(session)]
    assert kept[:10] == [f"{number:03}" for number in range(10)] and kept[-10:] == [f"{number:03}" for number in range(90, 100)]
    assert sum(LogChunk.objects.filter(session=session).values_list("size", flat=True)) <= 1000
