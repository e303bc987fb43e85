import unittest
from datetime import date

from tally import journal
from tally.journal import Posting, Transaction

SIMPLE = """\
2024-01-05 Grocer
    food           12.30
    assets:bank   -12.30

2024-01-31 Work
    assets:bank  2,500.00
    income      -2,500.00
"""


class Reading(unittest.TestCase):
    def test_days_and_texts(self):
        found = journal.parse(SIMPLE)
        self.assertEqual([(each.day, each.text) for each in found], [(date(2024, 1, 5), "Grocer"), (date(2024, 1, 31), "Work")])

    def test_postings(self):
        self.assertEqual(journal.parse(SIMPLE)[1].postings, (Posting("assets:bank", 250000), Posting("income", -250000)))

    def test_an_empty_journal(self):
        self.assertEqual(journal.parse("\n\n"), [])

    def test_comments(self):
        text = "; my journal\n2024-01-05 Grocer ; the one at the corner\n  food  1.00 ; bread\n  cash  -1.00\n"
        self.assertEqual(journal.parse(text)[0].text, "Grocer")
        self.assertEqual(journal.parse(text)[0].postings, (Posting("food", 100), Posting("cash", -100)))

    def test_an_amount_left_out_is_the_rest(self):
        text = "2024-01-05 Grocer\n  food  1.00\n  home  0.50\n  joint account\n"
        self.assertEqual(journal.parse(text)[0].postings[-1], Posting("joint account", -150))

    def test_a_bad_line_is_named(self):
        for text, number in (
            ("2024-01-05 X\n  food  abc\n", 2),
            ("  food  1.00\n", 1),
            ("soon X\n", 1),
            ("2024-01-05 X\n  a\n  b\n", 3),
        ):
            with self.subTest(text), self.assertRaisesRegex(ValueError, f"line {number}: "):
                journal.parse(text)


class Balancing(unittest.TestCase):
    def a_transaction(self, *amounts: int) -> Transaction:
        return Transaction(date(2024, 1, 5), "Grocer", tuple(Posting("food", cents) for cents in amounts))

    def test_the_total_is_the_sum(self):
        self.assertEqual(journal.total(self.a_transaction(100, 50, -150)), 0)
        self.assertEqual(journal.total(self.a_transaction(100, 50)), 150)

    def test_nothing_to_say_when_all_is_right(self):
        self.assertEqual(journal.unbalanced([self.a_transaction(100, -100)]), [])

    def test_what_is_wrong_is_said(self):
        found = journal.unbalanced([self.a_transaction(100, -100), self.a_transaction(123456, -1)])
        self.assertEqual(found, ["2024-01-05 Grocer is off by 1,234.55"])
