"""The ledger: every amount once, every reservation settled once.

- `booking`: charges, reservations and adjustments; this package exports it
- `charges`: charges over the API
- `permits`: reservations for spend outside Muster; `permit_gateway`: their tokens for the gateway
- `corrections`: adjustments by people
- `requests`: requests in the gateway, each reserved before it is sent
- `awaited`: reservations of sessions whose host is away; `unknown`: those that keep the money of requests without a known answer
- `prices`: what tokens cost
- `rebuild`: counters compared with the ledger, and repaired
- `reconciliation`: a provider's own count compared with the ledger; `usage_files` reads it (pure)
- `main_model`: the model that most of a session's money went to
- `export`: rows as JSON and CSV
"""

from budget.ledger.booking import Charge, adjust, charge, drawn, extend, grow, open_reservation, open_up_to, settle, shrink

__all__ = ["Charge", "adjust", "charge", "drawn", "extend", "grow", "open_reservation", "open_up_to", "settle", "shrink"]
