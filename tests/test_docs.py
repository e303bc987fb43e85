"""What the documents list is what there is."""

import re
from pathlib import Path

import pytest

from config import env
from orchestration.worker import agents
from orchestration.worker.agents.shared import failures
from workspaces.activity.notified import VERBS

ROOT = Path(__file__).resolve().parents[1]


def test_operating_lists_every_setting_with_its_default() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.+?) \| (?:`([^`]*)`|\(empty\)) \| (.*) \|$", (ROOT / "docs/reference/settings.md").read_text(), re.M
    )
    assert rows == [(v.name, v.kind.takes, v.default, v.help) for v in env.VARIABLES.values()]


def test_every_setting_that_is_read_is_listed() -> None:
    code = [
        p for folder in ("config", "workspaces", "budget", "orchestration", "dashboard") for p in (ROOT / folder).rglob("*.py")
    ]
    read = {name for path in code for name in re.findall(r'env\.(?:read|value)\("(\w+)"\)', path.read_text())}
    assert read <= env.VARIABLES.keys()
    assert env.VARIABLES.keys() - read <= {"MUSTER_DATA_DIR", "MUSTER_REPO_ROOTS", "MUSTER_BASE_URL"}, (
        "a setting that nobody reads"
    )


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
        found = {target for target in targets - reached if target.is_file()}
        reached |= found
        waiting += [target for target in found if target.suffix == ".md"]
    missing = {path for path in (ROOT / "docs").rglob("*") if path.is_file()} - reached
    assert not {str(path.relative_to(ROOT)) for path in missing} - IMAGES_OF_THE_README


IMAGES_OF_THE_README = {f"docs/images/{name}" for name in ("demo.gif", "entries.png", "round.png", "workspace.png", "budget.png")}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_every_path_of_the_code_in_a_document_exists() -> None:
    folders = "config|dashboard|orchestration|budget|workspaces|tests|bench|templates|static|requirements|docs"
    named = re.compile(rf"`((?:{folders})/[\w./*-]*)")
    history = {ROOT / "CHANGELOG.md"}
    gone = [
        f"{document.relative_to(ROOT)}: {path}"
        for document in DOCUMENTS
        if document not in history
        for path in named.findall(document.read_text())
        if not list(ROOT.glob(path.rstrip("/").rstrip(".")))
    ]
    assert not gone, gone


def test_reasons_lists_every_reason() -> None:
    reasons = pytest.importorskip("orchestration.reasons")
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/reference/reasons.md").read_text(), re.M)
    assert sorted(rows) == sorted(reasons.WORDS)


def test_agents_lists_every_agent_with_what_is_true_of_it() -> None:
    cells = r"^\| `(\w+)` \| ([^|]+) \| (reported|computed) \| (yes|no) \| (yes|no) \| ([^|]+) \| [^|]+ \|$"
    rows = re.findall(cells, (ROOT / "docs/reference/agents.md").read_text(), re.M)
    true_of = {kind: module.TRAITS for kind, module in agents.KINDS.items()}
    assert rows == [
        (kind, t.title, t.cost, "yes" if t.live else "no", "yes" if t.resumes else "no", ", ".join(sorted(t.honours)) or "-")
        for kind, t in true_of.items()
    ]


def test_agents_lists_every_failure_with_its_next_step() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| ([^|]+) \| (provider|setup|agent) \| ([^|]+) \|$", (ROOT / "docs/reference/agents.md").read_text(), re.M
    )
    assert rows == [(code, kind.title, kind.cause, kind.next_step) for code, kind in failures.KINDS.items()]


def test_notices_lists_every_event_that_a_channel_can_be_told_of() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| ([^|]+) \| [^|]+ \|$", (ROOT / "docs/reference/notices.md").read_text(), re.M)
    assert dict(rows) == VERBS


def test_each_of_the_forty_points_names_a_test_that_there_is() -> None:
    rows = re.findall(r"^\| ([0-9, ]+) \| [^|]+ \| (.+) \|$", (ROOT / "docs/reference/dashboard.md").read_text(), re.M)
    assert sorted(int(number) for numbers, _ in rows for number in numbers.split(", ")) == list(range(1, 41))
    for _, tests in rows:
        for file, _, name in (one.partition("::") for one in re.findall(r"`([^`]+)`", tests)):
            path = ROOT / (file if file.startswith("tests/") else f"tests/journeys/{file}")
            assert path.exists() and (not name or f"def {name}(" in path.read_text()), f"{file}::{name}"
