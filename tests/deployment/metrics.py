"""`/metrics` of a workspace with a bit of everything, read by `promtool check metrics`."""

import os
import subprocess
import sys

import django


def main() -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    done = subprocess.run(["promtool", "check", "metrics"], input=_text(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(done.stdout.decode(), end="")
    return int(done.returncode != 0 or bool(done.stdout.strip()))


def _text() -> bytes:
    from prometheus_client import CollectorRegistry, generate_latest

    from orchestration.metrics import Collector
    from tests.factories import a_charge, a_worker, a_workspace, some_entries

    entry, _ = some_entries(a_workspace(cap="100"), "One", "Two")
    a_charge(entry, "0.10", model="opus", output_tokens=7)
    a_worker()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector())
    return generate_latest(registry)


if __name__ == "__main__":
    sys.exit(main())
