"""One formatter and one parser of amounts, for pages, sentences and commands."""

from decimal import Decimal

import pytest

from budget import amounts
from budget.amounts import NotMoney, exact_usd, format_usd, full_usd, parse_usd, plain_usd


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


@pytest.mark.parametrize(
    ("text", "micro"),
    [
        ("12.5", 12_500_000),
        (" $1,234.50 ", 1_234_500_000),
        ("0.000001", 1),
        ("7.", 7_000_000),
        (".5", 500_000),
        ("12.5000000", 12_500_000),
    ],
)
def test_a_typed_amount_is_read(text: str, micro: int) -> None:
    assert parse_usd(text) == micro


@pytest.mark.parametrize(
    "text", ["", "$", ".", "a lot", "NaN", "1e3", "12,50", "1,00,000", "0.0000001", "-1", "1000000001", "١٢"]
)
def test_text_that_is_not_an_amount_is_refused(text: str) -> None:
    with pytest.raises(NotMoney):
        parse_usd(text)


@pytest.mark.parametrize("micro", [0, 1, 12_500_000, -250_000, -1, 1_234_567_890])
def test_a_plain_amount_can_be_typed_again(micro: int) -> None:
    assert parse_usd(plain_usd(micro), signed=True) == micro


def test_a_full_amount_shows_every_digit() -> None:
    assert [full_usd(micro) for micro in (12_500_000, -1)] == ["$12.50", "−$0.000001"]


@pytest.mark.parametrize(
    ("amount", "micro"),
    [
        ("0.013000000000000001", 13_000),
        (str(0.1 + 0.2), 300_000),
        (str(sum([0.0141] * 1000)), 14_100_000),
        ("0.0130000001", 13_001),
        ("0.0000000001", 1),
        ("999999999.123456", 999_999_999_123_456),
        ("0", 0),
    ],
)
def test_a_price_is_rounded_up_but_not_for_the_noise_of_binary_fractions(amount: str, micro: int) -> None:
    assert amounts.round_up(Decimal(amount)) == micro
