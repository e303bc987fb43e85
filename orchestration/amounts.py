"""Amounts in the sentences of what waits. Pure: the plan and the transitions use them."""


def usd(micro: int) -> str:
    """`$1.80`, `−$0.37`; up to four decimals where cents would hide it."""
    size = abs(micro) / 1_000_000
    return ("−" if micro < 0 else "") + (f"${size:,.4f}".rstrip("0").rstrip(".") if micro % 10_000 else f"${size:,.2f}")
