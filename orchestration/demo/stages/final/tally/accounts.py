import re

NAME = re.compile(r"[^\W_][\w-]*(?: [\w-]+)*(?::[^\W_][\w-]*(?: [\w-]+)*)*")


def valid(name: str) -> bool:
    """Whether this can be the name of an account: words of letters and digits, joined by colons."""
    return NAME.fullmatch(name) is not None


def ancestors(name: str) -> list[str]:
    """The accounts above, the nearest first."""
    words = name.split(":")
    return [":".join(words[:count]) for count in range(len(words) - 1, 0, -1)]


def matches(name: str, pattern: str) -> bool:
    """`assets` matches itself and all below it; `*` stands for any one word."""
    words, wanted = name.split(":"), pattern.split(":")
    if len(words) < len(wanted):
        return False
    return all(want in ("*", word) for word, want in zip(words, wanted, strict=False))
