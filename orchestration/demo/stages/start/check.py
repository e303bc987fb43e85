"""Runs the tests that a task names (MUSTER_SPEC_FILE), or all of them; with --all, all of them. Writes a JUnit file, and prints the score as its
last line."""

import json
import os
import re
import sys
import unittest
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
ALL = "--all" in sys.argv[1:]


def wanted() -> list[str]:
    """The tests named in the task's acceptance criteria; without any, every test there is."""
    file = None if ALL else os.environ.get("MUSTER_SPEC_FILE")
    spec = (json.loads(Path(file).read_text()).get("spec") or {}) if file else {}
    named = [name for line in spec.get("acceptance_criteria") or [] for name in re.findall(r"\btests\.[\w.]*\w", line)]
    return named or [f"tests.{path.stem}" for path in sorted((HERE / "tests").glob("test_*.py"))]


class Result(unittest.TextTestResult):
    """Remembers each test once, and what went wrong with it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.names: list[str] = []
        self.problems: dict[str, str] = {}

    def startTest(self, test):  # noqa: N802
        super().startTest(test)
        self.names.append(name_of(test))

    def addError(self, test, err):  # noqa: N802
        super().addError(test, err)
        self.remember(test, err)

    def addFailure(self, test, err):  # noqa: N802
        super().addFailure(test, err)
        self.remember(test, err)

    def addSubTest(self, test, subtest, err):  # noqa: N802
        super().addSubTest(test, subtest, err)
        if err:
            self.remember(test, err)

    def remember(self, test, err) -> None:
        text = f"{err[0].__name__}: {' '.join(str(err[1]).split())}".removesuffix(": ")
        self.problems.setdefault(name_of(test), text[:200])


def name_of(test) -> str:
    return getattr(test, "test_case", test).id().removeprefix("unittest.loader._FailedTest.")


def write_junit(result: Result, file: Path) -> None:
    suite = ElementTree.Element("testsuite")
    for name in result.names:
        in_class, _, own = name.rpartition(".")
        case = ElementTree.SubElement(suite, "testcase", classname=in_class, name=own)
        if name in result.problems:
            ElementTree.SubElement(case, "failure", message=result.problems[name])
    ElementTree.ElementTree(suite).write(file)


def main() -> int:
    sys.path.insert(0, str(HERE))
    sys.dont_write_bytecode = True
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromName(name) for name in wanted())
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Result).run(suite)
    assert isinstance(result, Result)
    write_junit(result, HERE / ("project.xml" if ALL else "junit.xml"))
    ran = result.testsRun
    score = (ran - len(result.problems)) / ran if ran else 0.0
    findings = [f"{name}: {problem}" for name, problem in result.problems.items()]
    print(json.dumps({"type": "score", "score": round(score, 4), "findings": findings}))
    return 0 if ran and not result.problems else 1


if __name__ == "__main__":
    sys.exit(main())
