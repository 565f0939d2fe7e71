"""Log lines: readable on a terminal, JSON where machines read them; each carries the request's or job's id."""

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog


def _context(logger: Any, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return structlog.contextvars.merge_contextvars(logger, name, event)


def formatter(json: bool) -> logging.Formatter:
    """The formatter of the one handler."""
    chain: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        _context,
    ]
    last: Any = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    tail: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if json:
        tail.append(structlog.processors.format_exc_info)
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=chain, processors=[*tail, last])
