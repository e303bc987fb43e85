def left(planned: dict[str, int], spent: dict[str, int]) -> dict[str, int]:
    """The cents that each account has left; negative where more was spent than planned."""
    return {account: planned.get(account, 0) - spent.get(account, 0) for account in sorted({*planned, *spent})}
