from tally import amounts


def table(balances: dict[str, int]) -> str:
    """One line for each account, sorted, with its amount; a rule and the total below."""
    lines = [f"{name:<20} {amounts.show(cents):>12}" for name, cents in sorted(balances.items())]
    return "\n".join([*lines, "-" * 33, f"{'total':<20} {amounts.show(sum(balances.values())):>12}"])


def bar(value: int, biggest: int, width: int) -> str:
    """A bar as long as the value deserves, the biggest as wide as there is room."""
    return "#" * (value * width // biggest)
