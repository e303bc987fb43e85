"""The rules of approval decide which work needs a person, from its commits and the tables."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from budget.amounts import usd
from orchestration.approval.policy import Facts, why
from orchestration.configuration import Approve

WORK = Facts(paths=("src/pay/card.py", "README.md"), lines=40, cost=usd("2.50"), labels=("task", "gpu"))


def when(**rules: object) -> Approve:
    return Approve.model_validate({"mode": "when", **rules})


def test_nothing_waits_by_default() -> None:
    assert why(Approve(), WORK) == ""
    assert why(Approve(mode="never", paths=["**"]), WORK) == ""


def test_everything_waits_when_all_work_is_approved() -> None:
    assert why(Approve(mode="always"), Facts()) == "Everything that lands here is approved first"


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ({"paths": ["src/pay/**"]}, "It changes src/pay/card.py"),
        ({"paths": ["src/*"]}, ""),
        ({"paths": ["docs/**", "*.md"]}, "It changes README.md"),
        ({"cost_usd": Decimal("2.5")}, "It has cost $2.50; from $2.50 on, work is approved first"),
        ({"cost_usd": Decimal("2.51")}, ""),
        ({"lines": 40}, "It changes 40 lines; from 40 on, work is approved first"),
        ({"lines": 41}, ""),
        ({"labels": ["web", "gpu"]}, "It is labelled gpu"),
        ({"labels": ["web"]}, ""),
    ],
)
def test_one_condition_is_enough(rules: dict[str, object], sentence: str) -> None:
    assert why(when(**rules), WORK) == sentence


def test_many_paths_are_named_in_short() -> None:
    many = Facts(paths=[f"src/{n}" for n in range(5)])
    assert why(when(paths=["src/**"]), many) == "It changes src/0, src/1, src/2 and 2 more"


def test_when_needs_a_condition() -> None:
    with pytest.raises(ValidationError, match="needs a condition"):
        when()
