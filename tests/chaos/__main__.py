"""`./muster chaos [--minutes N] [--seed S] [--db sqlite|postgresql]`: injects faults into a real Muster at work and checks its promises.

Prints each fault, each broken promise, and a summary. Exit code 1: a promise was broken. The same seed makes the same choices; when they
meet the work differs from run to run.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DISK_MB = 400
IN_NAMESPACE = "MUSTER_CHAOS_NAMESPACE"
QUIET_S = (1.0, 5.0)  # between two faults
FINISH_S = 180.0  # for all work, after the last fault


def main() -> int:
    options = _parse()
    _enter_namespace()
    folder = Path(tempfile.mkdtemp(prefix="muster-chaos-"))
    servers = None
    try:
        environment, servers = _database(options.db)
        return run(options, folder, environment)
    finally:
        if servers is not None and servers.stdin:
            servers.stdin.close()
            servers.wait(30)
        if os.path.ismount(folder / "disk"):
            subprocess.run(["umount", "--lazy", str(folder / "disk")], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./muster chaos", description=__doc__.split("\n")[0].partition(": ")[2])
    parser.add_argument("--minutes", type=float, default=10, help="how long faults are injected (10)")
    parser.add_argument("--seed", type=int, default=None, help="for the choice of faults; printed, if it is not given")
    parser.add_argument("--db", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--only", action="append", default=[], metavar="FAULT", help="inject only this fault (may be repeated)")
    options = parser.parse_args()
    if not 0 < options.minutes <= 24 * 60:
        parser.error("--minutes: more than 0, at most 1440")
    options.seed = random.randrange(10**6) if options.seed is None else options.seed
    return options


def _enter_namespace() -> None:
    """For a full disk, the data directory is on a small file system of its own, which only this run sees."""
    if IN_NAMESPACE in os.environ:
        return
    unshare = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--user", "--map-root-user"]), "--propagation", "private"]
    probe = subprocess.run([*unshare, "true"], capture_output=True)
    if probe.returncode == 0:
        os.environ[IN_NAMESPACE] = "1"
        sys.stdout.flush()
        os.execvp(unshare[0], [*unshare, sys.executable, "-m", "tests.chaos", *sys.argv[1:]])
    print("No mount namespaces here: the disk is never full in this run.")


def _database(name: str) -> tuple[dict[str, str], "subprocess.Popen[str] | None"]:
    """For PostgreSQL: a server of this run's own."""
    if name == "sqlite":
        return {}, None
    import json

    servers = subprocess.Popen(
        [sys.executable, "-m", "tests.plugins.throwaway", "postgresql", "durable"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert servers.stdout
    return {"DATABASE_URL": json.loads(servers.stdout.readline())["DATABASE_URL"]}, servers


def _disk(folder: Path) -> Path:
    disk = folder / "disk"
    disk.mkdir()
    if IN_NAMESPACE in os.environ:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0700", "muster-chaos", str(disk)], check=False)
    return disk


def run(options: argparse.Namespace, folder: Path, environment: dict[str, str]) -> int:
    from tests.chaos.place import Place

    dice = random.Random(options.seed)
    disk = _disk(folder)
    os.environ |= {"MUSTER_DATA_DIR": str(disk / "data"), "DJANGO_SETTINGS_MODULE": "config.settings", **environment}
    place = Place(folder, disk / "data", environment, dice)
    try:
        import django

        django.setup()
        return _injected(options, place, dice)
    finally:
        place.end()


def _injected(options: argparse.Namespace, place: "Place", dice: random.Random) -> int:  # noqa: F821
    from tests.chaos.faults import FAULTS
    from tests.chaos.invariants import Checker
    from tests.faults.harness import until

    names = options.only or list(FAULTS)
    checker, counts, began = Checker(place), Counter[str](), time.monotonic()
    print(f"Seed {options.seed}, {options.db}, {options.minutes:g} minutes of faults", flush=True)
    while time.monotonic() - began < options.minutes * 60:
        place.add_work()
        pause_until = time.monotonic() + dice.uniform(*QUIET_S)
        while time.monotonic() < pause_until:
            checker.look()
            time.sleep(0.5)
        name = dice.choice(names)
        at = time.monotonic() - began
        outcome = FAULTS[name](place, dice)
        checker.healed()
        counts[name] += 1
        print(f"{at:6.1f} s  {name.replace('_', ' ')} {outcome}".rstrip(), flush=True)
    last_fault = time.monotonic()
    try:
        until(lambda: checker.look() or checker.all_done(), FINISH_S, every=0.5)
    except AssertionError:
        pass  # the checker names each entry that is not done
    took = time.monotonic() - last_fault
    checker.look_at_rest()
    ledger = _ledger_problem(place)
    checker.look_at_the_end(place.end(), ledger)
    return _report(place, checker, counts, took)


def _ledger_problem(place: "Place") -> str:  # noqa: F821
    try:
        place.up.muster("ledger", "check")
    except AssertionError as problem:
        return str(problem)
    return ""


def _report(place: "Place", checker: "Checker", counts: "Counter[str]", took: float) -> int:  # noqa: F821
    from budget.models import LedgerEntry
    from orchestration.models import Session

    print("\nFaults: " + ", ".join(f"{count} x {name.replace('_', ' ')}" for name, count in sorted(counts.items())))
    printed = len((place.notes / "printed").read_text().splitlines())
    print(
        f"{len(place.entries)} entries, {Session.objects.count()} sessions, {printed} usage lines, {LedgerEntry.objects.count()} ledger rows"
    )
    hosts = Counter(Session.objects.exclude(host_id="").values_list("host_id", flat=True))
    print(f"Sessions by host: {', '.join(str(count) for count in sorted(hosts.values()))}")
    print(f"The last work was done {took:.1f} s after the last fault. {checker.looks} looks.")
    print(f"Broken promises: {len(checker.broken)}")
    for sentence in checker.broken:
        print(f"  {sentence}")
    if checker.broken:
        print(f"Its logs and its database are kept in {_keep(place)}")
    return 1 if checker.broken else 0


def _keep(place: "Place") -> Path:  # noqa: F821
    kept = Path(tempfile.mkdtemp(prefix="muster-chaos-kept-"))
    for path in [place.up.log, place.second.log, *place.data.glob("logs/*"), *place.data.glob("*.sqlite3*")]:
        shutil.copy(path, kept)
    return kept


if __name__ == "__main__":
    sys.exit(main())
