"""What every API view shares: JSON in and out, problem documents (RFC 9457), throttles."""

import logging
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any, ClassVar

import orjson
import redis
import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest
from django.http.request import UnreadablePostError
from django.utils.encoding import force_str
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, parsers, renderers, serializers, throttling
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from common import clock
from common.errors import Conflict, Invalid, Refusal

log = logging.getLogger(__name__)
PROBLEM_TYPE = "application/problem+json"


def client_address(request: HttpRequest) -> str | None:
    """Who calls: the address that our own proxy saw, when there is one; what callers claim is not believed."""
    if settings.BEHIND_PROXY and (forwarded := request.META.get("HTTP_X_FORWARDED_FOR")):
        return forwarded.rpartition(",")[2].strip()
    return request.META.get("REMOTE_ADDR") or None


def _default(value: Any) -> Any:
    return str(value)  # Decimal, lazy texts


class JSONRenderer(renderers.BaseRenderer):
    """JSON by orjson: several times faster than the standard library on lists."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        if data is None:
            return b""
        return orjson.dumps(data, default=_default, option=orjson.OPT_UTC_Z)


class TooLarge(Refusal):
    """The body is larger than we take."""

    status = 413
    code = "too_large"
    title = _("Too large")

    def __init__(self) -> None:
        super().__init__(_("What you sent is too large."), limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


class Busy(Refusal):
    """The database gave up waiting for somebody else's change."""

    code = "busy"
    title = _("Busy")


class JSONParser(parsers.BaseParser):
    """JSON bodies; anything else than an object is refused."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(most + 1)
        if len(body) > most:
            raise TooLarge()
        if not body:
            return {}
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Invalid(_("The body is not valid JSON."), code="invalid_json") from error
        if not isinstance(data, dict):
            raise Invalid(_("The body must be a JSON object."), code="invalid_json")
        return data


class Body(serializers.Serializer):
    """The body of a request. A field that it does not know is refused: a typo must not be half a success."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = set(data) - set(self.fields) if isinstance(data, dict) else set()
        if unknown:
            raise serializers.ValidationError({name: [_("This field does not exist.")] for name in sorted(unknown)})
        return super().to_internal_value(data)


class Instant(serializers.DateTimeField):
    """A time in a body: of the calendar that can be reckoned with, in whatever time zone."""

    default_error_messages: ClassVar[dict[str, Any]] = {"beyond": _("Write a year from 1900 to 9000.")}

    def enforce_timezone(self, value: datetime) -> datetime:
        if not clock.in_calendar(value):
            self.fail("beyond")
        return super().enforce_timezone(value)


class CallerThrottle(throttling.BaseThrottle):
    """So many requests a minute for each token, person or address: a counter per caller and minute in Redis.

    Without Redis nobody is throttled: better than nobody being served.
    """

    scope = "caller"

    def allow_request(self, request: Request, view: Any) -> bool:
        limit, period = _rate(api_settings.DEFAULT_THROTTLE_RATES[self.scope])
        now = clock.real().timestamp()
        self.remaining = period - now % period
        prefix = settings.CACHES["default"]["KEY_PREFIX"]
        key = f"{prefix}:throttle:{self.scope}:{self.caller(request)}:{int(now // period)}"
        try:
            return _count(key, period) <= limit
        except redis.RedisError:
            log.warning("Redis does not answer: not throttling.")
            return True

    def wait(self) -> float:
        return self.remaining

    def caller(self, request: Request) -> str:
        """Who is counted."""
        return getattr(request.auth, "throttle_key", None) or client_address(request._request) or ""


class LoginThrottle(CallerThrottle):
    """Guessing passwords must be slow: few tries a minute for each address."""

    scope = "login"


class AccountThrottle(LoginThrottle):
    """And few for each account, from however many addresses."""

    def caller(self, request: Request) -> str:
        body = request.data if isinstance(request.data, dict) else {}
        email = str(body.get("email", "")).strip().lower()
        return f"account:{sha256(email.encode()).hexdigest()}"


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL)


@cache
def _rate(text: str) -> tuple[int, int]:
    """ "1200/min" as a number and seconds."""
    number, period = text.split("/")
    return int(number), {"s": 1, "m": 60, "h": 3600, "d": 86400}[period[0]]


def _count(key: str, period: int) -> int:
    number = int(_redis().incr(key))  # type: ignore[arg-type]
    if number == 1:
        _redis().expire(key, period)
    return number


def problem_body(status: int, code: str, title: Any, detail: Any, **extra: Any) -> dict[str, Any]:
    """The members of a problem document (RFC 9457). `code` is for programs, `detail` for the person."""
    body = {
        "type": f"urn:scrm:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        **extra,
    }
    return _plain(body)


def problem(status: int, code: str, title: Any, detail: Any, **extra: Any) -> Response:
    """A problem document as an answer."""
    return Response(problem_body(status, code, title, detail, **extra), status=status, content_type=PROBLEM_TYPE)


def problem_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Turn whatever a view raised into a problem document. A 500 tells nothing but the request's id."""
    error = _translated(error)
    if isinstance(error, Busy):
        response = problem(error.status, error.code, error.title, error.detail)
        response["Retry-After"] = "1"
        return response
    if isinstance(error, Invalid):
        return problem(error.status, error.code, error.title, error.detail, errors=error.errors, **error.extra)
    if isinstance(error, Refusal):
        return problem(error.status, error.code, error.title, error.detail, **error.extra)
    if isinstance(error, exceptions.ValidationError):
        errors = error.detail if isinstance(error.detail, dict) else {"non_field_errors": error.detail}
        return problem(400, "invalid", Invalid.title, _("Please correct the marked fields."), errors=errors)
    if isinstance(error, exceptions.APIException):
        return _framework_problem(error, context)
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    log.exception("Unhandled error in the API")
    return problem(
        500,
        "internal_error",
        _("Something went wrong"),
        _("We have been told. Please try again."),
        request_id=request_id,
    )


# What PostgreSQL says when it chose another transaction: deadlock, serialization, lock not available.
_BUSY = {"40P01", "40001", "55P03"}
_UNIQUE = "23505"
# A NUL in a text or in JSON, where nobody looked for one.
_NUL = {"22021", "22P05"}


def _translated(error: Exception) -> Exception:
    """What Django and the database raise, in the API's words; everything else as it is."""
    if isinstance(error, RequestDataTooBig):
        return TooLarge()
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, (SuspiciousOperation, UnreadablePostError)):
        return exceptions.ParseError()
    if isinstance(error, DatabaseError):
        state = getattr(error.__cause__, "sqlstate", None)
        if state in _BUSY:
            return Busy(_("Somebody else is changing the same things. Please try again."))
        if state == _UNIQUE:
            return Conflict(_("Somebody else made the same thing at the same moment."))
        if state in _NUL:
            return Invalid(_("Null characters are not allowed."))
    return error


def _framework_problem(error: exceptions.APIException, context: dict[str, Any]) -> Response:
    codes = {
        400: "invalid",
        401: "not_authenticated",
        403: "forbidden",
        404: "not_found",
        405: "method_not_allowed",
        406: "not_acceptable",
        413: "too_large",
        415: "unsupported_media_type",
        429: "throttled",
    }
    # What the framework says of these two in general names what it is about in particular: a title must not.
    titles = {405: _("This method is not possible here"), 415: _("This content type is not taken")}
    response = problem(
        error.status_code,
        codes.get(error.status_code, "error"),
        titles.get(error.status_code, error.default_detail),
        force_str(error.detail),
    )
    if (wait := getattr(error, "wait", None)) is not None:  # Throttled
        response["Retry-After"] = str(int(wait) + 1)
    if header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = header
    return response


def _plain(value: Any) -> Any:
    """Resolve lazy texts now, in the caller's language."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}  # lists of values err by number
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return force_str(value) if isinstance(value, Promise) else value
