"""U1: an agent that changed 10,000 files that its entry did not declare, against 1,000, with 1,000 locks held by others."""

from bench.backlogs import a_workspace, fill, median, milliseconds, sql
from orchestration.backlog.changed_files import undeclared
from orchestration.models import Entry, FileLock

HELD = 1_000
TIMES = 7


def main() -> None:
    shop = a_workspace()
    fill(shop, 2)
    entry, other = Entry.objects.filter(workspace=shop).order_by("seq")
    FileLock.objects.bulk_create(FileLock(workspace=shop, entry=other, path=f"src/d{n}/f.py") for n in range(HELD))
    sql("ANALYZE")
    ms = {count: median([_once(entry, count) for _ in range(TIMES)]) for count in (1_000, 10_000)}
    print(
        f"U1  10^4 files: {ms[10_000]:.0f} ms; 10^3: {ms[1_000]:.0f} ms; ratio {ms[10_000] / ms[1_000]:.1f}x for 10x the files "
        f"(goal <= 13x, and 10^4 under 1000 ms)"
    )


def _once(entry: Entry, count: int) -> float:
    FileLock.objects.filter(entry=entry).delete()
    names = [f"out/{n % 400}/{n}.o" for n in range(count)]
    return milliseconds(lambda: undeclared.check(entry, names))
