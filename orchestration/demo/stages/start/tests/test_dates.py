import unittest
from datetime import date

from tally import dates


class Parsing(unittest.TestCase):
    def test_iso_days(self):
        self.assertEqual(dates.parse("2024-03-05"), date(2024, 3, 5))

    def test_days_in_words(self):
        self.assertEqual(dates.parse("5 Mar 2024"), date(2024, 3, 5))
        self.assertEqual(dates.parse(" 29 February 2024 "), date(2024, 2, 29))

    def test_nonsense_is_refused(self):
        for text in ("", "yesterday", "2024-13-01", "2023-02-29", "2024-03"):
            with self.subTest(text), self.assertRaisesRegex(ValueError, "is not a day"):
                dates.parse(text)


class Months(unittest.TestCase):
    def test_a_month_sorts_as_text(self):
        self.assertEqual(dates.month(date(2024, 3, 5)), "2024-03")
        self.assertEqual(dates.month(date(2024, 11, 30)), "2024-11")

    def test_months_across_a_new_year(self):
        self.assertEqual(dates.months("2023-11", "2024-02"), ["2023-11", "2023-12", "2024-01", "2024-02"])

    def test_one_month_and_none(self):
        self.assertEqual(dates.months("2024-03", "2024-03"), ["2024-03"])
        self.assertEqual(dates.months("2024-03", "2024-02"), [])

    def test_last_days(self):
        self.assertEqual(dates.last_day("2024-02"), date(2024, 2, 29))
        self.assertEqual(dates.last_day("2023-12"), date(2023, 12, 31))
        self.assertEqual(dates.last_day("2024-04"), date(2024, 4, 30))
