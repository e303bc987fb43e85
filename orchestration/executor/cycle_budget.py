"""The money of one cycle: what a start reserves first, and the sentence of an entry that waits for money. Pure; amounts in micro-USD."""

from dataclasses import dataclass

from budget.amounts import exact_usd

ROOMY = 2  # a first reservation, where money is short and the cost of a round is known, as a multiple of it


@dataclass(frozen=True, slots=True)
class Claim:
    """An entry's claim to the cycle's budget. `left`: what its own budget or its share still allows. `is_share`: it has no budget of its own.
    `is_begun`: its round has begun in an earlier session, and may need little more. `sessions`: how many start at once."""

    left: int
    is_share: bool
    least: int
    is_begun: bool = False
    sessions: int = 1

    @property
    def is_funded(self) -> bool:
        return self.left >= self.least


@dataclass(slots=True)
class CycleBudget:
    """`cap`: what may still be reserved under the cap and the limits. `plan`: what shares may still take of the plan. `spare`: the part
    of it that no share of a session at work covers. `reserved`: by sessions at work, and by the starts of this plan. `awaited`: reserved for
    ended sessions, `awaits` in words. `at_work`: shares of
    sessions at work beyond their reservations, and what those that run low need next. `set_aside`: what budgets that people set still
    allow. `usual`: what a round here usually costs, if that `is_known`. `limit_at_start`: agents get their limit once. `steered`: the reallocation decides which entries get money: one without a share starts
    only when nothing else is at work. `sharers`: how many sessions that start share the money; 0: there is enough for all.
    """

    cap: int
    plan: int
    spare: int
    reserved: int
    at_work: int
    set_aside: int
    usual: int
    ceiling: int
    is_known: bool = False
    limit_at_start: bool = False
    steered: bool = False
    awaited: int = 0
    awaits: str = ""
    sharers: int = 0
    whole: bool = False

    def share_among(self, starts: int) -> None:
        """Money is short: so many sessions share it, or fewer, where a round usually costs more than a part. Where nobody knows that and each part
        would be more than half of the ceiling, the first in line get the whole: fewer start, and none of them is cut short. Not where all but
        one could have it: then each part is nearly the whole."""
        money = min(self.cap, self.spare)
        self.sharers = max(min(starts, money // self.usual), 1) if self.is_known and starts else starts
        self.whole = not self.is_known and 2 * money > starts * self.ceiling and starts - money // self.ceiling > 1

    def left(self, claim: Claim) -> int:
        """The most that the start of this entry may reserve."""
        if not claim.is_share:
            return min(self.cap, claim.left)
        if claim.is_funded:
            return min(self.cap, self.plan)
        return 0 if self.steered and self.reserved else min(self.cap, self.spare)

    def needed(self, claim: Claim) -> int:
        """A start takes no less than a round usually costs while sessions at work may give money back, and, where an agent gets its limit once,
        at any time: it would be cut for certain. Else the least round will do."""
        if not claim.least or not (self.reserved or (self.limit_at_start and self.is_known)):
            return claim.least
        usual = self.ceiling if self.whole and self.limit_at_start else self.usual
        usual = usual // 2 if claim.is_begun else usual * claim.sessions
        ceiling = self.ceiling * claim.sessions
        most = ceiling if claim.is_share else min(ceiling, claim.left)
        return max(min(usual, most), claim.least)

    def first_reservation(self, claim: Claim, *, ceiling: int) -> int:
        """Its part of what is left, at most the ceiling, and no more than is needed: others may start before it ends."""
        left = self.left(claim)
        pool = self.cap if not claim.is_share else left
        part = ceiling
        if self.sharers and not self.whole:
            usual = self.usual * claim.sessions
            part = max(pool * min(claim.sessions, self.sharers) // self.sharers, usual, claim.least)
            part = max(min(part, ROOMY * usual), claim.least) if self.is_known else part
        return min(part, ceiling, left)

    def take(self, claim: Claim, reservation: int) -> None:
        self.sharers = max(self.sharers - claim.sessions, min(self.sharers, 1))
        self.cap -= reservation
        self.reserved += reservation
        if claim.is_share:
            self.plan -= reservation
            self.spare -= reservation
        else:
            self.set_aside -= min(reservation, self.set_aside)

    def sentence(self, left: int, claim: Claim, needed: int) -> str:
        """A sentence on the money that an entry with `left` waits for, if sessions or other budgets have enough; empty: nobody has."""
        if self.reserved and left + self.reserved >= needed:
            return f"Waiting for {exact_usd(self.reserved)} reserved by sessions at work"
        if self.at_work and left + self.reserved + self.at_work >= needed:
            return f"Waiting for {exact_usd(self.reserved + self.at_work)} set aside for sessions at work"
        if self.awaited and left + self.reserved + self.at_work + self.awaited >= needed:
            return f"Waiting for {exact_usd(self.awaited)} reserved for {self.awaits}"
        in_all = left + self.reserved + self.at_work + self.awaited + self.set_aside
        if claim.is_share and self.set_aside and in_all >= needed:
            return f"Waiting for {exact_usd(min(self.set_aside, in_all))} set aside for entries with a budget of their own: give it one, too"
        return ""
