import io
import tempfile
import unittest
from pathlib import Path

from tally import cli

JOURNAL = "2024-01-05 Grocer\n  food  12.30\n  assets:bank\n2024-01-06 Market\n  food  7.70\n  assets:cash\n"


class CommandLine(unittest.TestCase):
    def run_on(self, text: str, *argv: str) -> tuple[int, str]:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "journal.txt"
            file.write_text(text)
            out = io.StringIO()
            return cli.main([argv[0], str(file), *argv[1:]], out), out.getvalue()

    def test_a_report(self):
        code, out = self.run_on(JOURNAL, "report")
        self.assertEqual(code, 0)
        self.assertEqual(out.splitlines()[-1].split(), ["total", "0.00"])
        self.assertIn("assets:bank  -12.30", out)

    def test_a_report_of_some_accounts(self):
        code, out = self.run_on(JOURNAL, "report", "--account", "assets")
        self.assertEqual(code, 0)
        self.assertNotIn("food", out)
        self.assertIn("-20.00", out)

    def test_an_export(self):
        self.assertEqual(self.run_on(JOURNAL, "export"), (0, "account,cents\nassets:bank,-1230\nassets:cash,-770\nfood,2000\n"))
        self.assertTrue(self.run_on(JOURNAL, "export", "--format", "json")[1].startswith("["))

    def test_a_journal_that_cannot_be_used(self):
        self.assertEqual(self.run_on("soon Grocer\n", "report"), (1, "error: line 1: 'soon' is not a day\n"))
        self.assertEqual(self.run_on("2024-01-05 X\n  a  1\n  b  2\n", "report"), (1, "error: 2024-01-05 X is off by 3.00\n"))

    def test_a_command_that_is_not_understood(self):
        code, out = self.run_on(JOURNAL, "dance")
        self.assertEqual(code, 2)
        self.assertIn("usage", out)
