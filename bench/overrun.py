"""L2: the race tests of money, over 100 seeds: 16 threads admit, charge, settle and change caps; an auditor samples all the while."""

import os
import subprocess
import sys

SEEDS = os.environ.get("MUSTER_TEST_SEEDS", "100")


def main() -> None:
    for database in ("sqlite", "postgresql"):
        env = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")}
        env |= {"MUSTER_TEST_DATABASE": database, "MUSTER_TEST_SEEDS": SEEDS}
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--timeout", "1800", "tests/races/test_money.py"]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        verdict = "overrun at admission $0, every sample agrees" if done.returncode == 0 else "FAILED"
        print(f"L2  {database}, {SEEDS} seeds, 16 threads: {verdict} ({done.stdout.strip().splitlines()[-1]})")
        if done.returncode:
            print(done.stdout[-3000:])
