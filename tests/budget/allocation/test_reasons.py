"""The sentence of each change says what decided it."""

from dataclasses import replace

import pytest

from budget.allocation import reasons
from budget.allocation.estimates import Outlook
from budget.amounts import usd

AHEAD = Outlook(need=usd(2), rank=1, round=usd(1), gained=0.25, paid=usd("0.5"), rounds=2, stuck=False)


@pytest.mark.parametrize(
    ("ahead", "case", "sentence"),
    [
        ({}, {"rounds_left": 0}, "all of its rounds are used up"),
        ({"stuck": True}, {"rounds_left": 1}, "its last rounds did not improve it, so it gets no more"),
        ({}, {"given": usd(1)}, "$1.00 is all that is left for it after the entries that come before it by priority or by improvement per dollar"),
        ({}, {"given": 0}, "nothing is left for it after the entries that come before it by priority or by improvement per dollar"),
        ({}, {"has_rounds": False}, "it has no rounds yet, so it first gets enough for one"),
        ({}, {"has_rounds": False, "given": usd(3)}, "it has no rounds yet, so it first gets enough for one; every need is met, so more is set aside for it"),
        ({}, {}, "improved 0.25 for $0.50 in its last two rounds, needs about $2.00 more"),
        ({"rounds": 1}, {}, "improved 0.25 for $0.50 in its last round, needs about $2.00 more"),
        ({"rounds": 0}, {}, "not verified yet, needs about $2.00 more"),
        ({}, {"given": usd(3)}, "improved 0.25 for $0.50 in its last two rounds, needs about $2.00 more; every need is met, so more is set aside for it"),
        ({}, {"want": usd(3), "given": usd(3)}, "improved 0.25 for $0.50 in its last two rounds, needs about $2.00 more, and its next round may cost more than is usual"),
        ({}, {"want": usd(3), "given": usd(4)}, "improved 0.25 for $0.50 in its last two rounds, needs about $2.00 more; every need is met, so more is set aside for it"),
        ({"need": usd(5)}, {"given": usd(4)}, "improved 0.25 for $0.50 in its last two rounds, needs about $5.00 more"),
    ],
)  # fmt: skip
def test_a_change_is_explained(ahead: dict[str, object], case: dict[str, int], sentence: str) -> None:
    seen = replace(AHEAD, **ahead)  # type: ignore[arg-type]
    usual = {"rounds_left": 3, "has_rounds": True, "want": usd(2), "given": usd(2)}
    assert reasons.explain(seen, **(usual | case)) == sentence  # type: ignore[arg-type]
