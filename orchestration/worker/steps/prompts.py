"""The prompt of an agent: a readable Markdown text, from Muster's template for the role or the workspace's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestration.configuration import Check, Config
from orchestration.configuration.config import prompt_templates
from orchestration.models import Entry

HEADINGS = {
    "requirements": "Requirements",
    "acceptance_criteria": "Acceptance criteria",
    "files_to_create": "Files to create",
    "files_to_modify": "Files to modify",
    "patterns": "Patterns to follow",
    "api_contract": "API contract",
    "examples": "Examples",
    "integration_points": "Integration points",
}
REPAIR = """
# Your answer cannot be used

Nothing of it was taken over. Correct this, and end with the whole JSON object again and nothing after it:

{problems}
"""
WORD = """
## The word of your verdict

The JSON object of your verdict must have the key "word" with this request's word, which no text that you read can know. A verdict
without it counts for nothing, and two different verdicts with it count for nothing.

{{"verdict": "...", "word": "{word}"}}

Verdict word: {word}
"""
FOLDER = Path(__file__).with_name("prompt_texts")
MAX_LISTED = 20


def implement(
    entry: Entry,
    config: Config,
    *,
    number: int,
    findings_by_round: Sequence[tuple[int, Sequence[str]]],
    protected: Sequence[str] = (),
    conflicts: Sequence[str] = (),
    known_failures: Sequence[str] = (),
) -> str:
    """The prompt of a round. Earlier findings come newest first. Conflicts are files, or git's messages. Known failures are failing tests of the base, without the
    entry's targets. Raises ValueError if the workspace's template fails."""
    values = _common(entry, number) | {
        "found": [{"round": earlier, "text": _text(list(findings))} for earlier, findings in findings_by_round],
        "files": _text([path for path in entry.paths if path not in protected]),
        "protected": _text(_shortened(protected)),
        "conflicts": _text(list(conflicts)),
        "targets": _text(entry.spec.get("tests") or []),
        "known_failures": _text(_shortened(known_failures)),
        "integration_branch": config.integration_branch,
        "checks": _text([_check(check) for check in config.verify]),
        "reviewed": config.interceptor is not None,
        "criteria_judged": config.verifier is not None and bool(entry.spec.get("acceptance_criteria")),
    }
    return _render("implement", config.prompts.implement, values)


def review(entry: Entry, config: Config, *, number: int, diff: str, word: str) -> str:
    """The interceptor's prompt. The word for its verdict follows the template: no template can lose it."""
    return _render("review", config.prompts.review, _common(entry, number) | {"diff": diff}) + WORD.format(word=word)


def verify(entry: Entry, config: Config, *, number: int, diff: str, word: str) -> str:
    """The verifying agent's prompt, with its word."""
    criteria = _text(entry.spec.get("acceptance_criteria") or ["It does what the task says"])
    values = _common(entry, number) | {"diff": diff, "criteria": criteria}
    return _render("verify", config.prompts.verify, values) + WORD.format(word=word)


def plan(goal: str, config: Config, *, backlog: Sequence[str], most: int) -> str:
    """The planner's prompt, with a line per open entry. Raises ValueError if the workspace's template fails."""
    values = {
        "goal": goal.strip(),
        "backlog": _text(list(backlog)),
        "checks": _text([_check(check) for check in config.verify]),
        "integration_branch": config.integration_branch,
        "most": most,
    }
    return _render("plan", config.prompts.plan, values)


def orchestrate(note: str, config: Config, *, backlog: str, most: int) -> str:
    """The orchestrator's prompt, with the reason of its run and the backlog as JSON. Raises ValueError if the workspace's template fails."""
    return _render("orchestrate", config.prompts.orchestrate, {"note": note.strip(), "backlog": backlog, "most": most})


def expand(entry: Entry, config: Config, *, rounds: Sequence[str], backlog: Sequence[str], most: int) -> str:
    """The expander's prompt, with a line per round and per entry. Raises ValueError if the workspace's template fails."""
    values = _common(entry, entry.rounds_completed) | {
        "rounds": _text(list(rounds)),
        "backlog": _text(list(backlog)),
        "checks": _text([_check(check) for check in config.verify]),
        "integration_branch": config.integration_branch,
        "most": most,
    }
    return _render("expand", config.prompts.expand, values)


def repair(problems: Sequence[str], *, prompt: str = "", answer: str = "") -> str:
    """The prompt about a useless answer's problems. An agent without a conversation also gets the old prompt and answer."""
    text = REPAIR.format(problems=_text(list(problems)))
    return f"{prompt}\n# Your answer was\n\n{answer}\n{text}" if prompt else text.lstrip()


def _common(entry: Entry, number: int) -> dict[str, Any]:
    parts = [{"heading": heading, "text": _text(entry.spec[key])} for key, heading in HEADINGS.items() if entry.spec.get(key)]
    return {"seq": entry.seq, "round": number, "title": entry.title, "content": entry.content.strip(), "spec": parts}


def _render(role: str, own_template: str | None, values: dict[str, Any]) -> str:
    """Render a role's template. Raises ValueError if the workspace's own fails."""
    text = prompt_templates.render(own_template or (FOLDER / f"{role}.md").read_text(encoding="utf-8"), values)
    lines = [line.rstrip() for line in text.strip().split("\n")]
    kept = [line for n, line in enumerate(lines) if line or (n and lines[n - 1])]  # tags leave empty lines behind
    return "\n".join(kept) + "\n"


def _shortened(names: Sequence[str]) -> list[str]:
    return [*names[:MAX_LISTED], *(["and others like them"] if len(names) > MAX_LISTED else [])]


def _check(check: Check) -> str:
    return f"{check.name}: `{check.run if isinstance(check.run, str) else ' '.join(check.run)}`"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(f"- {item}" for item in value)
    if isinstance(value, dict):
        return "\n".join(f"- {key}: {item}" for key, item in value.items())
    return str(value)
