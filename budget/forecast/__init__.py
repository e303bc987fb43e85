"""The rate of spend and the cost of the backlog, each as a median with a range of 10 % to 90 %.

- `projection`: rates, the date of the cap, the cost at the end; their medians and ranges (pure)
- `remaining_cost`: how many rounds the open entries will take and what these cost, by resampling (pure)
- `inputs`: reads what both need
- `record`: the forecast as a row, which pages and the API read
- `score`: how many forecasts held
"""

from budget.forecast.projection import Facts, Forecast, Worked, active_seconds, predict

__all__ = ["Facts", "Forecast", "Worked", "active_seconds", "predict"]
