"""Estimates of what an entry still needs, from its own rounds and those of its workspace. Pure. Money in micro-USD, scores from 0 to 1."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

PRIOR_ROUNDS = 1.0  # the weight of the workspace's median, in rounds of the entry itself
ROOMY = 4.0  # the reservation for a round, as a multiple of its usual cost: a round cut short costs money and is never verified
FRUITLESS = 0.1  # a round with a smaller gain is fruitless:
DOUBT = 10.0  # each one in a row ranks its entry as if it needed ten times as much


@dataclass(frozen=True, slots=True)
class Round:
    """A round's cost, and its gain: its score minus the best score before it. None: not verified."""

    cost: int
    gain: float | None


@dataclass(frozen=True, slots=True)
class Typical:
    """The workspace's medians: a round's cost, the score gained per micro-USD, and the cost of a whole entry at that pace."""

    round: int
    pace: float
    whole: float
    known: bool


@dataclass(frozen=True, slots=True)
class Prior:
    """The expected need of an entry before it has rounds of its own: the cost of a round, and their number."""

    round: int
    rounds: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """The expected remaining cost of an entry (`need`), and the same after fruitless rounds (`rank`: smaller is better). `gained` for
    `paid`: in its last `rounds` verified rounds, at most two. `stuck`: on a plateau."""

    need: int
    rank: float
    round: int
    gained: float
    paid: int
    rounds: int
    stuck: bool


def verified_rounds(rounds: Sequence[Round]) -> list[Round]:
    """The verified rounds. The cost of unverified rounds is added to the next verified one, which continues their work. Two or more
    unverified rounds at the end count as one without a gain."""
    judged, carried, without = [], 0, 0
    for round_ in rounds:
        if round_.gain is None:
            carried, without = carried + max(round_.cost, 0), without + (round_.cost > 0)
        else:
            judged.append(Round(carried + max(round_.cost, 0), max(round_.gain, 0.0)))
            carried = without = 0
    return [*judged, Round(carried, 0.0)] if without >= 2 else judged


def best_score(rounds: Sequence[Round]) -> float:
    """The best score so far, as the sum of the gains."""
    return min(sum(max(round_.gain or 0.0, 0.0) for round_ in rounds), 1.0)


def find_typical(histories: Iterable[Sequence[Round]], *, min_round: int, max_round: int) -> Typical:
    """Medians over the workspace. Without any round: a round costs `max_round`, and a whole entry three of them."""
    costs, paces = [], []
    for rounds in histories:
        costs += [round_.cost for round_ in rounds if round_.cost > 0]
        judged = verified_rounds(rounds)
        if paid := sum(round_.cost for round_ in judged):
            paces.append(best_score(judged) / paid)
    usual = int(median(costs)) if costs else max_round
    usual = max(min(usual, max_round), min_round, 1)
    pace = median(paces) if paces else 0.0
    pace = max(pace, 1 / (10 * usual)) if costs else 1 / (3 * usual)
    return Typical(usual, pace, 1 / pace, bool(costs))


def expected(usual: Typical, prior: Prior | None) -> Typical:
    """The workspace's medians, or what an entry's prior says instead. A prior counts only where the medians are known, and within ten times
    of them: it comes from an agent."""
    if prior is None or not usual.known:
        return usual
    round_ = max(min(prior.round, 10 * usual.round), usual.round // 10, 1)
    whole = max(min(round_ * max(prior.rounds, 1.0), 10 * usual.whole), usual.whole / 10)
    return Typical(round_, 1 / whole, whole, True)


def outlook(
    rounds: Sequence[Round], usual: Typical, *, counted: int | None = None, plateau_rounds: int, plateau_epsilon: float
) -> Outlook:
    """(1 - best score) / (improvement per dollar over the last two rounds), shrunk towards the workspace's median with few rounds.
    `counted`: how many of the newest rounds count as fruitless or as a plateau; None: all."""
    judged = verified_rounds(rounds)
    recent = judged[-2:]
    gained, paid = sum(round_.gain or 0.0 for round_ in recent), sum(round_.cost for round_ in recent)
    weight = PRIOR_ROUNDS * usual.round
    pace = (gained + weight * usual.pace) / (paid + weight)
    own = [round_.cost for round_ in rounds if round_.cost > 0][-3:]
    cost = int((sum(own) + usual.round) / (len(own) + 1))
    counted = len(judged) if counted is None else min(counted, len(judged))
    since = judged[len(judged) - counted :]
    last = since[-plateau_rounds:]
    stuck = len(last) >= plateau_rounds and all((round_.gain or 0.0) < plateau_epsilon for round_ in last)
    need = max(1.0 - best_score(rounds), 0.02) / pace
    fruitless = next((n for n, round_ in enumerate(reversed(since)) if (round_.gain or 0.0) >= FRUITLESS), len(since))
    return Outlook(int(need), need * DOUBT**fruitless, cost, gained, paid, len(recent), stuck)
