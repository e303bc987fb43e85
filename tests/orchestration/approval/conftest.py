from tests.orchestration.worker.sessions.conftest import shop

__all__ = ["shop"]
