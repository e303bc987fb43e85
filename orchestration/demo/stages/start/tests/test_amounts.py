import unittest

from tally import amounts


class Parsing(unittest.TestCase):
    def test_whole_numbers(self):
        self.assertEqual(amounts.parse("12"), 1200)

    def test_cents(self):
        self.assertEqual(amounts.parse(" 12.30 "), 1230)
        self.assertEqual(amounts.parse("7.5"), 750)

    def test_no_cent_is_lost(self):
        for cents in range(0, 1000):
            self.assertEqual(amounts.parse(f"{cents // 100}.{cents % 100:02}"), cents)

    def test_negative_amounts(self):
        self.assertEqual(amounts.parse("-3.20"), -320)

    def test_thousands(self):
        self.assertEqual(amounts.parse("1,234,567.50"), 123456750)

    def test_parentheses_are_negative(self):
        self.assertEqual(amounts.parse("(4.00)"), -400)

    def test_nonsense_is_refused(self):
        for text in ("", "abc", "1.234", "1.2.3", "1,23", "(-1)", "1e3", "NaN"):
            with self.subTest(text), self.assertRaises(ValueError):
                amounts.parse(text)


class Showing(unittest.TestCase):
    def test_two_decimals_always(self):
        self.assertEqual(amounts.show(1230), "12.30")
        self.assertEqual(amounts.show(5), "0.05")

    def test_negative_amounts(self):
        self.assertEqual(amounts.show(-5), "-0.05")
        self.assertEqual(amounts.show(-1230), "-12.30")

    def test_thousands(self):
        self.assertEqual(amounts.show(123456789), "1,234,567.89")


class Sharing(unittest.TestCase):
    def test_the_parts_add_up(self):
        for cents in (0, 1, 99, 100, 1000, -1001):
            for parts in (1, 2, 3, 7):
                self.assertEqual(sum(amounts.share(cents, parts)), cents)

    def test_the_bigger_parts_come_first(self):
        self.assertEqual(amounts.share(100, 3), [34, 33, 33])

    def test_nobody_to_share_with(self):
        with self.assertRaises(ValueError):
            amounts.share(100, 0)
