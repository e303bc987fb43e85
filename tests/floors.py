"""`./muster test --coverage`: the share of statements that the default run goes through, with a floor for each package.

Only what runs in the tests' own processes counts: workers and supervisors of the slow suites do not.
"""

from collections import Counter
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {"budget": 98, "config": 65, "dashboard": 96, "orchestration": 91, "workspaces": 94}
# What these do is mostly in processes of their own, or in a browser: the slow suites start them.
FLOORS |= {
    "config/up": 20,
    "dashboard/landing": 83,
    "orchestration/demo": 54,
    "orchestration/maintenance": 78,
    "orchestration/maintenance/backup": 75,
    "orchestration/management": 60,
    "orchestration/management/commands": 60,
    "orchestration/processes": 60,
    "orchestration/processes/shim": 37,
    "orchestration/worker/agent_run": 85,
    "workspaces/management": 82,
    "workspaces/management/commands": 82,
}
LEAST = 88  # of each package that is not named above, at any depth: none hides in a larger one


def check(folder: Path) -> list[str]:
    """Prints the table. Answers the packages below their floor, in sentences."""
    data = Coverage(data_file=str(folder / "data"), config_file=False)
    data.combine([str(folder)])
    statements: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for name in data.get_data().measured_files():
        _, lines, _, missing, _ = data.analysis2(name)
        module = Path(name).relative_to(ROOT)
        for package in map(str, module.parents[:-1]):
            statements[package] += len(lines)
            missed[package] += len(missing)
    low = []
    for package in sorted(package for package, number in statements.items() if number):
        share, floor = 100 * (1 - missed[package] / statements[package]), FLOORS.get(package, LEAST)
        print(f"{share:5.1f} % of {package} ({statements[package]} statements, floor {floor} %)")
        if share < floor:
            low.append(f"{package}: {share:.1f} % of its statements are run by tests, the floor is {floor} %")
    return low
