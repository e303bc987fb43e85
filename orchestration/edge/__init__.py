"""Messages, signals and queries come in here: Celery tasks, the worker process, digests."""
