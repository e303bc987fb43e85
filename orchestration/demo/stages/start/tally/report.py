"""Balances as a text table."""


def table(balances: dict[str, int]) -> str:
    """One line for each account, sorted, with its amount; a rule and the total below."""
    return "\n".join(f"{name} {cents}" for name, cents in balances.items())


def bar(value: int, biggest: int, width: int) -> str:
    """A bar as long as the value deserves, the biggest as wide as there is room."""
    raise NotImplementedError
