"""Every pair of features at work together in a whole product: cases in which each two values of two dimensions meet, each with its oracle.

`python -m bench seams [--table money|work] [--database sqlite|postgresql] [--seed 1] [--most N] [--only NAME=VALUE] [--list]`
`python -m bench seams --case money-4711 [--shrink]`: one case again by its seed, made smaller on request.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import groupby

import django

from bench.seams import pairs
from bench.seams.dimensions import EXCLUDED, TABLES, excluded
from bench.seams.oracle import Case


def main(arguments: list[str]) -> int:
    options = _parse(arguments)
    chosen = [_case(options.case)] if options.case else list(_cases(options))
    if options.list:
        for case in chosen:
            print(f"{case}  {_values(case)}")
        return 0
    django.setup()
    from bench.seams import stage, trial  # only now: they read the settings

    began, failed, broken = time.monotonic(), list[Case](), 0
    grouped = groupby(sorted(chosen, key=_world_of), key=_world_of)
    for (_, is_killed), cases in grouped:
        for group in [[case] for case in cases] if is_killed else [list(cases)]:
            with stage.world(options.database, is_killed=is_killed) as world:
                patience = 1.0
                for case in group:
                    verdict = trial.run(world, case, patience=patience)
                    _print(verdict)
                    failed += [case] if verdict.broken else []
    _report(options, chosen, failed, time.monotonic() - began)
    return 1 if failed or broken else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench seams", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--table", choices=tuple(TABLES), action="append", help="both, unless one is named")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1, help="of the list of cases")
    parser.add_argument("--most", type=int, default=10**6, help="so many cases at most")
    parser.add_argument("--only", action="append", default=[], metavar="NAME=VALUE", help="cases that have this value")
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
        listed = pairs.singles(TABLES[name]) if options.singles else pairs.cases(TABLES[name], excluded, options.seed)
        for values in listed:
            if all(values.get(only.partition("=")[0]) == only.partition("=")[2] for only in options.only):
                count += 1
                if count <= options.most:
                    yield Case(name, pairs.number(TABLES[name], values), values)


def _world_of(case: Case) -> tuple[str, bool]:
    return case.values.get("sandbox", ""), not case.has_plain("fault")


def _values(case: Case) -> str:
    return ", ".join(f"{name}: {value}" for name, value in case.values.items())


def _print(verdict: "object") -> None:
    print(
        f"{'BROKEN' if verdict.broken else 'ok':6} {verdict.case} {verdict.seconds:5.1f} s  {_values(verdict.case)}", flush=True
    )
    for sentence in verdict.broken:
        print(f"       {sentence}", flush=True)
    for line in verdict.picture:
        print(f"         | {line}", flush=True)


def _report(options: argparse.Namespace, chosen: Sequence[Case], failed: Sequence[Case], seconds: float) -> None:
    print(
        f"\n{len(chosen)} cases on {options.database} in {seconds / 60:.1f} minutes, {len(failed)} failed: {' '.join(map(str, failed))}"
    )
    for name, table in TABLES.items():
        wanted = pairs.wanted(table, excluded)
        covered = set().union(*(pairs.pairs(case.values) for case in chosen if case.table == name)) & wanted
        if covered:
            print(f"{name}: {len(covered)} of {len(wanted)} pairs met")
    print("Excluded:")
    for pair, reason in EXCLUDED.items():
        print(f"  {' with '.join(sorted(f'{name}: {value}' for name, value in pair))}. {reason}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
