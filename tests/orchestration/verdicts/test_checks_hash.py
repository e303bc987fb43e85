"""A verdict counts for another tree only while the same checks would say the same."""

from typing import Any

import pytest

from orchestration import configuration
from orchestration.verdicts import checks_hash

BASE: dict[str, Any] = {"verify": [{"name": "unit", "run": "make test"}], "setup": ["make deps"]}


def hash_of(**changed: Any) -> str:
    return checks_hash.of(configuration.load({**BASE, **changed}))


@pytest.mark.parametrize(
    "changed",
    [
        {"verify": [{"name": "unit", "run": "make all"}]},
        {"verify": [{"name": "unit", "run": "make test", "weight": 2}]},
        {"setup": ["make other"]},
        {"setup": []},
        {"protected": ["tests/**"]},
        {"agent": {"kind": "command", "command": "true", "env": {"LEVEL": "2"}}},
        {"pass_policy": "all_green"},
    ],
)
def test_what_decides_a_verdict_makes_earlier_ones_count_no_more(changed: dict[str, Any]) -> None:
    assert hash_of(**changed) != hash_of()


def test_what_decides_no_verdict_leaves_it() -> None:
    assert hash_of(max_workers=2, round_usd=3) == hash_of()


def test_the_order_of_keys_decides_nothing() -> None:
    first, second = ({"agent": {"kind": "command", "command": "true", "env": dict(env)}} for env in (["a1", "b2"], ["b2", "a1"]))
    assert hash_of(**first) == hash_of(**second)
