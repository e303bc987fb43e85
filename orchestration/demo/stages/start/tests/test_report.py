import unittest

from tally import report


class Table(unittest.TestCase):
    def test_accounts_are_sorted_with_a_total(self):
        lines = report.table({"food": 2000, "assets": -500}).splitlines()
        self.assertEqual([line.split()[0] for line in lines[:2]], ["assets", "food"])
        self.assertEqual(lines[-1].split(), ["total", "15.00"])

    def test_amounts_have_two_decimals(self):
        self.assertIn("1,234.50", report.table({"income": 123450}))

    def test_it_is_as_wide_as_its_widest_line(self):
        expected = "assets:bank:joint account  -1.00\nfood                        2.00\n--------------------------------\ntotal                       1.00"
        self.assertEqual(report.table({"food": 200, "assets:bank:joint account": -100}), expected)

    def test_empty_accounts_are_left_out(self):
        self.assertNotIn("cash", report.table({"food": 200, "cash": 0}))


class Bars(unittest.TestCase):
    def test_bars_are_in_proportion(self):
        self.assertEqual(report.bar(50, 100, 10), "#####")
        self.assertEqual(report.bar(100, 100, 10), "##########")

    def test_a_little_is_more_than_nothing(self):
        self.assertEqual(report.bar(1, 1000, 10), "#")

    def test_nothing_to_draw(self):
        self.assertEqual(report.bar(0, 0, 10), "")
        self.assertEqual(report.bar(-5, 100, 10), "")
