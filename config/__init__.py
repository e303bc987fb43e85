"""Wiring. Importing this package must stay cheap: `config.up` is a small parent process (the Celery app is loaded by `apps.py`)."""
