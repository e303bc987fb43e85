"""Kills and lies beside the gateway: the provider's bill, the books and the cap.

`python -m bench gateway [--runs 1000] [--seed 1] [--kill-every 3] [--at-once 8] [--database sqlite|postgresql]`: a provider lies about its usage in every way while
gateway, sessions and clients are killed.
`python -m bench gateway clis [--kinds claude_code,codex,...] [--entries 3] [--kills 60] [--seed 1]`: real CLIs in a real Muster, whose gateway, session
workers and CLIs are killed.
`python -m bench gateway cost`, `limits` and `streams`: see there.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable

from bench.gateway import cost, limits, streams

OF_LIARS = "tests/faults/test_gateway.py::test_no_bill_passes_the_books_and_no_books_pass_the_cap"
OF_CLIS = "tests/agents/test_gateway_kills.py"
KINDS = "claude_code,codex,opencode,gemini,qwen,mini_swe_agent"


def main(arguments: list[str]) -> int:
    forms: dict[str, Callable[[list[str]], int]] = {"cost": cost.main, "limits": limits.main, "streams": streams.main}
    if arguments and arguments[0] in forms:
        return forms[arguments[0]](arguments[1:])
    if arguments[:1] == ["clis"]:
        return _clis(arguments[1:])
    parser = argparse.ArgumentParser("python -m bench gateway", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kill-every", type=float, default=3, help="seconds; 0: never")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    chosen = parser.parse_args(arguments)
    given = f"{chosen.runs} {chosen.seed} {chosen.kill_every} {chosen.at_once}"
    return _test(OF_LIARS, MUSTER_TEST_DATABASE=chosen.database, MUSTER_TEST_GATEWAY=given)


def _clis(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m bench gateway clis")
    parser.add_argument("--kinds", default=KINDS)
    parser.add_argument("--entries", type=int, default=3, help="of each")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    return _test(OF_CLIS, MUSTER_TEST_CLI_KILLS=f"{chosen.kinds} {chosen.entries} {chosen.kills} {chosen.seed}")


def _test(name: str, **variables: str) -> int:
    return subprocess.call([sys.executable, "-m", "pytest", "-q", "-s", "-m", "slow", name], env=os.environ | variables)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
