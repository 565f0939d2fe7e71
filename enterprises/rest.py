"""The base of every API view: one tenant scope around authentication, work and rendering."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from typing import Any, ClassVar
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common import clock, paging
from common.asked import yes_or_no
from common.errors import Invalid, NotFound, Stale
from common.ids import parse_uuid
from common.tenancy import tenant
from enterprises import idempotency, view_as
from enterprises.actors import Actor
from enterprises.models import ApiToken, Enterprise, Member
from enterprises.services import zone
from enterprises.tokens import needs_touch

VIEW_AS = "X-View-As"
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
LIST_PARAMETERS = {"cursor", "page_size", "ordering", "count"}


class TenantRequest(Request):
    """Knows whether anybody has read the body, and compared versions."""

    body_read = False
    compared = False

    @property
    def data(self) -> Any:
        self.body_read = True
        return super().data


class TenantAPIView(APIView):
    """Opens the tenant named by the caller, checks the method's permission code, renders inside the scope.

    `permissions` maps a method to the code it needs; services check what they do themselves as well. An answer
    of 400 or more rolls everything back: a refusal leaves nothing half done. So what the view did not ask for,
    in the query or in the body, is refused when its work is done: nothing that somebody sent is passed over.
    """

    permissions: ClassVar[dict[str, str]] = {}
    # Parameters of the query that may be given several times.
    several: ClassVar[frozenset[str]] = frozenset()
    # A file is sent whatever the caller says it accepts.
    any_accept: ClassVar[bool] = False
    token: ApiToken | None = None

    @property
    def actor(self) -> Actor:
        return self.request.auth

    def enter(self, enterprise_id: UUID) -> None:
        """Called by the authentication, which sets `enterprise` when the caller belongs there."""
        self.scope.enter_context(tenant(enterprise_id))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with ExitStack() as self.scope:
            self.enterprise: Enterprise | None = None
            response = super().dispatch(request, *args, **kwargs)
            if isinstance(response, Response):
                response.render()
            if self.enterprise is not None:
                if response.status_code >= 400:
                    transaction.set_rollback(True)
                else:
                    idempotency.keep(self.request, response)
        self._touch_token()
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.enterprise is not None:
            self.scope.enter_context(timezone.override(zone(self.enterprise)))  # of times that come without theirs
        refuse_nul(request)
        if (through := request.headers.get(VIEW_AS)) is not None:
            self._look(request, through)
        method = "GET" if request.method == "HEAD" else request.method
        if code := self.permissions.get(method or ""):
            self.actor.require(code)
        idempotency.replay(request)

    def _look(self, request: Request, through: str) -> None:
        """Answer as the named member would be answered: for super admins, read-only, each time audited (O5)."""
        member = get_or_404(Member.objects.select_related("role"), through)
        view_as.begin(self.actor, member=member)
        request.auth = view_as.through(self.actor, member.pk)
        view_as.only_read(request.method)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        return super().perform_content_negotiation(request, force or self.any_accept)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, idempotency.Replayed):
            return exc.response
        return super().handle_exception(exc)

    def _touch_token(self) -> None:
        """After the scope, in a moment of its own, so that parallel calls with one token do not wait here."""
        now = clock.now()
        if self.token is None or self.enterprise is None or not needs_touch(self.token, now):
            return
        with suppress(DatabaseError), tenant(self.enterprise.pk):  # the answer is made; it must not fail now
            ApiToken.objects.filter(pk=self.token.pk).update(last_used_at=now)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> TenantRequest:
        self.asked: set[str] = set()
        return TenantRequest(
            request,
            parsers=self.get_parsers(),
            authenticators=self.get_authenticators(),
            negotiator=self.get_content_negotiator(),
            parser_context=self.get_parser_context(request),
        )

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if response.status_code < 400 and not isinstance(response, idempotency.StoredResponse):
            try:
                self._refuse_what_was_not_asked_for()
            except Exception as error:  # noqa: BLE001 - what it may be is for the handler to say
                response = self.handle_exception(error)
        return super().finalize_response(request, response, *args, **kwargs)

    def _refuse_what_was_not_asked_for(self) -> None:
        if unasked := sorted(set(self.request.query_params) - self.asked):
            raise Invalid({name: [_("This parameter does not exist.")] for name in unasked}, code="unknown_filter")
        query = self.request.query_params
        if twice := sorted(name for name in query if len(query.getlist(name)) > 1 and name not in self.several):
            raise Invalid({name: [_("Give this once.")] for name in twice})
        if not self.request.compared and self.request.META.get("HTTP_IF_MATCH", "*").strip() != "*":
            raise Stale(_("What you change has no versions: send it without If-Match."))
        if self.request.body_read:
            return
        plain = self.request._request
        unread = {*plain.POST, *plain.FILES} if plain.content_type in FORMS else self.request.data
        if unread:
            raise Invalid({name: [_("This field does not exist.")] for name in sorted(unread)})

    # --- lists ------------------------------------------------------------------------------------------------

    def page(
        self,
        queryset: QuerySet,
        represent: Callable[[Any], Any],
        *,
        orderings: Iterable[str] | Mapping[str, str],
        default: str,
        prepare: Callable[[list[Any]], Any] | None = None,
    ) -> Response:
        """A cursor list `{next, previous, results}`; `count` only when asked for (DESIGN.md 7).

        `orderings` are the columns that may be ordered by (either direction), or public names with their
        columns. `prepare` sees the whole page first, to load what belongs to its rows in a constant number of
        queries.
        """
        page_query = self.keyset(queryset, orderings=orderings, default=default)
        page = page_query.read()
        if prepare is not None:
            prepare(page.rows)
        return self.cursor_list(page, [represent(row) for row in page.rows], queryset)

    def keyset(
        self,
        queryset: QuerySet,
        *,
        orderings: Iterable[str] | Mapping[str, str],
        default: str,
        ways: paging.Ways | None = None,
    ) -> paging.Keyset:
        """The page that the caller asks for, not read yet: for views that read rows in a way of their own."""
        query = self.request.query_params
        self.asked |= {"ordering", "cursor", "page_size"}
        asked = query.get("ordering") or default
        columns = orderings if isinstance(orderings, Mapping) else {name: name for name in orderings}
        if asked.removeprefix("-") not in columns:
            raise Invalid({"ordering": [_("This list cannot be ordered like that.")]})
        ordering = asked[: len(asked) - len(asked.removeprefix("-"))] + columns[asked.removeprefix("-")]
        size = paging.page_size(query.get("page_size"))
        return paging.Keyset(queryset, ordering=ordering, size=size, cursor=query.get("cursor"), ways=ways)

    def cursor_list(
        self, page: paging.Page, results: list[Any], counted: QuerySet | Callable[[], paging.Count] | None = None
    ) -> Response:
        """`{next, previous, results}` with the cursors of `page`; counts when the caller asks for it."""
        body: dict[str, Any] = {
            "next": self._link(page.next),
            "previous": self._link(page.previous),
            "results": results,
        }
        self.asked.add("cursor")
        if counted is not None and self.flag("count"):
            count = counted() if callable(counted) else paging.count(counted)
            body["count"] = {"value": count.value, "exact": count.exact}
        return Response(body)

    def check_query(self, known: Iterable[str] = ()) -> None:
        """Raise Invalid for parameters that this list does not know: a typo must not widen a list."""
        self.asked |= set(known)
        unknown = set(self.request.query_params) - self.asked - LIST_PARAMETERS
        if unknown:
            raise Invalid({name: [_("This filter does not exist.")] for name in sorted(unknown)}, code="unknown_filter")

    def flag(self, name: str) -> bool:
        """A yes-or-no parameter of the query; raises Invalid for anything else."""
        self.asked.add(name)
        return yes_or_no(name, self.request.query_params.get(name, "false"))

    def _link(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        query = self.request.query_params.copy()
        query["cursor"] = cursor
        return self.request.build_absolute_uri(f"{self.request.path}?{query.urlencode()}")


def refuse_nul(request: Request) -> None:
    """PostgreSQL keeps no NUL in a text, so nothing that has one can be found; raises Invalid."""
    for name, values in request.query_params.lists():
        if "\x00" in name or any("\x00" in value for value in values):
            raise Invalid({name.replace("\x00", ""): [_("Null characters are not allowed.")]})


def get_or_404(queryset: QuerySet, pk: UUID | str) -> Any:
    """The one row with this id among those the caller may see; NotFound for all others alike (O5)."""
    uuid = parse_uuid(pk)
    row = queryset.filter(pk=uuid).first() if uuid else None
    if row is None:
        raise NotFound()
    return row


def reference(queryset: QuerySet, pk: UUID | None, field: str) -> Any:
    """The row that a body's field names; Invalid for missing and foreign ones alike. None stays None."""
    if pk is None:
        return None
    row = queryset.filter(pk=pk).first()
    if row is None:
        raise Invalid({field: [_("There is nothing with this id.")]})
    return row


def check_version(request: Request, row: Any) -> None:
    """Honour If-Match: raises Stale when the caller edits something older than what stands there now.

    Locks the row, so nobody changes it between this check and the edit that follows in the same transaction.
    """
    request.compared = True
    expected = {tag.strip() for tag in request.META.get("HTTP_IF_MATCH", "").split(",")} - {""}
    if not expected:
        return
    locked = type(row)._default_manager.select_for_update(no_key=True).filter(pk=row.pk)
    version = locked.values_list("version", flat=True).first()
    if version != row.version or not expected & {"*", f'"{version}"'}:
        raise Stale(
            _("Somebody else changed this meanwhile. Read it again, then repeat your change."),
            version=version,
        )


def etag(response: Response, version: int) -> Response:
    """Mark the answer with the version it shows."""
    response["ETag"] = f'"{version}"'
    return response
