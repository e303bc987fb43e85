"""A provider lies about its usage in every way while gateway, sessions and clients are killed: its bill, the books and the cap.

`python -m bench gateway [--runs 1000] [--seed 1] [--kill-every 3] [--database sqlite|postgresql]`.
"""

import argparse
import os
import subprocess
import sys

from bench.gateway import cost, limits

TEST = "tests/faults/test_gateway.py::test_no_bill_passes_the_books_and_no_books_pass_the_cap"


def main(arguments: list[str]) -> int:
    if arguments[:1] in (["cost"], ["limits"]):
        return {"cost": cost, "limits": limits}[arguments[0]].main(arguments[1:])
    parser = argparse.ArgumentParser("python -m bench gateway", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kill-every", type=float, default=3, help="seconds; 0: never")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    chosen = parser.parse_args(arguments)
    env = os.environ | {
        "MUSTER_TEST_DATABASE": chosen.database,
        "MUSTER_TEST_GATEWAY": f"{chosen.runs} {chosen.seed} {chosen.kill_every}",
    }
    return subprocess.call([sys.executable, "-m", "pytest", "-q", "-s", "-m", "slow", TEST], env=env)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
