import json
import unittest


class Export(unittest.TestCase):
    def setUp(self):
        from tally import export

        self.export = export

    def test_csv_is_sorted_with_headings(self):
        self.assertEqual(self.export.to_csv({"food": 1230, "assets": -1230}), "account,cents\nassets,-1230\nfood,1230\n")

    def test_csv_quotes_what_needs_it(self):
        self.assertIn('"food, drinks",5', self.export.to_csv({"food, drinks": 5}))

    def test_json_can_be_read_back(self):
        text = self.export.to_json({"food": 1230, "café": 5})
        self.assertEqual(json.loads(text), [{"account": "café", "cents": 5}, {"account": "food", "cents": 1230}])
        self.assertIn("café", text)

    def test_nothing_to_export(self):
        self.assertEqual(self.export.to_csv({}), "account,cents\n")
        self.assertEqual(json.loads(self.export.to_json({})), [])
