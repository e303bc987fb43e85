"""Where messages, signals and queries come in: Celery tasks, the worker process, digests."""
