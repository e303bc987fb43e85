"""Properties of the API in sentences: by what a person types for them."""

import re

OPTIONS = {
    "commit": "--commit",
    "max_project_spend_usd": "--cap",
    "budget_usd": "The budget",
    "text": "The text",
    "note": "The note",
}
OF_ADD = {
    "content": "The task",
    "budget_usd": "--budget",
    "budget_rounds": "--rounds",
    "priority": "--priority",
    "depends_on": "--after",
    "files_to_modify": "--edits",
    "agent": "--agent",
}
OF_EDIT = OF_ADD | {"content": "The task", "group": "--group", "requires": "--requires"}


def typed(name: str) -> str:
    """Empty for what stands in the path or is what the command does: the sentence is clear without."""
    return "" if name.endswith("ID") or name == "status" else OPTIONS.get(name, name)


def typed_to_add(name: str) -> str:
    """The same for `add` with a text, which sends one entry."""
    short = re.sub(r"^entries\.0\.(spec\.)?|\.\d+$", "", name)
    return OF_ADD.get(short, short)


def typed_to_edit(name: str) -> str:
    """The same for `edit`."""
    short = re.sub(r"^spec\.|\.\d+$", "", name)
    return typed(name) and OF_EDIT.get(short, short)


def as_it_is(name: str) -> str:
    return name
