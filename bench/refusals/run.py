"""A provider refuses agents by their key, at random, while session workers are killed: what is lost, paid twice, or tried too early.

`python -m bench refusals [--refusals 200] [--seed 1] [--workspaces 4] [--kill-every 20]`.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import django


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m bench refusals", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--refusals", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workspaces", type=int, default=4)
    parser.add_argument("--kill-every", type=float, default=20, help="seconds")
    parser.add_argument("--within", type=float, default=1200, help="seconds")
    chosen = parser.parse_args(arguments)
    django.setup()
    from tests.faults import refusals  # only now: it reads the settings

    with tempfile.TemporaryDirectory(prefix="refusals-") as name:
        figures = refusals.trial(
            Path(name),
            refusals=chosen.refusals,
            seed=chosen.seed,
            workspaces=chosen.workspaces,
            kill_every_s=chosen.kill_every,
            within_s=chosen.within,
        )
    print(f"seed {chosen.seed}: {figures}")
    return 1 if figures.broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
