"""Structured logs: one JSON object a line, so that CR, LF and ANSI in what clients send stay escaped text."""

import logging
from typing import Any, Final, TextIO

import structlog

from server.settings import LogLevel

SECRET_NAMES: Final = ("token", "secret", "password", "cookie", "authorization", "csrf")
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def without_secrets(
    _logger: Any, _method: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Hide the value of whatever is named like a secret."""
    for name in event:
        if any(secret in name.lower() for secret in SECRET_NAMES):
            event[name] = "…"
    return event


def _is_news(record: logging.LogRecord) -> bool:
    """Not the error that uvicorn logs for each handshake we refuse: our access log has it already."""
    return record.msg != "ASGI callable returned without completing handshake."


def configure(level: LogLevel, stream: TextIO | None = None) -> None:
    """Set structlog and the standard loggers up for the whole process; lines go to `stream`, or stderr.

    Tracebacks are plain text without local variables, which may hold tokens.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        without_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    # These log whole addresses at INFO, queries included; our own access log says what is needed.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "httpx"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel("WARNING")
