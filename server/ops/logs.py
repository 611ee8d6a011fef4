"""Structured logs: one JSON object a line, so that CR, LF and ANSI in what clients send stay escaped text."""

import logging
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import msgspec
import structlog

from server.settings import LogLevel

SECRET_NAMES: Final = ("token", "secret", "password", "cookie", "authorization", "csrf")
_json = msgspec.json.Encoder()
_sockets = logging.getLogger("holdfast.access.sockets")
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def without_secrets(
    _logger: Any, _method: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Hide the value of whatever is named like a secret."""
    for name in event:
        if any(secret in name.lower() for secret in SECRET_NAMES):
            event[name] = "…"
    return event


def log_socket(fields: dict[str, Any]) -> None:
    """A line of the access log, by a short way: ten thousand sockets may end at once.

    It is as all others. For what others' processors look at, it has nothing: context, errors, secrets.
    """
    if _sockets.isEnabledFor(logging.INFO):
        _sockets.handle(logging.LogRecord(_sockets.name, logging.INFO, "", 0, "socket", (fields,), None))


class _Formatter(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        if record.name != _sockets.name:
            return super().format(record)
        at = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        known = {"event": record.msg, "level": record.levelname.lower(), "logger": record.name}
        return _json.encode({**record.args, **known, "timestamp": at}).decode()  # type: ignore[dict-item]


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
        _Formatter(
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
