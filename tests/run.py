"""`./muster test`: the suite on both databases, or one of the slow suites. The last line is `N passed, N failed`."""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests import sampling

ROOT = Path(__file__).resolve().parent.parent
BEGAN = time.time()
SLOW = ("faults", "agents", "hosts", "forges", "journeys")
NO_TESTS = 5  # pytest's exit code when nothing was selected
ONCE = ["-p", "tests.plugins.once"]  # for the second database: what is no SQL of ours was tested with the first
FILES_AT_A_TIME = (os.cpu_count() or 2) + 1  # of the slow suites, which wait for half of their time
QUICK_S, QUICK_POSTGRESQL_S = 200.0, 55.0  # with the installation within the README's 4 minutes
MOST_REPEATED = 6  # more failures than that are no matter of a loaded machine
INSTALLERS = {
    "tests/agents": "tests.agents.clis",
    "tests/forges": "tests.forges.documents",
}  # before the first test's time begins
PLAIN = ("--pdb", "--trace", "--collect-only", "--co", "--help", "-h")  # what xdist's workers would get in the way of


@dataclass(frozen=True)
class Suite:
    title: str
    database: str
    arguments: list[str]
    may_be_empty: bool = False  # another suite of the run has its tests
    sampled: bool = False  # unless MUSTER_TEST_WHOLE is set, also in CI: another suite takes them whole
    until_s: float = 0.0  # it stops so many seconds after the run's begin; 0: when it is done


@dataclass
class Result:
    suite: Suite
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    excused: int = 0  # of the skipped: they need namespaces, which this machine does not have
    seconds: float = 0.0
    trouble: str = ""
    failing: list[str] = field(default_factory=list)
    unsteady: list[str] = field(default_factory=list)  # failed beside other tests, and passed alone


def main() -> int:
    options, extra = parse(sys.argv[1:])
    if options.newest:
        os.environ["MUSTER_TEST_NEWEST"] = "1"
    os.environ.setdefault("MUSTER_TEST_SEED", str(random.randrange(10**6)))
    with tempfile.TemporaryDirectory(prefix="muster-coverage-") as folder:
        if options.coverage:
            os.environ["MUSTER_TEST_COVERAGE"] = folder
            extra += ["-p", "tests.plugins.covered"]
        results = [run(suite) for suite in suites(options, extra)]
        print()
        low = below_floors(Path(folder)) if options.coverage else []
    if not sampling.WHOLE or (any(result.suite.sampled for result in results) and "MUSTER_TEST_WHOLE" not in os.environ):
        print(
            f"A sample of the large matrices: MUSTER_TEST_SEED={os.environ['MUSTER_TEST_SEED']}. All of them: MUSTER_TEST_WHOLE=1"
        )
    for result in results:
        trouble = f"  {result.trouble}" if result.trouble else ""
        counts = f"{result.passed} passed, {result.failed} failed, {result.skipped} skipped"
        print(f"{result.suite.title}: {counts} in {result.seconds:.0f} s{trouble}")
    if excused := sum(result.excused for result in results):
        print(f"{excused} tests that need namespaces did not run")
    for result in results:
        for name in result.unsteady:
            print(f"UNSTEADY {name}: failed, and passed when it ran again alone")
        for name in result.failing:
            print(f"FAILED {name} ({result.suite.database})")
    passed, failed = sum(result.passed for result in results), sum(result.failed for result in results) + len(low)
    if not passed and not failed and not any(word in PLAIN for word in extra):
        print("No test ran")
        failed = 1
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def below_floors(folder: Path) -> list[str]:
    from tests import floors  # loads coverage, which other runs do without

    low = floors.check(folder)
    for sentence in low:
        print(sentence)
    return low


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
    parser.add_argument("--newest", action="store_true", help="with --agents: the CLIs' newest versions, not the pinned ones")
    parser.add_argument("--hosts", action="store_true", help="several hosts that share no disk, on PostgreSQL")
    parser.add_argument("--forges", action="store_true", help="pull requests at a GitHub that keeps to GitHub's own API document")
    parser.add_argument("--coverage", action="store_true", help="measure what the run goes through; each package has a floor")
    return parser.parse_known_args(arguments)


def suites(options: argparse.Namespace, extra: list[str]) -> list[Suite]:
    """The slow suites run on SQLite unless asked, all that are asked for in one pool, several files at a time (plugins/pool.py)."""
    plain = any(word in PLAIN for word in extra)
    slow = [name for name in SLOW if getattr(options, name)]
    if not (slow or extra or options.db or options.coverage or sampling.WHOLE or os.environ.get("CI") == "true"):
        return _quick()
    if slow:
        database = options.db or "sqlite"
        pool = [] if plain else ["-n", str(FILES_AT_A_TIME), "--dist", "loadfile"]
        title = f"{', '.join(slow).capitalize()} on {database}"
        elsewhere = _slow_elsewhere() if "faults" in slow else []
        return [Suite(title, database, [*(f"tests/{name}" for name in slow), *elsewhere, "-m", "slow", *pool, *extra])]
    databases = [options.db] if options.db else ["sqlite", "postgresql"]
    workers = [] if plain else ["-n", str(min(4, (os.cpu_count() or 2) + 1)), "--dist", "worksteal"]
    return [
        Suite(f"Tests on {database}", database, ["-m", "not slow", *workers, *(ONCE if n else []), *extra], n > 0, n > 0)
        for n, database in enumerate(databases)
    ]


def _quick() -> list[Suite]:
    """The README's command: a sample, for a bounded time. The clock includes the collection."""
    workers = [
        "-m",
        "not slow and not alone",
        "-n",
        str(min(4, os.cpu_count() or 2)),
        "--dist",
        "worksteal",
        "-p",
        "tests.plugins.quick",
    ]
    sqlite = Suite("A sample of the tests, on SQLite", "sqlite", workers, until_s=QUICK_S - QUICK_POSTGRESQL_S)
    postgresql = Suite(
        "A sample of the tests with SQL of our own, on PostgreSQL", "postgresql", [*workers, *ONCE], until_s=QUICK_S
    )
    print(
        f"A sample of the tests, for {QUICK_S / 60:.0f} minutes at most; all of them, in some 40 minutes: MUSTER_TEST_WHOLE=1 ./muster test"
    )
    return [sqlite, postgresql]


def _slow_elsewhere() -> list[str]:
    """Files of the usual suite that have slow tests: `--faults` takes those too."""
    files = (file.relative_to(ROOT) for file in sorted((ROOT / "tests").rglob("test_*.py")))
    return [str(file) for file in files if file.parts[1] not in SLOW and "@pytest.mark.slow" in (ROOT / file).read_text()]


def run(suite: Suite) -> Result:
    print(f"\n=== {suite.title} ===", flush=True)
    for folder in suite.arguments:
        if folder in INSTALLERS and not any(word in PLAIN for word in suite.arguments):
            subprocess.call([sys.executable, "-m", INSTALLERS[folder]], cwd=ROOT)
        if folder.removeprefix("tests/") in SLOW and not any((ROOT / folder).glob("test_*.py")):
            return Result(suite, failed=1, trouble=f"there are none in {folder}")
    began = time.monotonic()
    result = run_pytest(suite, suite.arguments)
    if os.environ.get("CI") == "true" and 0 < len(result.failing) <= MOST_REPEATED:
        _repeat_alone(result)
    result.seconds = time.monotonic() - began
    return result


def run_pytest(suite: Suite, arguments: list[str]) -> Result:
    with tempfile.NamedTemporaryFile("r", prefix="muster-counts-") as counts:
        code = subprocess.call(
            [sys.executable, "-m", "pytest", "-p", "tests.plugins.counts", *arguments],
            cwd=ROOT,
            env=os.environ
            | {"MUSTER_TEST_DATABASE": suite.database, "MUSTER_TEST_COUNTS": counts.name}
            | ({"MUSTER_TEST_UNTIL": str(BEGAN + suite.until_s)} if suite.until_s else {})
            | ({"MUSTER_TEST_WHOLE": os.environ.get("MUSTER_TEST_WHOLE", "0")} if suite.sampled else {}),
        )
        numbers, *failing = counts.read().split("\n")
    passed, failed, skipped, excused = map(int, numbers.split() or (0, 0, 0, 0))
    result = Result(suite, passed, failed, skipped, excused, failing=failing)
    if code == NO_TESTS and suite.may_be_empty:
        result.trouble = "nothing was selected"
    elif code != 0 and failed == 0:  # it broke, or was interrupted, before or beside the tests
        result.failed = 1
        result.trouble = "no test was selected" if code == NO_TESTS else f"pytest ended with exit code {code}"
    return result


def _repeat_alone(result: Result) -> None:
    """In CI, each test that failed runs once more, alone: a machine that was too busy for it must not look like a fault. What passes then
    is named in the report: its reason still has to be searched for."""
    for name in list(result.failing):
        print(f"\n--- once more, alone: {name} ---", flush=True)
        again = run_pytest(result.suite, [name])
        if again.passed and not again.failed:
            result.failing.remove(name)
            result.unsteady.append(name)
            result.failed -= 1
            result.passed += 1


if __name__ == "__main__":
    sys.exit(main())
