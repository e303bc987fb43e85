import unittest
from datetime import date

from tally import balance, journal

JOURNAL = """\
2024-01-05 Grocer
    food           12.30
    assets:bank   -12.30
2024-01-06 Market
    food            7.70
    assets:cash
2024-02-01 Work
    assets:bank   100.00
    income
"""


class Balances(unittest.TestCase):
    def test_amounts_add_up(self):
        found = balance.balances(journal.parse(JOURNAL))
        self.assertEqual(found, {"food": 2000, "assets:bank": 8770, "assets:cash": -770, "income": -10000})

    def test_both_ends_are_included(self):
        found = balance.between(journal.parse(JOURNAL), date(2024, 1, 5), date(2024, 1, 6))
        self.assertEqual([each.text for each in found], ["Grocer", "Market"])

    def test_the_accounts_above_hold_the_sum(self):
        found = balance.rolled_up({"assets:bank": 8770, "assets:cash": -770, "food": 2000})
        self.assertEqual(found, {"assets:bank": 8770, "assets": 8000, "assets:cash": -770, "food": 2000})

    def test_an_account_with_amounts_of_its_own_and_below(self):
        self.assertEqual(balance.rolled_up({"a": 1, "a:b": 2, "a:b:c": 4}), {"a": 7, "a:b": 6, "a:b:c": 4})
