"""`python -m bench NAME ...`: each benchmark alternates its reference with our code, and prints medians and the ratio.

They run on a throwaway PostgreSQL with durable commits, and stop by themselves.
"""

import json
import os
import subprocess
import sys
from importlib import import_module

NAMES = {
    "dispatch": "D1, D2, P15: the database part of a cycle that dispatches 50, against one statement that does the same",
    "scale": "S1, S2: a cycle at a million entries against a thousand, and an idle one",
    "parked": "P13: one message, 10,000 entries behind one locked file, and 20 free ones behind them: until the 20 have sessions",
    "pages": "P11: every page and every read of the API at 10^3, 10^4 and 10^5 entries",
    "stop": "K1, K2: from the commit of a stop to the agent's death, against publish and killpg alone",
    "answers": "A1 to A4: the budget call over HTTP against raw SQL, JSON made by SQL, and ORM with a schema, on one server",
    "charges": "L1, L3: 8 writers that charge one project, against the one-statement capped charge on bare tables",
    "streams": "A5 and more: 200 open pages on one web process: memory, CPU, hint to stream, and a page beside them against none",
    "undeclared": "U1: 10,000 undeclared files of an agent against 1,000, with 1,000 locks held by others",
    "scrape": "M1: a scrape of /metrics at 10^3 and 10^5 entries, on PostgreSQL and on SQLite",
    "overrun": "L2: 16 writers, 100 seeds, random admission, charging, settling and cap changes: overrun at admission",
}
APART = (
    "doomed",
    "gateway",
    "ladder",
    "refusals",
    "seams",
    "money",
    "handover",
    "hosts",
    "landed",
    "starts",
    "stopping",
    "steering",
    "working",
)  # packages, with options of their own, and no database


def main() -> int:
    if sys.argv[1:2] and sys.argv[1] in APART:
        return int(import_module(f"bench.{sys.argv[1]}.run").main(sys.argv[2:]))
    names = sys.argv[1:] or list(NAMES)
    if unknown := [name for name in names if name not in NAMES]:
        print(f"unknown: {', '.join(unknown)}\n" + "\n".join(f"  {name:10} {text}" for name, text in NAMES.items()))
        return 2
    servers = subprocess.Popen(
        [sys.executable, "-m", "tests.plugins.throwaway", "valkey", "postgresql", "durable"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert servers.stdin and servers.stdout
    try:
        os.environ.update(json.loads(servers.stdout.readline()))
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        import django  # only now: the settings read the addresses above
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        for name in names:
            print(f"\n{name}: {NAMES[name]}", flush=True)
            import_module(f"bench.{name}").main()
    finally:
        servers.stdin.close()
        servers.wait(30)
    return 0


if __name__ == "__main__":
    sys.exit(main())
