"""The value of steering, on simulated backlogs: `python -m bench steering`. No database."""
