"""One table of reason codes: complete, and the only place that spells them."""

import ast
from pathlib import Path

import pytest
from django.conf import settings

from dashboard.shared.texts import remedies
from orchestration.facts import reasons
from orchestration.facts.reasons import Reason
from orchestration.models import Entry

PASSED = {Reason.PENDING, Reason.EXECUTOR_RUNNING}
PRODUCT = ("workspaces", "budget", "orchestration", "dashboard", "config")


def test_every_reason_has_its_words() -> None:
    assert reasons.WORDS.keys() == set(Reason) - PASSED
    for words in reasons.WORDS.values():
        assert words.label and words.group and words.remedy.button


def test_no_search_word_means_two_reasons() -> None:
    aliases = [alias for words in reasons.WORDS.values() for alias in words.aliases]
    assert len(aliases) == len(set(aliases)) and not set(aliases) & set(Reason)


@pytest.mark.parametrize("reason", reasons.WORDS)
def test_every_remedy_leads_to_a_page(reason: Reason) -> None:
    entry = Entry(id="entry_" + "a" * 20, workspace_id="ws_" + "a" * 20)
    button, url = remedies.link(entry, reasons.WORDS[reason].remedy)
    assert button and url.startswith("/w/ws_")


def test_an_unknown_code_is_readable() -> None:
    assert reasons.group("not_known_yet") == "not known yet" and reasons.label("not_known_yet") == "Not known yet"
    assert reasons.list_sentence(["budget_exceeded", "not_known_yet"]) == "out of budget, not known yet"


def test_an_entry_takes_no_other_reason() -> None:
    choices = Entry._meta.get_field("reason_code").choices
    assert {code for code, _ in choices or ()} == set(reasons.WORDS) - {*reasons.PLAN_ONLY}, "these are never stored"


CONFIG = ("configuration", "config", "agents.py")
"""The words of a config are its own: one of them, in `on`, is a reason's."""


def test_reason_codes_are_spelled_only_in_the_registry() -> None:
    codes = set(Reason) - {Reason.PENDING}  # "pending" is a status, too
    spelled = []
    for app in PRODUCT:
        for path in Path(settings.BASE_DIR, app).rglob("*.py"):
            if path.name == "reasons.py" or path.parts[-3:] == CONFIG or "migrations" in path.parts or "stages" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    spelled += [f"{path}:{node.lineno}" for code in codes if node.value.startswith(code)]
    templates = Path(settings.BASE_DIR, "templates").rglob("*.html")
    spelled += [str(path) for path in templates for code in codes if code in path.read_text(encoding="utf-8")]
    assert spelled == []
