"""Healthy sessions, with those that look like doomed ones: long test loops, slow builds, much reading, a flaky network."""

from collections.abc import Callable
from random import Random

from bench.doomed.steps import CASES, FILES, Script, Step, edit, findings, read, run, search, tests


def progress(dice: Random) -> Script:
    """A long test loop whose failures get fewer, with stalls."""
    failing, steps = list(CASES[: dice.randint(2, 5)]), [read(dice) for _ in range(dice.randint(3, 10))]
    before = findings(failing) if dice.random() < 0.6 else []
    while failing:
        for _ in range(dice.randint(1, 6)):
            steps += [edit(dice), tests(dice, failing, line=dice.randrange(90))]
            steps += [read(dice) for _ in range(dice.randrange(3))]
        failing.pop()
    return Script("a long test loop with progress", True, [*steps, tests(dice, [])], before)


def hard_bug(dice: Random) -> Script:
    """The failures of the round before stay for long, while it edits."""
    failing, steps = CASES[: dice.randint(1, 3)], [read(dice) for _ in range(dice.randint(3, 12))]
    for _ in range(dice.randint(6, 14)):
        steps += [edit(dice) for _ in range(dice.randint(1, 3))]
        steps.append(tests(dice, failing, line=dice.choice((14, 14, dice.randrange(90)))))
        steps += [search(dice) for _ in range(dice.randrange(3))]
    return Script("a hard bug", True, [*steps, edit(dice), tests(dice, [])], findings(failing))


def slow_build(dice: Random) -> Script:
    """It polls: mostly with a pause, and mostly without news."""
    steps = [read(dice) for _ in range(dice.randint(1, 6))] + [run(dice, "make -j2 all > build.log 2>&1 &", "")]
    command = dice.choice(("sleep 30; tail -n 3 build.log", "sleep 60 && ls build/out", "tail -n 2 build.log"))
    for n in range(dice.randint(10, 45) if "sleep" in command else dice.randint(4, 20)):
        news = dice.random() < (0.3 if "sleep" in command else 0.7)
        steps.append(run(dice, command, f"[{n}/60] Building CXX object {n}.o" if news else "[ 61%] Linking"))
    return Script("a slow build", True, [*steps, edit(dice), tests(dice, [])])


def background(dice: Random) -> Script:
    """It looks at a command in the background again and again."""
    steps = [read(dice), Step("bash", "npm run test:e2e &", "Command running in background with ID: b1")]
    steps += [Step("poll", "b1", "") for _ in range(dice.randint(10, 30))]
    return Script("a command in the background", True, [*steps, edit(dice), tests(dice, [])])


def much_reading(dice: Random) -> Script:
    steps = [dice.choice((read, search))(dice) for _ in range(dice.randint(30, 90))]
    steps += [edit(dice) for _ in range(dice.randint(2, 12))]
    return Script("much reading before the first edit", True, [*steps, tests(dice, [])])


def flaky_network(dice: Random) -> Script:
    steps = [read(dice) for _ in range(dice.randint(2, 10))]
    command = dice.choice(
        ("pip install -r requirements.txt", "npm ci", "curl -fsS https://example.com/schema.json -o schema.json")
    )
    for _ in range(dice.randint(3, 9)):
        steps.append(run(dice, command, "error: Connection reset by peer (104)"))
        steps += [run(dice, f"sleep {dice.choice((5, 10, 30))}", "")] * dice.randrange(2)
    steps.append(run(dice, command, "done"))
    return Script("a flaky network", True, [*steps, *(edit(dice) for _ in range(5)), tests(dice, [])])


def refactoring(dice: Random) -> Script:
    steps = []
    for _ in range(dice.randint(20, 60)):
        steps += [read(dice)] * dice.randrange(2) + [edit(dice)]
        steps += [run(dice, "git status --short", " M src/core/parse.py")] * dice.randrange(2)
    return Script("many edits, few tests", True, [*steps, tests(dice, [])])


def reproducing(dice: Random) -> Script:
    """It runs one failing test again and again to understand it, and edits late."""
    failing, steps = CASES[:1], list[Step]()
    for n in range(dice.randint(5, 9)):
        options = dice.choice(("-x", "-x", "-vv", "--lf", "-s", f"-k {failing[0]}"))
        steps.append(tests(dice, failing, f"python -m pytest -q {options}", line=14 if n else 9))
        steps += [dice.choice((read, search))(dice) for _ in range(dice.randint(1, 3))]
    return Script("a failure is reproduced", True, [*steps, edit(dice), edit(dice), tests(dice, [])], findings(failing))


def hunting(dice: Random) -> Script:
    """It runs a flaky test until it fails: the same pass again and again."""
    steps = [read(dice) for _ in range(dice.randint(2, 8))]
    for _ in range(dice.randint(5, 16)):
        steps.append(tests(dice, [], "python -m pytest -q -k sync"))
        steps += [dice.choice((read, search))(dice)] * dice.randrange(2)
    return Script(
        "a flaky test is hunted", True, [*steps, tests(dice, CASES[:1], "python -m pytest -q -k sync"), edit(dice), edit(dice)]
    )


def measuring(dice: Random) -> Script:
    """A benchmark is run again and again: only its times differ."""
    steps = [read(dice) for _ in range(dice.randint(2, 8))]
    for _ in range(dice.randint(5, 9)):
        steps.append(run(dice, "python -m bench parse", f"parse: {dice.uniform(1, 9):.3f} ms"))
        steps += [read(dice) for _ in range(dice.randrange(3))]
    return Script("a benchmark", True, [*steps, edit(dice), run(dice, "python -m bench parse", "parse: 0.4 ms"), tests(dice, [])])


def nothing_to_do(dice: Random) -> Script:
    """The work is there: it reads, runs the tests a few times, and says so."""
    steps = [read(dice, path) for path in dice.sample(FILES, dice.randint(4, 14))]
    return Script("nothing is left to do", True, [*steps, *(tests(dice, []) for _ in range(dice.randint(2, 5)))])


def looking_back(dice: Random) -> Script:
    """It reads the same few files while it edits them."""
    few = dice.sample(FILES, 3)
    steps = []
    for _ in range(dice.randint(10, 30)):
        steps += [read(dice, dice.choice(few)), *([edit(dice)] if dice.random() < 0.6 else [])]
    return Script("the same files again, with edits", True, [*steps, tests(dice, [])])


SHAPES: tuple[Callable[[Random], Script], ...] = (
    progress, hard_bug, slow_build, background, much_reading, flaky_network, refactoring, reproducing, hunting, measuring, nothing_to_do, looking_back
)  # fmt: skip
