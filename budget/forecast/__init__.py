"""The rate of spend and the cost of the backlog.

- `projection`: rates, the date of the cap, the cost at the end (pure)
- `duration_model`: the cost of the open entries, by resampling (pure)
- `inputs`: reads what both need
"""

from budget.forecast.projection import Facts, Forecast, Worked, active_seconds, predict

__all__ = ["Facts", "Forecast", "Worked", "active_seconds", "predict"]
