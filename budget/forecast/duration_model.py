"""What the open backlog will still cost, drawn at random from how entries of this workspace went so far. Pure. Micro-USD.

After each round an entry ends or goes on. How many ended after their first, second, ... round is counted over all entries that came so far,
those still open too: the quick ones end first, and counting only what has ended would make the rest look as quick.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

MOST_DRAWN = 200  # open entries drawn one by one; more are scaled up from so many
DOUBT = 0.5  # of a few entries, resampling shows less than the truth varies: found by holding the ranges to it (docs/explanation/steering.md)
CAUTION = 1.0  # how many entries the workspace's average weighs as much as, where few came that far


@dataclass(frozen=True, slots=True)
class Life:
    """An entry so far: rounds made, what they cost, how many it may still make. `over`: done, failed or on a plateau."""

    made: int
    cost: int
    left: int
    over: bool


def end_costs(lives: Sequence[Life], *, draws: int, dice: random.Random) -> list[int]:
    """What the open ones will still cost, `draws` times: each time from entries drawn anew, since we saw only these. Sorted; empty when no
    entry made a round yet."""
    seen = [life for life in lives if life.made and life.cost > 0]
    ahead = [life for life in lives if not life.over and life.left > 0]
    if not seen:
        return []
    return sorted(_once(ahead, dice.choices(seen, k=len(seen)), dice) for _ in range(draws))


def _once(ahead: Sequence[Life], seen: Sequence[Life], dice: random.Random) -> int:
    longest = max(life.made for life in seen)
    reached, ended = [0] * (longest + 1), [0] * (longest + 1)
    for life in seen:
        for number in range(1, life.made + 1):
            reached[number] += 1
        ended[life.made] += life.over
    usual = (sum(ended) + 0.5) / (sum(reached) + 1)
    chance = [(ended[n] + CAUTION * usual) / (reached[n] + CAUTION) for n in range(longest + 1)]
    middle = sum(life.cost / life.made for life in seen) / len(seen)
    drawn = ahead if len(ahead) <= MOST_DRAWN else dice.sample(ahead, MOST_DRAWN)
    total = 0.0
    for life in drawn:
        if life.made:
            total += (life.cost + middle) / (life.made + 1) * _rounds(life, chance, usual, dice)
        else:  # as one that began before it: those that take many rounds often have dear ones
            like = seen[int(dice.random() * len(seen))]
            more = 0 if like.over else _rounds(Life(like.made, like.cost, life.left - like.made, False), chance, usual, dice)
            total += like.cost / like.made * min(like.made + more, life.left)
    doubt = math.exp(dice.gauss(0, DOUBT / math.sqrt(len(seen))))
    return int(total * len(ahead) / max(len(drawn), 1) * doubt)


def _rounds(life: Life, chance: Sequence[float], usual: float, dice: random.Random) -> int:
    """How many more it makes: one at least, then as the dice say."""
    more = 1
    while more < life.left:
        number = life.made + more
        if dice.random() < (chance[number] if number < len(chance) else usual):
            break
        more += 1
    return more
