import unittest
from datetime import date

from tally import trend


class Trend(unittest.TestCase):
    def test_months_add_up(self):
        found = trend.monthly([(date(2024, 1, 5), 100), (date(2024, 1, 9), 50), (date(2024, 2, 1), 5)])
        self.assertEqual(found, {"2024-01": 150, "2024-02": 5})

    def test_a_month_without_spending_is_not_left_out(self):
        found = trend.monthly([(date(2024, 2, 1), 5), (date(2023, 12, 24), 100)])
        self.assertEqual(list(found.items()), [("2023-12", 100), ("2024-01", 0), ("2024-02", 5)])
        self.assertEqual(trend.monthly([]), {})

    def test_averages_are_whole_cents(self):
        self.assertEqual(trend.average([100, 101, 101]), 101)
        self.assertEqual(trend.average([]), 0)

    def test_the_newest_is_measured_against_the_average(self):
        self.assertEqual(trend.direction([100, 300, 150]), "falling")
        self.assertEqual(trend.direction([300, 100, 250]), "rising")
        self.assertEqual(trend.direction([100, 100]), "steady")

    def test_one_month_has_no_direction(self):
        self.assertEqual(trend.direction([100]), "steady")
        self.assertEqual(trend.direction([]), "steady")
