"""The parts of a session's log: its agent, its setup, its checks. Each line names the stream of its part."""

import re

PLACES = (("base-", " on the base, without the entry's changes"), ("without-entry-", " without the entry's variables"))


def part_of(stream: str, before: str) -> str:
    """The name of the part that wrote to the stream, empty for the agent at its task. Sentences of Muster belong to the part before."""
    name, _, last = stream.rpartition(":")
    return before if "muster" in (name, last) else name


def heading(part: str) -> str:
    """`Check tests on the base, without the entry's changes`"""
    if not part:
        return "Agent"
    prefix, where = next((each for each in PLACES if part.startswith(each[0])), ("", ""))
    name = part.removeprefix(prefix)
    if command := re.fullmatch(r"setup-(\d+)", name):
        return f"Setup command {command[1]}{where}"
    return "Review" if re.fullmatch(r"review(-\d+)?", name) else f"Check {name}{where}"
