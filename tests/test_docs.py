"""What the documents list is what there is."""

import re
from pathlib import Path

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


def test_links_between_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


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
