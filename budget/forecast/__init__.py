"""How fast money goes and what the backlog will cost. `projection` is pure; `inputs` reads."""

from budget.forecast.projection import Facts, Forecast, Worked, active_seconds, of

__all__ = ["Facts", "Forecast", "Worked", "active_seconds", "of"]
