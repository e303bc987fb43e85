import unittest
from datetime import date


class Reach(unittest.TestCase):
    def reach(self, cents, each_day, day):
        from tally import reach

        return reach.reach(cents, each_day, day)

    def test_the_day_on_which_it_is_gone(self):
        self.assertEqual(self.reach(1000, 300, date(2024, 3, 1)), date(2024, 3, 4))

    def test_it_crosses_a_month(self):
        self.assertEqual(self.reach(700, 100, date(2024, 2, 25)), date(2024, 3, 3))

    def test_without_spending_it_lasts(self):
        self.assertIsNone(self.reach(1000, 0, date(2024, 3, 1)))
