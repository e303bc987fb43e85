"""Checks of `deploy/` by the programs that read those files: `./muster check --deploy`."""
