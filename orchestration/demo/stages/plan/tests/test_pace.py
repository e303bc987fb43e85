import unittest
from datetime import date


class Pace(unittest.TestCase):
    def pace(self, cents, day):
        from tally import pace

        return pace.pace(cents, day)

    def test_the_rest_is_for_today_and_the_days_to_come(self):
        self.assertEqual(self.pace(3100, date(2024, 3, 1)), 100)
        self.assertEqual(self.pace(3000, date(2024, 3, 30)), 1500)

    def test_the_last_day_has_all_of_it(self):
        self.assertEqual(self.pace(501, date(2024, 2, 29)), 501)

    def test_nothing_left_is_nothing_a_day(self):
        self.assertEqual(self.pace(-50, date(2024, 3, 1)), 0)
