import pytest
from django.db.utils import ConnectionHandler

from orchestration import worker_process


@pytest.mark.django_db
def test_sessions_wait_longer_than_requests_for_the_one_writer_of_sqlite() -> None:
    handler = ConnectionHandler(
        {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:", "OPTIONS": {"timeout": 20}}}
    )
    connection = handler["default"]
    worker_process._be_patient(connection)
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (worker_process.PATIENCE_MS,)
    connection.close()
