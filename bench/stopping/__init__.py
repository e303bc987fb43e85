"""From a stop to no living process, with the real CLIs: `python -m bench stopping`. No database."""
