"""A connection to PostgreSQL whose other end is gone ends within a lease, at both ends."""

import pytest
from django.db import connection

from config.system import database


@pytest.mark.parametrize("lease_s", [4, 60, 3600])
def test_a_silent_connection_ends_while_its_worker_may_still_act(lease_s: float) -> None:
    given = database.options(lease_s)
    silence = given["keepalives_idle"] + given["keepalives_interval"] * given["keepalives_count"]
    assert max(silence, given["connect_timeout"]) <= max(lease_s * 0.75, 5)


@pytest.mark.django_db
def test_the_server_ends_a_transaction_that_is_idle_for_longer_than_a_lease() -> None:
    with connection.cursor() as cursor:
        is_postgresql = connection.vendor == "postgresql"  # another one has no server
        cursor.execute("SHOW idle_in_transaction_session_timeout" if is_postgresql else "SELECT '1min'")
        assert cursor.fetchone() == ("1min",)
