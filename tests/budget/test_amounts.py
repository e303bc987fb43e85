"""One formatter of amounts, for pages, sentences and commands."""

import pytest

from budget.amounts import exact_usd, format_usd


@pytest.mark.parametrize(
    ("micro", "shown", "exact"),
    [
        (None, "—", None),
        (0, "$0.00", "$0.00"),
        (50, "<$0.0001", "<$0.0001"),
        (3_200, "$0.0032", "$0.0032"),
        (51_200, "$0.05", "$0.0512"),
        (1_800_000, "$1.80", "$1.80"),
        (1_802_500, "$1.80", "$1.8025"),
        (-370_000, "−$0.37", "−$0.37"),
        (1_234_500_000, "$1,234.50", "$1,234.50"),
    ],
)
def test_an_amount_is_written_one_way(micro: int | None, shown: str, exact: str | None) -> None:
    assert format_usd(micro) == shown
    if micro is not None:
        assert exact_usd(micro) == exact
