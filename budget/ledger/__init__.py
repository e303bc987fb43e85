"""The ledger: every amount once, every reservation settled once."""

from budget.ledger.booking import Charge, adjust, charge, extend, grow, open_hold, settle, shrink

__all__ = ["Charge", "adjust", "charge", "extend", "grow", "open_hold", "settle", "shrink"]
