"""What an entry still needs, read off its own rounds and those of its workspace. Pure. Money in micro-USD, scores from 0 to 1."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

PRIOR_ROUNDS = 1.0  # how many of an entry's own rounds the workspace's median weighs as much as
ROOMY = 4.0  # what is set aside for a round, as a multiple of what it usually costs: a round cut short is paid and not judged
FRUITLESS = 0.1  # a round that gained less leaves doubts,
DOUBT = 10.0  # and each one in a row moves its entry back as if it needed ten times as much


@dataclass(frozen=True, slots=True)
class Round:
    """What a round cost, and its score minus the best score before it. None: it was not verified."""

    cost: int
    gain: float | None


@dataclass(frozen=True, slots=True)
class Typical:
    """What is usual in the workspace: a round's cost, the score that a micro-USD brings, and what a whole entry costs at that pace."""

    round: int
    pace: float
    whole: float
    known: bool


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an entry may still cost (`need`), and with doubts (`rank`: smaller is better). `gained` for `paid`: in its last `rounds`
    verified rounds, at most two. `stuck`: on a plateau."""

    need: int
    rank: float
    round: int
    gained: float
    paid: int
    rounds: int
    stuck: bool


def verified(rounds: Sequence[Round]) -> list[Round]:
    """The verified rounds. What unverified ones cost is added to the next verified one, whose work it began; several at the end that led
    to no verdict count as one that gained nothing."""
    found, carried, without = [], 0, 0
    for one in rounds:
        if one.gain is None:
            carried, without = carried + max(one.cost, 0), without + (one.cost > 0)
        else:
            found.append(Round(carried + max(one.cost, 0), max(one.gain, 0.0)))
            carried = without = 0
    return [*found, Round(carried, 0.0)] if without >= 2 else found


def best(rounds: Sequence[Round]) -> float:
    """The best score so far: the gains are counted from it."""
    return min(sum(max(one.gain or 0.0, 0.0) for one in rounds), 1.0)


def typical(histories: Iterable[Sequence[Round]], *, least: int, most: int) -> Typical:
    """Medians over the workspace. Without any round: a round is taken to cost `most`, and a whole entry three of them."""
    costs, paces = [], []
    for rounds in histories:
        costs += [one.cost for one in rounds if one.cost > 0]
        judged = verified(rounds)
        if paid := sum(one.cost for one in judged):
            paces.append(best(judged) / paid)
    usual = int(median(costs)) if costs else most
    usual = max(min(usual, most), least, 1)
    pace = median(paces) if paces else 0.0
    pace = max(pace, 1 / (10 * usual)) if costs else 1 / (3 * usual)
    return Typical(usual, pace, 1 / pace, bool(costs))


def outlook(
    rounds: Sequence[Round], usual: Typical, *, counted: int | None = None, plateau_rounds: int, plateau_epsilon: float
) -> Outlook:
    """(1 - best score) / (improvement per dollar over the last two rounds), shrunk towards the workspace's median with few rounds.
    `counted`: only so many of the newest rounds can speak against it; None: all."""
    judged = verified(rounds)
    recent = judged[-2:]
    gained, paid = sum(one.gain or 0.0 for one in recent), sum(one.cost for one in recent)
    weight = PRIOR_ROUNDS * usual.round
    pace = (gained + weight * usual.pace) / (paid + weight)
    own = [one.cost for one in rounds if one.cost > 0][-3:]
    cost = int((sum(own) + usual.round) / (len(own) + 1))
    counted = len(judged) if counted is None else min(counted, len(judged))
    since = judged[len(judged) - counted :]
    last = since[-plateau_rounds:]
    stuck = len(last) >= plateau_rounds and all((one.gain or 0.0) < plateau_epsilon for one in last)
    need = max(1.0 - best(rounds), 0.02) / pace
    fruitless = next((n for n, one in enumerate(reversed(since)) if (one.gain or 0.0) >= FRUITLESS), len(since))
    return Outlook(int(need), need * DOUBT**fruitless, cost, gained, paid, len(recent), stuck)
