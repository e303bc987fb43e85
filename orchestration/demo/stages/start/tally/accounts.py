"""Account names: words joined by colons, from the general to the particular, such as `assets:bank`."""


def valid(name: str) -> bool:
    """Whether this can be the name of an account."""
    return ":" in name


def ancestors(name: str) -> list[str]:
    """The accounts above, the nearest first."""
    return name.split(":")


def matches(name: str, pattern: str) -> bool:
    """`assets` matches itself and all below it; `*` stands for any one word."""
    return name.startswith(pattern)
