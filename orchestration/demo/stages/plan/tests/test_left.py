import unittest


class Left(unittest.TestCase):
    def left(self, planned, spent):
        from tally import left

        return left.left(planned, spent)

    def test_what_is_spent_is_taken_off(self):
        self.assertEqual(self.left({"expenses:food": 30000}, {"expenses:food": 12050}), {"expenses:food": 17950})

    def test_more_than_planned_is_negative(self):
        self.assertEqual(self.left({"expenses:food": 100}, {"expenses:food": 150}), {"expenses:food": -50})

    def test_what_was_not_planned_is_overspent(self):
        self.assertEqual(self.left({}, {"expenses:fun": 150}), {"expenses:fun": -150})
