"""Every pair of features at work together in a whole product: cases in which each two values of two dimensions meet, each with its oracle.

`python -m bench seams [--table money|work] [--database sqlite|postgresql] [--seed 1] [--most N] [--only NAME=VALUE] [--list]`
`python -m bench seams --case money-4711 [--shrink]`: one case again by its seed, made smaller on request.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import django

from bench.seams import pairs
from bench.seams.dimensions import EXCLUDED, KNOWN, TABLES, excluded, known, sound
from bench.seams.oracle import Case

if TYPE_CHECKING:
    from bench.seams.trial import Verdict

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    options = _parse(arguments)
    chosen = [_case(options.case)] if options.case else list(_cases(options))
    if options.sample:
        chosen = _sampled(chosen, options.sample)
    if options.list:
        for case in chosen:
            print(f"{case}  {_values(case)}")
        return 0
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    began, failed = time.monotonic(), list[Case]()
    for verdict in _verdicts(options, chosen):
        _print(verdict)
        failed += [verdict.case] if verdict.broken else []
    _report(options, chosen, failed, time.monotonic() - began)
    if options.shrink and failed:
        smallest = _shrunk(options, failed[0])
        print(f"The smallest that fails: {smallest}  {_values(smallest)}")
    return 1 if failed else 0


def _verdicts(options: argparse.Namespace, cases: Sequence[Case]) -> Iterator["Verdict"]:
    """Cases of one sandbox share one Muster, with a workspace each; one whose processes are killed has its own."""
    from bench.seams import stage, trial  # only now: they read the settings

    patience = 0.0
    for (_, has_two, is_killed), alike in groupby(sorted(cases, key=_world_of), key=_world_of):
        for group in [[case] for case in alike] if is_killed else [list(alike)]:
            with stage.world(options.database, is_killed=is_killed, has_two=has_two) as world:
                patience = patience or trial.slowness(world)
                for case in group:
                    yield trial.run(world, case, patience)


def _shrunk(options: argparse.Namespace, case: Case) -> Case:
    """The case with as many dimensions at their plain value as it fails with."""
    table = TABLES[case.table]
    for values in pairs.smaller(table, excluded, case.values):
        plainer = Case(case.table, pairs.number(table, values), values)
        [verdict] = _verdicts(options, [plainer])
        _print(verdict)
        if verdict.broken:
            return _shrunk(options, plainer)
    return case


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench seams", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--table", choices=tuple(TABLES), action="append", help="both, unless one is named")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1, help="of the list of cases")
    parser.add_argument("--most", type=int, default=10**6, help="so many cases at most")
    parser.add_argument("--only", action="append", default=[], metavar="NAME=VALUE", help="cases that have this value")
    parser.add_argument("--sound", action="store_true", help="leave out what meets a known fault")
    parser.add_argument("--sample", type=int, default=0, help="so many, chosen by the commit")
    parser.add_argument("--singles", action="store_true", help="each value alone, beside plain ones, in place of the pairs")
    parser.add_argument("--case", metavar="SEED", help="one case, by the seed that a run printed")
    parser.add_argument("--shrink", action="store_true", help="make a failing case smaller, dimension by dimension")
    parser.add_argument("--list", action="store_true", help="print the cases alone")
    return parser.parse_args(arguments)


def _case(seed: str) -> Case:
    name, _, number = seed.partition("-")
    return Case(name, int(number), pairs.numbered(TABLES[name], int(number)))


def _cases(options: argparse.Namespace) -> Iterator[Case]:
    count = 0
    for name in options.table or TABLES:
        listed = (
            pairs.singles(TABLES[name])
            if options.singles
            else pairs.cases(TABLES[name], sound if options.sound else excluded, options.seed)
        )
        for values in listed:
            if all(values.get(only.partition("=")[0]) == only.partition("=")[2] for only in options.only):
                count += 1
                if count <= options.most:
                    yield Case(name, pairs.number(TABLES[name], values), values)


def _sampled(cases: Sequence[Case], count: int) -> list[Case]:
    """Others for each commit."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    print(f"{count} cases of the commit {commit[:12] or '(none)'}")
    return random.Random(commit).sample(cases, min(count, len(cases)))


def _world_of(case: Case) -> tuple[str, bool, bool]:
    return (
        case.values.get("sandbox", ""),
        case.has("two", "lost and back"),
        not case.has_plain("fault") or case.has("lost and back"),
    )


def _values(case: Case) -> str:
    return ", ".join(f"{name}: {value}" for name, value in case.values.items())


def _print(verdict: "Verdict") -> None:
    print(
        f"{'BROKEN' if verdict.broken else 'ok':6} {verdict.case} {verdict.seconds:5.1f} s {verdict.answers:3} answers  {_values(verdict.case)}",
        flush=True,
    )
    for sentence in [*verdict.broken, *(f"known: {each}" for each in known(verdict.case.values) if verdict.broken)]:
        print(f"       {sentence}", flush=True)
    for line in verdict.picture:
        print(f"         | {line}", flush=True)


def _report(options: argparse.Namespace, chosen: Sequence[Case], failed: Sequence[Case], seconds: float) -> None:
    print(
        f"\n{len(chosen)} cases on {options.database} in {seconds / 60:.1f} minutes, {len(failed)} failed: {' '.join(map(str, failed))}"
    )
    for name, table in TABLES.items():
        required = pairs.required(table, excluded)
        covered = set().union(*(pairs.pairs(case.values) for case in chosen if case.table == name)) & required
        if covered:
            print(f"{name}: {len(covered)} of {len(required)} pairs met")
    new = [case for case in failed if not known(case.values)]
    print(f"{len(new)} failed without a known fault: {' '.join(map(str, new))}\nKnown faults: {len(KNOWN)}\nExcluded:")
    for reason, count in Counter(EXCLUDED.values()).items():
        print(f"  {count} pairs: {reason}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
