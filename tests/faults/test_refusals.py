"""A provider refuses agents at random while their workers are killed: a small part of `python -m bench refusals`."""

from pathlib import Path

from tests.faults import refusals
from tests.faults.refusals import Ran, Refusal


def test_refusals_and_kills_lose_no_entry_pay_nothing_twice_and_pause_no_other_agent(tmp_path: Path) -> None:
    figures = refusals.trial(tmp_path, refusals=10, seed=3, workspaces=2, kill_every_s=8, within_s=200)
    print(figures)
    assert figures.broken == 0, figures
    assert figures.refusals == 10 and figures.fallbacks > 0


def test_a_probe_is_a_session_claimed_after_a_refusal_was_known_and_before_its_reset() -> None:
    def ran(id_: str, claimed_at: float, *, agent: str = "a", outcome: str = "unavailable") -> Ran:
        return Ran(id_, "entry", "workspace", agent, outcome, claimed_at, claimed_at + 1, None)

    refused, joint, early, other, after = ran("1", 10), ran("2", 10.5), ran("3", 12), ran("4", 12, agent="b"), ran("5", 20)
    known = Refusal("a", "1", "quota", 10.5, 20)
    assert refusals.probes([known], [refused, joint, early, other, after]) == [(known, early)]
    unknown = Refusal("a", "1", "quota", 10.5, None)
    assert refusals.probes([unknown], [refused, early]) == []
    assert refusals.probes([known], [ran("1", 10, outcome="lost"), early]) == [], "Muster never heard of it"
