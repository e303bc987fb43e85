"""Templates lie in the folder of a section, have lines that can be read, and are all used."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "templates"
LONGEST = 160
TEMPLATES = {path.relative_to(FOLDER).as_posix(): path for path in sorted(FOLDER.rglob("*.html"))}


def test_each_template_lies_in_the_folder_of_a_section() -> None:
    sections = "account activity admin approval budget demo entries entry executor find home hosts insight landing locks overview plans proposals reviews sessions settings shared triggers"
    assert {name.rpartition("/")[0] for name in TEMPLATES} == set(sections.split())


def test_no_line_of_a_template_is_too_long_to_read() -> None:
    long = [
        f"{name}:{number}"
        for name, path in TEMPLATES.items()
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if len(line) > LONGEST
    ]
    assert long == []


def test_every_template_is_used() -> None:
    folders = [
        folder
        for folder in ("config", "workspaces", "budget", "orchestration", "dashboard", "templates")
        if (ROOT / folder).exists()
    ]
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".html")]
    named = {name for path in sources for name in re.findall(r"[\"']([\w/]+\.html)[\"'#]", path.read_text())}
    assert TEMPLATES.keys() - named == set()
