"""One formatter and one parser of amounts, for pages, sentences and commands."""

from decimal import Decimal

import pytest

from budget import amounts
from budget.amounts import NotMoney, columns, exact_usd, format_usd, full_usd, parse_usd, plain_usd


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


@pytest.mark.parametrize(
    ("micro", "shown", "exact"),
    [
        (99, "<$0.0001", "<$0.0001"),
        (100, "$0.0001", "$0.0001"),
        (9_999, "$0.0100", "$0.01"),
        (10_000, "$0.01", "$0.01"),
        (-99, "−<$0.0001", "−<$0.0001"),
        (20_100_000, "$20.10", "$20.10"),
        (20_100_100, "$20.10", "$20.1001"),
    ],
)
def test_decimals_change_at_their_bounds(micro: int, shown: str, exact: str) -> None:
    assert (format_usd(micro), exact_usd(micro)) == (shown, exact)
    assert format_usd(micro, estimate=True) == f"≈ {shown}"


@pytest.mark.parametrize(
    ("text", "micro"),
    [("1000000000", 10**15), ("−1.5", -1_500_000), ("-$1.5", -1_500_000), ("- 2", -2_000_000), ("-1000000000", -(10**15))],
)
def test_a_signed_amount_is_read_with_either_minus_up_to_the_bound(text: str, micro: int) -> None:
    assert parse_usd(text, signed=True) == micro
    if micro < 0:
        with pytest.raises(NotMoney, match="0 or more"):
            parse_usd(text)


@pytest.mark.parametrize(
    ("value", "micro"),
    [
        (0, 0),
        (1, 1_000_000),
        (Decimal("1.0000000"), 1_000_000),
        (Decimal("0.000001"), 1),
        (Decimal("1E+2"), 10**8),
        (10**9, 10**15),
    ],
)
def test_a_number_of_json_is_an_amount(value: object, micro: int) -> None:
    assert amounts.from_json(value) == micro


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (True, "must be a number"), ("1", "must be a number"), (None, "must be a number"), (1.5, "must be a number"),
        (Decimal("NaN"), "finite"), (Decimal("Infinity"), "finite"), (Decimal("0.0000001"), "more than 6 decimals"),
        (Decimal("1.0000001"), "more than 6 decimals"), (-1, "0 or more"), (10**9 + 1, "at most 1000000000"),
        (Decimal("1E+999999"), "at most 1000000000"), (-(10**9) - 1, "at least -1000000000"),
    ],
)  # fmt: skip
def test_what_is_no_amount_of_json_is_refused_with_the_reason(value: object, why: str) -> None:
    with pytest.raises(NotMoney, match=why):
        amounts.from_json(value)


@pytest.mark.parametrize(
    ("parts", "shown", "total"),
    [
        ([0, 1_000_000], ["$0.00", "$1.00"], "$1.00"),
        ([0, 100, 1_000_000], ["$0.0000", "$0.0001", "$1.0000"], "$1.0001"),
        ([99, 1_000_000], ["$0.000099", "$1.000000"], "$1.000099"),
        ([10_000, 4_999], ["$0.0100", "$0.0050"], "$0.0150"),
        ([1_006_000, 1_006_000, 1_003_000], ["$1.01", "$1.01", "$1.00"], "$3.02"),
        ([1_004_000, 1_003_000, 1_004_000], ["$1.01", "$1.00", "$1.00"], "$3.01"),
        ([], [], "$0.00"),
    ],
)
def test_a_column_has_one_precision_and_its_largest_remainders_are_rounded_up(
    parts: list[int], shown: list[str], total: str
) -> None:
    assert columns.texts(parts) == (shown, total)


@pytest.mark.parametrize(
    ("parts", "shares"),
    [
        ([1, 1, 1], ["34 %", "33 %", "33 %"]),
        ([0, 1, 999], ["0 %", "< 1 %", "100 %"]),
        ([-5, 3], ["—", "—"]),
        ([1, 2], ["33 %", "67 %"]),
    ],
)
def test_shares_are_of_the_whole(parts: list[int], shares: list[str]) -> None:
    assert columns.shares(parts) == shares


def test_an_exact_amount_has_the_decimals_that_its_column_needs() -> None:
    assert [columns.exact(10_000, other) for other in (0, 1_000, 100, 10, 1)] == [
        "$0.01",
        "$0.010",
        "$0.0100",
        "$0.01000",
        "$0.010000",
    ]
