"""Packages that are installed beside Muster can bring readers of plans."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

from orchestration.plans import formats, readers, sources
from orchestration.plans.readers.shared.items import Item, Plan
from orchestration.plans.readers.shared.reader import Reader


def lines(text: str) -> Plan:
    titles = text.removeprefix("%tasks\n").splitlines()
    return Plan("lines", tuple(Item(line, {"content": title}) for line, title in enumerate(titles, start=2)))


READER = Reader("Lines", lines, lambda text: 10 if text.startswith("%tasks") else 0, places=(".lines/tasks.txt",))
NO_READER = "text"


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    named = {
        "lines": f"{__name__}:READER",
        "odd": f"{__name__}:NO_READER",
        "gone": "no_such_module:READER",
        "yaml": f"{__name__}:READER",
    }
    points = [EntryPoint(name, value, readers.GROUP) for name, value in named.items()]
    monkeypatch.setattr(readers, "entry_points", lambda group: points)
    readers.all_readers.cache_clear()
    yield
    readers.all_readers.cache_clear()


def test_a_reader_of_another_package_is_in_the_menu_and_reads_its_own_texts() -> None:
    assert formats.titles()["lines"] == "Lines"
    plan = formats.parse("%tasks\nParse dates\nUse them\n")
    assert plan.format == "lines" and [item.value["content"] for item in plan.items] == ["Parse dates", "Use them"]
    assert formats.parse("- [ ] Parse dates\n").format == "markdown"


def test_its_place_in_a_repository_is_looked_at(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("shop")
    (folder / ".lines").mkdir()
    (folder / ".lines/tasks.txt").write_text("%tasks\nA\n")
    assert formats.parse(sources.read(str(folder))).format == "lines"


def test_one_that_is_broken_is_left_out_and_none_replaces_a_built_in_one() -> None:
    assert {"odd", "gone"}.isdisjoint(formats.titles()) and formats.titles()["yaml"] == "YAML"
