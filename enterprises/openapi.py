"""How views are described in the OpenAPI document."""

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.serializers import Serializer


class Schema(AutoSchema):
    """Lists are called lists, and each call says which permission code it needs."""

    def get_operation_id(self) -> str:
        name = super().get_operation_id()
        answer = self.get_response_serializers()
        answer = answer() if isinstance(answer, type) and issubclass(answer, Serializer) else answer
        is_list = isinstance(answer, Serializer) and "results" in answer.fields
        return name.removesuffix("_retrieve") + "_list" if is_list and name.endswith("_retrieve") else name

    def get_description(self) -> str:
        text = super().get_description()
        code = getattr(self.view, "permissions", {}).get(self.method)
        return f"{text}\n\nNeeds the permission `{code}`." if code else text


class TokenScheme(OpenApiAuthenticationExtension):
    """`Authorization: Bearer scrm_…`."""

    target_class = "enterprises.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "From `POST auth/token`, or made in the console."}


class SessionScheme(OpenApiAuthenticationExtension):
    """The console's cookie."""

    target_class = "enterprises.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "The console's session. Writes need the CSRF token as well; somebody of several"
            " enterprises names one in the header `X-Enterprise`.",
        }


_PROBLEM = {
    "type": "object",
    "description": "A problem document (RFC 9457). Refusals carry more members that say what would help.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For the person, in the caller's language."},
        "code": {"type": "string", "description": "For programs."},
        "errors": {"type": "object", "description": "Messages for each field, with status 400."},
    },
    "additionalProperties": True,
    "example": {
        "type": "urn:scrm:problem:quota_exceeded",
        "title": "The scale is full",
        "status": 409,
        "detail": "The scale is full: 2,000 of 2,000 places are taken.",
        "code": "quota_exceeded",
        "served": 2000,
        "capacity": 2000,
        "remedies": [{"kind": "buy", "package": "purchase", "tiers": [5000, 10000]}],
    },
}
_TEXTS = {
    400: "The input is not valid.",
    401: "No valid token, and no session.",
    403: "Visible, but not allowed.",
    404: "Missing, or not for the caller: the two are never told apart.",
    409: "The present state does not allow it.",
    412: "Somebody else changed it meanwhile (If-Match), or it has no versions to compare.",
    422: "The Idempotency-Key was used for another request.",
    429: "Too many requests; Retry-After says when to come back.",
}
_IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "maxLength": 128},
    "description": "Sent again with the same key and body within 24 hours, the work is done once.",
}
_IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "schema": {"type": "string"},
    "description": "The ETag that was read: refuses to change something newer.",
}
# Request bodies to start from, by operation.
_EXAMPLES: dict[str, dict[str, Any]] = {
    "auth_token_create": {"email": "boss@example.com", "password": "correct horse battery"},
    "contacts_create": {"external_userid": "wmAbC123", "name": "王小明", "kind": "wechat", "remark": "老客户"},
    "contacts_bulk": {"action": "archive", "filter": {"grade": "low"}},
    "quota_packages_create": {"tier": 5000, "kind": "purchase"},
}


def describe_errors(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Add to each call what every view shares: problem documents, Idempotency-Key, If-Match; and examples."""
    result["components"]["schemas"]["Problem"] = _PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, methods in result["paths"].items():
        for method, call in methods.items():
            open_to_all = not call.get("security", [{}])[0]
            for status in _statuses(path, method, call, open_to_all):
                call["responses"].setdefault(str(status), {"description": _TEXTS[status], "content": content})
            headers = [_IDEMPOTENCY_KEY] if method == "post" and not open_to_all else []
            headers += [_IF_MATCH] if method in ("patch", "put") else []
            if headers:
                call["parameters"] = [*call.get("parameters", []), *headers]
            if (example := _EXAMPLES.get(call["operationId"])) is not None:
                call["requestBody"]["content"]["application/json"]["example"] = example
    return result


def _statuses(path: str, method: str, call: dict[str, Any], open_to_all: bool) -> list[int]:
    """The statuses that a call may refuse with."""
    found = {401, 403, 429}
    found |= {400} if "requestBody" in call or call.get("parameters") else set()
    found |= {404} if "{" in path else set()
    found |= {409} if method != "get" and not open_to_all else set()
    found |= {422} if method == "post" and not open_to_all else set()
    found |= {412} if method in ("patch", "put") else set()
    return sorted(found)
