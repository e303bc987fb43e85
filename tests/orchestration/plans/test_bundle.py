"""Several files as one text."""

from orchestration.plans import formats
from orchestration.plans.readers.shared import bundle


def test_one_file_stays_as_it_is() -> None:
    assert bundle.join([("tasks.md", "- [ ] A")]) == "- [ ] A" and bundle.split("- [ ] A")[0].name == ""


def test_several_files_come_back_as_they_were() -> None:
    text = bundle.join([("a.md", "one\ntwo\n"), ("b/c.md", "three")])
    assert [(file.name, file.text.strip(), file.before) for file in bundle.split(text)] == [
        ("a.md", "one\ntwo", 1),
        ("b/c.md", "three", 4),
    ]
    assert [bundle.place(text, line) for line in (2, 3, 5)] == ["a.md:1", "a.md:2", "b/c.md:1"] and bundle.place("x\ny", 2) == "2"


def test_files_that_belong_to_no_tool_are_imported_one_by_one() -> None:
    text = bundle.join([("a.md", "- [ ] A\n"), ("b.md", "- [ ] B\n")])
    assert "import these one by one" in formats.parse(text, "markdown").problems[0].message
    assert formats.parse(text).problems
