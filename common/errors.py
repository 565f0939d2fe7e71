"""Refusals: what the product says instead of doing something.

A service raises a Refusal; the API turns it into a problem document (RFC 9457), the console into a message
or a form error, a job into a reason on its row. `code` is for programs, `detail` for the person.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


class Refusal(Exception):
    """Something was refused; nothing was changed.

    `extra` carries what would help (limits, dates, remedies) and must be JSON serialisable.
    """

    status = 409
    code = "conflict"
    title: Text = _("The request conflicts with the present state")

    def __init__(self, detail: Text, *, code: str | None = None, **extra: Any) -> None:
        self.detail = detail
        self.code = code or self.code
        self.extra = extra
        super().__init__(self.code)

    def __str__(self) -> str:
        return str(self.detail)


class Invalid(Refusal):
    """The input is wrong. `errors` maps a field (or "non_field_errors") to its messages."""

    status = 400
    code = "invalid"
    title = _("The input is not valid")

    def __init__(self, errors: Mapping[str, Sequence[Text]] | Text, *, code: str | None = None, **extra: Any) -> None:
        if isinstance(errors, Mapping):
            self.errors = {field: list(messages) for field, messages in errors.items()}
            first = next(iter(self.errors.values()), [""])
            detail: Text = first[0] if first else ""
        else:
            self.errors = {"non_field_errors": [errors]}
            detail = errors
        super().__init__(detail, code=code, **extra)


class Forbidden(Refusal):
    """Visible, but not allowed."""

    status = 403
    code = "forbidden"
    title = _("Not allowed")

    def __init__(self, detail: Text | None = None, **kwargs: Any) -> None:
        super().__init__(detail or _("Your role does not allow this."), **kwargs)


class NotFound(Refusal):
    """Missing, or not for these eyes: the two are never told apart (O5)."""

    status = 404
    code = "not_found"
    title = _("Not found")

    def __init__(self, detail: Text | None = None, **kwargs: Any) -> None:
        super().__init__(detail or _("There is nothing here."), **kwargs)


class Conflict(Refusal):
    """The present state does not allow it."""


class Stale(Refusal):
    """If-Match named a version that is no longer the present one."""

    status = 412
    code = "precondition_failed"
    title = _("Somebody else changed this meanwhile")
