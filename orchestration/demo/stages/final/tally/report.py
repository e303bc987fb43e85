from tally import amounts


def table(balances: dict[str, int]) -> str:
    """One line for each account that is not empty, sorted, with its amount at the right; a rule and the total below."""
    rows = [(name, amounts.show(cents)) for name, cents in sorted(balances.items()) if cents]
    rows.append(("total", amounts.show(sum(balances.values()))))
    left = max(len(name) for name, _ in rows)
    right = max(len(amount) for _, amount in rows)
    lines = [f"{name:<{left}}  {amount:>{right}}" for name, amount in rows]
    return "\n".join([*lines[:-1], "-" * len(lines[-1]), lines[-1]])


def bar(value: int, biggest: int, width: int) -> str:
    """A bar as long as the value deserves, the biggest as wide as there is room; what is not zero shows at least one mark."""
    if value <= 0 or biggest <= 0:
        return ""
    return "#" * max(min(round(value * width / biggest), width), 1)
