import unittest

from tally import accounts


class Names(unittest.TestCase):
    def test_valid_names(self):
        for name in ("food", "assets:bank", "assets:bank:joint account", "income:side-job"):
            with self.subTest(name):
                self.assertTrue(accounts.valid(name))

    def test_invalid_names(self):
        for name in ("", ":", "assets:", ":bank", "a::b", " food", "food ", "a: b"):
            with self.subTest(name):
                self.assertFalse(accounts.valid(name))

    def test_ancestors_are_nearest_first(self):
        self.assertEqual(accounts.ancestors("assets:bank:joint"), ["assets:bank", "assets"])
        self.assertEqual(accounts.ancestors("food"), [])


class Matching(unittest.TestCase):
    def test_an_account_and_all_below(self):
        self.assertTrue(accounts.matches("assets", "assets"))
        self.assertTrue(accounts.matches("assets:bank:joint", "assets:bank"))
        self.assertFalse(accounts.matches("assets", "assets:bank"))

    def test_half_a_word_is_no_match(self):
        self.assertFalse(accounts.matches("foodstuff", "food"))

    def test_a_star_is_any_word(self):
        self.assertTrue(accounts.matches("assets:bank:joint", "*:bank"))
        self.assertFalse(accounts.matches("assets:cash", "*:bank"))
