"""The remaining cost of the open backlog, resampled from the entries of this workspace so far. Pure. Micro-USD.

After each round an entry ends or continues. The chance to end after the first, second, ... round is counted over all entries that reached
it, including open ones: quick entries end first, and counting only ended entries would make the others look as quick.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

MAX_DRAWN = 200  # open entries that are drawn; more are scaled up from this sample
DOUBT = 0.7  # extra spread, since resampling a few entries underestimates the variance (calibrated in bench/steering/README.md)
CAUTION = 1.0  # the weight of the workspace's average, in entries, where few entries reached a round


@dataclass(frozen=True, slots=True)
class Life:
    """An entry so far: its rounds, their cost, how many it has left. `over`: done, failed or on a plateau."""

    rounds: int
    cost: int
    left: int
    over: bool


def is_ahead(life: Life) -> bool:
    """True if the entry may still cost something."""
    return not life.over and life.left > 0


def end_costs(lives: Sequence[Life], *, draws: int, dice: random.Random) -> list[int]:
    """The remaining cost of the open entries, `draws` times, each time from a new resample. Sorted; empty when there is no round yet."""
    seen = [life for life in lives if life.rounds and life.cost > 0]
    ahead = [life for life in lives if is_ahead(life)]
    if not seen:
        return []
    return sorted(_once(ahead, dice.choices(seen, k=len(seen)), dice) for _ in range(draws))


def _once(ahead: Sequence[Life], seen: Sequence[Life], dice: random.Random) -> int:
    longest = max(life.rounds for life in seen)
    reached, ended = [0] * (longest + 1), [0] * (longest + 1)
    for life in seen:
        for number in range(1, life.rounds + 1):
            reached[number] += 1
        ended[life.rounds] += life.over
    usual = (sum(ended) + 0.5) / (sum(reached) + 1)
    chance = [(ended[n] + CAUTION * usual) / (reached[n] + CAUTION) for n in range(longest + 1)]
    middle = sum(life.cost / life.rounds for life in seen) / len(seen)
    drawn = ahead if len(ahead) <= MAX_DRAWN else dice.sample(ahead, MAX_DRAWN)
    total = 0.0
    for life in drawn:
        if life.rounds:
            total += (life.cost + middle) / (life.rounds + 1) * _rounds(life, chance, usual, dice)
        else:  # like an entry that started before it: entries with many rounds often have expensive ones
            like = seen[int(dice.random() * len(seen))]
            more = 0 if like.over else _rounds(Life(like.rounds, like.cost, life.left - like.rounds, False), chance, usual, dice)
            total += like.cost / like.rounds * min(like.rounds + more, life.left)
    doubt = math.exp(dice.gauss(0, DOUBT / math.sqrt(len(seen))))
    return int(total * len(ahead) / max(len(drawn), 1) * doubt)


def _rounds(life: Life, chance: Sequence[float], usual: float, dice: random.Random) -> int:
    """Draw the number of rounds that the entry still takes, at least one."""
    more = 1
    while more < life.left:
        number = life.rounds + more
        if dice.random() < (chance[number] if number < len(chance) else usual):
            break
        more += 1
    return more
