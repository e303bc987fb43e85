"""The fields of an entry as a person types them, for a new entry and for an edit."""

from typing import Any

from orchestration.configuration import entry_routes
from orchestration.configuration.config import routes
from orchestration.models import Entry

# The fields that an edit has too. `heading` is the group of the plan; `group` is that of parallelism.
WRITTEN = ("content", "requirements", "criteria", "modifies", "creates", "tests", "after", "heading", "labels", "agent", "route")
FIELDS = (*WRITTEN, "priority", "budget", "rounds", "group", "alone")
# API property to form field. A plan locates problems by line; here the line is the field's position.
FIELD_OF = {
    "content": "content",
    "spec": "modifies",
    "spec.tests": "tests",
    "depends_on": "after",
    "group": "heading",
    "requires": "labels",
    "agent": "agent",
    "route": "route",
    "priority": "priority",
    "budget_usd": "budget",
    "budget_rounds": "rounds",
    "parallel_group": "group",
    "parallelizable": "alone",
}
SPEC_OF = {
    "requirements": "requirements",
    "criteria": "acceptance_criteria",
    "creates": "files_to_create",
    "modifies": "files_to_modify",
    "tests": "tests",
}
LINES = {name: FIELDS.index(field) + 1 for name, field in FIELD_OF.items()}


def submitted(post: Any) -> dict[str, str]:
    """The typed values. The failing cases that were chosen as targets join the tests."""
    form_data = {name: post.get(name, "") for name in FIELDS}
    typed = lines(form_data["tests"])
    chosen = [name for name in post.getlist("target") if name not in typed]
    return form_data | ({"tests": "\n".join([*typed, *chosen])} if chosen else {})


def in_words(field: str, message: str, form_data: dict[str, str]) -> str:
    """A problem as it stands beside its field: without the API's name of the property, which a person does not see here."""
    if field == "content" and not form_data["content"].strip():
        return "Describe the task"
    names = [name for name, of in FIELD_OF.items() if of == field] + [f"spec.{name}" for name in SPEC_OF.values()]
    named = next((name for name in sorted(names, key=len, reverse=True) if message.startswith(f"{name} ")), "")
    sentence = message.removeprefix(named).lstrip()
    return sentence[:1].upper() + sentence[1:]


def spec(form_data: dict[str, str]) -> dict[str, Any]:
    """The values of the form; empty ones are left out."""
    named = {SPEC_OF[name]: lines(form_data[name]) for name in SPEC_OF if name != "requirements"}
    return {"requirements": _text(form_data["requirements"])} | named


def written(form_data: dict[str, str]) -> dict[str, Any]:
    """The changes of an edit, in the API's shape."""
    return {
        "content": _text(form_data["content"]),
        "spec": {name: item for name, item in spec(form_data).items() if item} or None,
        "depends_on": [name if not name.isdigit() else f"#{name}" for name in form_data["after"].replace(",", " ").split()],
        "group": form_data["heading"].strip() or None,
    }


def of_session(form_data: dict[str, str]) -> dict[str, Any]:
    """The labels that its host must have, its agent and its route. No proposal has any."""
    labels = form_data["labels"].replace(",", " ").split()
    return {"requires": labels, "agent": form_data["agent"] or None, "route": form_data["route"].strip() or None}


def from_entry(entry: Entry) -> dict[str, str]:
    """The fields filled with an entry's values."""
    seqs = entry.dependencies.order_by("depends_on__seq").values_list("depends_on__seq", flat=True)
    fields = {name: joined(entry.spec.get(key)) for name, key in SPEC_OF.items()}
    return fields | {
        "content": entry.content,
        "after": ", ".join(f"#{seq}" for seq in seqs),
        "heading": entry.group,
        "labels": ", ".join(entry.requires),
        "agent": entry.agent,
        "route": routes.written(entry_routes.own_route(entry)),
        "priority": Entry.Priority(entry.priority).name.lower(),
        "budget": "",
        "rounds": str(entry.budget_rounds),
        "group": entry.parallel_group,
        "alone": "" if entry.parallelizable else "1",
    }


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def joined(value: Any) -> str:
    """A list with a line for each item: `requirements` of the API may be one."""
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _text(text: str) -> str:
    return text.strip().replace("\r\n", "\n")
