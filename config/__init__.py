"""Wiring. Importing this package must stay cheap, for `config.up` is a small parent process: `apps.py` loads the Celery app."""
