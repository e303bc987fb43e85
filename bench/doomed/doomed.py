"""Doomed sessions: each goes on to its limit, and nothing comes of it. Two shapes have one sign alone: they are meant to be missed."""

from collections.abc import Callable
from random import Random

from bench.doomed.steps import CASES, FILES, Script, Step, edit, findings, no_edit, read, run, search, tests


def _begin(dice: Random) -> list[Step]:
    return [dice.choice((read, search, edit))(dice) for _ in range(dice.randint(4, 20))]


def _length(dice: Random) -> int:
    return dice.randint(70, 180)


def one_command(dice: Random) -> Script:
    step = run(dice, "npm run build", "error TS2307: Cannot find module './generated'")
    return Script("one command", False, [*_begin(dice), *(step for _ in range(_length(dice)))])


def two_commands(dice: Random) -> Script:
    steps, failing = _begin(dice), CASES[:2]
    for _ in range(_length(dice) // 2):
        steps += [tests(dice, failing), read(dice, FILES[3])]
    return Script("two commands in turn", False, steps, findings(failing) if dice.random() < 0.5 else [])


def rereading(dice: Random) -> Script:
    few, steps = dice.sample(FILES, dice.randint(2, 5)), _begin(dice)
    return Script("the same files again", False, [*steps, *(read(dice, few[n % len(few)]) for n in range(_length(dice)))])


def refused_edits(dice: Random) -> Script:
    steps, path = _begin(dice), dice.choice(FILES)
    for _ in range(_length(dice) // 2):
        steps += [read(dice, path), no_edit(path)]
    return Script("an edit that is refused", False, steps)


def other_options(dice: Random) -> Script:
    """The failures of the round before, by ever other commands, and no edit."""
    failing, steps = CASES[: dice.randint(1, 3)], _begin(dice)
    for n in range(_length(dice) // 2):
        steps += [tests(dice, failing, f"python -m pytest -q --maxfail={n}", line=n), search(dice)]
    return Script("other options, the same failures", False, steps, findings(failing))


def back_and_forth(dice: Random) -> Script:
    """It edits to and fro, and the failures of the round before stay."""
    failing, steps = CASES[: dice.randint(1, 2)], _begin(dice)
    for _ in range(_length(dice) // 2):
        steps += [edit(dice), tests(dice, failing)]
    return Script("edits to and fro", False, steps, findings(failing))


def missing_program(dice: Random) -> Script:
    answers = {
        "cargo test": "sh: cargo: not found",
        "which cargo": "",
        "apt-get install -y cargo": "E: Unable to locate package cargo",
    }
    steps = _begin(dice)
    for _ in range(_length(dice) // 3):
        steps += [run(dice, command, answer) for command, answer in answers.items()]
    return Script("a program that is missing", False, steps)


def loose_loop(dice: Random) -> Script:
    """The same test among much reading."""
    steps = _begin(dice)
    for _ in range(_length(dice) // 3):
        steps += [tests(dice, CASES[:1]), *(dice.choice((read, search))(dice) for _ in range(2))]
    return Script("one test among much reading", False, steps, findings(CASES[:1]) if dice.random() < 0.5 else [])


def wandering(dice: Random) -> Script:
    """No file changed, and nothing else: missed."""
    return Script("it wanders", False, [*_begin(dice), *(search(dice) for _ in range(_length(dice)))])


def blind_edits(dice: Random) -> Script:
    """Ever other edits, and no test: missed."""
    return Script("edits without end", False, [*_begin(dice), *(edit(dice) for _ in range(_length(dice)))])


SHAPES: tuple[Callable[[Random], Script], ...] = (
    one_command, two_commands, rereading, refused_edits, other_options, back_and_forth, missing_program, loose_loop, wandering, blind_edits
)  # fmt: skip
