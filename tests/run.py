"""`./muster test`: the suite on both databases, or one of the slow suites. The last line is `N passed, N failed`."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NO_TESTS = 5  # pytest's exit code when nothing was selected
ONCE = ["-p", "tests.plugins.once"]  # for the second database: what uses none was tested with the first
PLAIN = ("--pdb", "--trace", "--collect-only", "--co", "--help", "-h")  # what xdist's workers would get in the way of


@dataclass(frozen=True)
class Suite:
    title: str
    database: str
    arguments: list[str]


@dataclass
class Result:
    suite: Suite
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    trouble: str = ""


def main() -> int:
    options, extra = parse(sys.argv[1:])
    results = [run(suite) for suite in suites(options, extra)]
    print()
    for result in results:
        trouble = f"  {result.trouble}" if result.trouble else ""
        counts = f"{result.passed} passed, {result.failed} failed, {result.skipped} skipped"
        print(f"{result.suite.title}: {counts} in {result.seconds:.0f} s{trouble}")
    failed = sum(result.failed for result in results)
    print(f"{sum(result.passed for result in results)} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        prog="./muster test",
        description="Run the tests; those that use a database on SQLite and on PostgreSQL. Every other argument goes to pytest.",
        allow_abbrev=False,
    )
    parser.add_argument("--db", choices=["sqlite", "postgresql"], help="only this database")
    parser.add_argument("--faults", action="store_true", help="the fault tests: processes are killed in the middle of work")
    parser.add_argument("--journeys", action="store_true", help="the journeys through the pages, in a real browser")
    parser.add_argument("--agents", action="store_true", help="the real CLIs of agents, against a scripted model provider")
    return parser.parse_known_args(arguments)


def suites(options: argparse.Namespace, extra: list[str]) -> list[Suite]:
    """The slow suites run one test at a time, on SQLite unless asked: they measure time and own the whole machine."""
    slow = [name for name in ("faults", "journeys", "agents") if getattr(options, name)]
    if slow:
        database = options.db or "sqlite"
        return [Suite(f"{name.title()} on {database}", database, [f"tests/{name}", *extra]) for name in slow]
    databases = [options.db] if options.db else ["sqlite", "postgresql"]
    workers = [] if any(word in PLAIN for word in extra) else ["-n", str(min(4, max(2, os.cpu_count() or 2)))]
    return [
        Suite(f"Tests on {database}", database, ["-m", "not slow", *workers, *(ONCE if n else []), *extra])
        for n, database in enumerate(databases)
    ]


def run(suite: Suite) -> Result:
    print(f"\n=== {suite.title} ===", flush=True)
    folder = suite.arguments[0]
    if folder.startswith("tests/") and not any((ROOT / folder).glob("test_*.py")):
        return Result(suite, trouble="there are none yet")
    began = time.monotonic()
    with tempfile.NamedTemporaryFile("r", prefix="muster-counts-") as counts:
        code = subprocess.call(
            [sys.executable, "-m", "pytest", "-p", "tests.plugins.counts", *suite.arguments],
            cwd=ROOT,
            env=os.environ | {"MUSTER_TEST_DATABASE": suite.database, "MUSTER_TEST_COUNTS": counts.name},
        )
        passed, failed, skipped = map(int, counts.read().split() or (0, 0, 0))
    result = Result(suite, passed, failed, skipped, time.monotonic() - began)
    if code == NO_TESTS and set(ONCE) <= set(suite.arguments):
        result.trouble = "nothing of it uses a database"
    elif code != 0 and failed == 0:  # it broke, or was interrupted, before or beside the tests
        result.failed = 1
        result.trouble = "no test was selected" if code == NO_TESTS else f"pytest ended with exit code {code}"
    return result


if __name__ == "__main__":
    sys.exit(main())
