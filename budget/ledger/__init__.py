"""The ledger: every amount once, every reservation settled once.

- `booking`: charges, reservations and adjustments; this package exports it
- `charges`: charges over the API
- `permits`: reservations for spend outside Muster; `permit_gateway`: their tokens for the gateway
- `corrections`: adjustments by people
- `requests`: requests in the gateway, reserved before sending
- `awaited`: reservations of absent hosts' sessions; `unknown`: reservations of unknown requests
- `prices`: the cost of tokens
- `rebuild`: detection and repair of wrong counters
- `reconciliation`: comparison with a provider's own count; `usage_files` parses it (pure)
- `main_model`: a session's main model, by cost
- `export`: rows as JSON and CSV
"""

from budget.ledger.booking import Charge, adjust, charge, drawn, extend, grow, open_reservation, open_up_to, settle, shrink

__all__ = ["Charge", "adjust", "charge", "drawn", "extend", "grow", "open_reservation", "open_up_to", "settle", "shrink"]
