"""Pages word ages and durations exactly. Pure functions."""

import pytest

from dashboard.shared.texts import labels


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "just now"),
        (4.9, "just now"),
        (42, "42s ago"),
        (60, "1m ago"),
        (3599, "59m ago"),
        (3600, "1h ago"),
        (80_000, "22h ago"),
    ],
)
def test_an_age_has_one_unit(seconds: float, expected: str) -> None:
    assert labels.age(seconds) == expected


def test_durations_are_exact_to_the_second() -> None:
    assert [labels.duration(span) for span in (42, 425, 11_520, 187_200)] == ["42s", "7m 05s", "3h 12m", "2d 04h"]
