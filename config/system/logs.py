"""The log lines on stderr: for people, with tracebacks below them; or JSON, one object a line, for log collectors."""

from typing import Any

import structlog
from structlog.typing import Processor

from workspaces.secrets import masking

TIME = structlog.processors.TimeStamper(fmt="iso", utc=True)
PLAIN = (str, int, float, bool, type(None), list, tuple, dict)
FIRST = ["timestamp", "level", "event"]


def configure(level: str, kind: str) -> dict[str, Any]:
    """Configure structlog, and return Django's LOGGING. `kind`: text or json. Each line has the request, workspace, entry and session that it is
    about, where there is one."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            TIME,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _without_secrets,
            *(_as_json() if kind == "json" else [_as_text]),
        ],
        "foreign_pre_chain": [
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            TIME,
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {"django.request": {"level": "ERROR"}},
    }


def _without_secrets(logger: Any, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Values that are no text are written as text later: they are masked as that."""
    return {
        key: masking.in_all(value if isinstance(value, PLAIN) else repr(value), masking.without_known)
        for key, value in event.items()
    }


def _as_json() -> list[Processor]:
    return [structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer(sort_keys=False)]


_line = structlog.processors.KeyValueRenderer(key_order=FIRST)


def _as_text(logger: Any, name: str, event: structlog.typing.EventDict) -> str:
    """A traceback keeps its lines."""
    traceback = event.pop("exception", "")
    line = str(_line(logger, name, event))
    return f"{line}\n{traceback}" if traceback else line
