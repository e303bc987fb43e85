"""M1: what Prometheus costs: `GET /metrics` at 10^3 and 10^5 entries of one workspace, on PostgreSQL and on SQLite.

Of each ten entries two are done, two are stuck and six wait, and once all are of one kind: whatever the shape, a scrape costs the same.
"""

import os
import subprocess
import sys
import tempfile

from django.db import connection
from django.test import Client

from bench.backlogs import a_workspace, fill, median, milliseconds, sql
from workspaces.models import Workspace
from workspaces.people import tokens

SIZES = (1_000, 100_000)
TIMES = 30
GOAL_MS = 10
SHAPES = {
    "mixed": (("done", 0.2), ("blocked", 0.1), ("failed", 0.1), ("pending", 0.6)),
    "all pending": (("pending", 1.0),),
    "all done": (("done", 1.0),),
}
ON_SQLITE = """
import django
django.setup()
from django.core.management import call_command
from bench import scrape
call_command("migrate", verbosity=0)
scrape.measure("SQLite")
"""


def main() -> None:
    measure("PostgreSQL")
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as folder:
        env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | {"MUSTER_DATA_DIR": folder}
        subprocess.run([sys.executable, "-c", ON_SQLITE], check=True, env=env)


def measure(database: str) -> None:
    slowest = 0.0
    print(f"M1  {database:22}" + "".join(f"{size:>10,}" for size in SIZES) + f"    goal <= {GOAL_MS} ms")
    for shape, shares in SHAPES.items():
        took = []
        for size in SIZES:
            shop = a_workspace()
            for status, share in shares:
                fill(shop, int(size * share), status=status)
            sql("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
            took.append(_scrape(shop.pk))
        slowest = max(slowest, took[-1])
        print(f"    {shape:22}" + "".join(f"{ms:10.1f}" for ms in took) + " MISSED" * (took[-1] > GOAL_MS))


def _scrape(workspace_id: str) -> float:
    secret = tokens.create("bench", role="viewer", workspace=Workspace.objects.get(pk=workspace_id))
    client = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {secret}"})

    def get() -> None:
        assert client.get("/metrics").status_code == 200

    for _ in range(3):
        get()
    return median([milliseconds(get) for _ in range(TIMES)])
