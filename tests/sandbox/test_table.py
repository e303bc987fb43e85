"""The tables of attacks in the documentation name the attacks that are tested, and no others."""

from tests.faults.test_stop_table import AGENTS
from tests.sandbox.conftest import ROOT
from tests.sandbox.test_attacks import attacks
from tests.sandbox.test_hostile_work import FINDINGS, HARMLESS

TEXT = (ROOT / "docs/explanation/security.md").read_text()


def test_each_attack_of_the_tests_is_in_a_table() -> None:
    assert [name for name in (*FINDINGS, *HARMLESS, *AGENTS) if name not in TEXT] == []


def test_each_attack_that_the_table_names_is_tested() -> None:
    lines = TEXT.partition("### On the host")[2].partition("### In its work")[0].split("\n")
    named = {
        name.strip("` ") for line in lines if line.startswith("| ") and "`" in line for name in line.split("|")[2].split(",")
    }
    assert named - {"test in `tests/sandbox", "test in tests/sandbox"} <= {*attacks()}
