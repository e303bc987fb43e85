import unittest


class Reading(unittest.TestCase):
    def parse(self, text):
        from tally import plan

        return plan.parse(text)

    def test_a_line_plans_an_account(self):
        self.assertEqual(
            self.parse("expenses:food 300\nexpenses:rent 1200.50\n"), {"expenses:food": 30000, "expenses:rent": 120050}
        )

    def test_comments_and_empty_lines_are_left_out(self):
        self.assertEqual(self.parse("; for March\n\nexpenses:food 300 ; for two\n"), {"expenses:food": 30000})

    def test_a_line_that_cannot_be_read_is_named(self):
        with self.assertRaisesRegex(ValueError, "line 2"):
            self.parse("expenses:food 300\nexpenses:rent much\n")
