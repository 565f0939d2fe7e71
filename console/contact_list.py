"""The list of contacts: filters, table, columns, bulk bar, export."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Value
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_htmx.http import replace_url

from collaboration.rules.transfers import OF_ONES_OWN
from common import paging, pinyin
from common.errors import Invalid
from console import contact_table, navigation
from console.base import Page
from console.bulk import filter_of
from console.contact_table import ORDERINGS, chosen, options, rows_of, table
from console.contact_views import chips
from console.listing import BulkAction, Listing
from console.member_choice import MOST as MOST_PEOPLE
from console.member_choice import options_url
from contacts import search
from contacts.filters import ContactFilter
from contacts.models import Contact, GroupChat, Tag
from contacts.rules import Activity, Grade, Relation, Status
from contacts.services.bulk import ACTIONS
from enterprises.models import Department, Member
from upstream.models import Space

MOST_SPACES = 200
ICONS = {
    "archive": "archive",
    "restore": "restore",
    "tag": "tag",
    "untag": "tag-off",
    "transfer": "transfer",
    "delete": "trash",
}
KEYS = {"archive": "e"}


class ContactList(Page):
    permission = "contacts.view"
    template = "console/contacts/list.html"
    title = gettext_lazy("Contacts")
    many_people = False

    def get(self, request: HttpRequest) -> HttpResponseBase:
        errors: dict[str, Any] = {}
        try:
            asked = ContactFilter.from_params(filter_of(request.META.get("QUERY_STRING", "")), self.actor)
            contacts, count = asked.queryset(), asked.count()
        except Invalid as refusal:
            asked, contacts = ContactFilter(self.actor, {}), Contact.objects.none()
            count, errors = paging.Count(0, exact=True), refusal.errors
        listing = Listing(
            request,
            contacts,
            ways=lambda page: map(rows_of, (contacts,) if errors else asked.ways(page)),
            ordering="-added_at",
            orderings=ORDERINGS,
            counted=count,
        )
        sought = asked.params.get("search")
        called = search.called(listing.rows, sought) if sought else {}
        columns = chosen(request.GET.get("columns") or request.COOKIES.get(contact_table.COOKIE))
        context = {
            "listing": listing,
            "columns": columns,
            "table": table(listing.rows, columns, called),
            "filtered": bool(asked.params or errors),
            "errors": errors,
            "actions": self._actions(),
            "all_columns": [(column, column in columns) for column in contact_table.COLUMNS if not column.always],
            "export_url": self._address("exports", "contacts.export"),
            "import_url": self._address("imports", "contacts.import"),
            "guide_url": self._address("space-guide", "spaces.view"),
            "may_share": self.actor.may("views.share"),
            "column_names": ".".join(column.name for column in columns),
            "chips": chips(self.actor, asked.params, listing.ordering),
        }
        if request.htmx:  # type: ignore[attr-defined]
            response = self.render(context, template=f"{self.template}#results", status=400 if errors else 200)
            return replace_url(response, _without_empty(request))
        context |= {
            "params": asked.params,
            "filters": self._filters(asked.params),
            "people_url": f"{options_url(self.actor)}?any" if self.many_people else "",
            "more": sum(1 for name in asked.params if name not in ("search", "owner", "status", "grade")),
            "may_add": self.actor.may("contacts.add"),
        }
        return self.render(context, status=400 if errors else 200)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Which columns to show: kept by the browser, for this list."""
        wanted = [column.name for column in contact_table.COLUMNS if column.name in request.POST.getlist("columns")]
        query = request.GET.copy()
        query.pop("columns", None)  # those of a view: what is chosen now goes before it
        response = self.redirect(f"{request.path}?{query.urlencode()}".rstrip("?"))
        response.set_cookie(
            contact_table.COOKIE,
            ".".join(wanted) or "none",
            max_age=365 * 86400,
            path=f"/e/{self.enterprise.code}/",
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
        return response

    def _filters(self, params: dict[str, Any]) -> dict[str, SafeString | str]:
        """The options of each select of the filter form, as HTML: written once a page."""

        def many(name: str) -> list[str]:
            return params.get(name, [])

        def choice(name: str, choices: Iterable[tuple[Any, Any]]) -> SafeString:
            return options([("", _("All")), *choices], many(name) or [""])

        people = self._people([*many("owner"), *many("member")])
        departments, spaces = self._departments_and_spaces(many("space"))
        tags = [(pk, f"{group} · {name}") for pk, group, name in self._tags()]
        silent = {True: ["true"], False: ["false"]}.get(params.get("inactive"), [""])  # type: ignore[arg-type]
        shown: dict[str, SafeString | str] = {
            "owner": choice("owner", [("me", _("Me")), ("none", _("Nobody")), *people]),
            "member": choice("member", [("me", _("Me")), *people]),
            "status": choice("status", Status.choices()),
            "grade": choice("grade", Grade.choices()),
            "activity": choice("activity", Activity.choices()),
            "kind": choice("kind", Contact.Kind.choices),
            "relation": choice("relation", Relation.choices()),
            "department": choice("department", departments),
            "inactive": options([("", _("All")), ("true", _("Inactive")), ("false", _("Not inactive"))], silent),
            **{name: options(tags, many(name)) for name in ("tag_any", "tag_all", "tag_none")},
        }
        if many("team"):
            teams = Department.objects.filter(pk__in=[pk for pk in many("team") if pk != "none"])
            shown["team"] = choice("team", [("none", _("Without department")), *teams.values_list("pk", "name")])
        if many("group"):
            groups = GroupChat.objects.visible_to(self.actor).filter(pk__in=many("group"))
            shown["group"] = choice("group", groups.values_list("pk", "name"))
        if spaces:
            shown["space"] = choice("space", spaces)
        return shown

    def _people(self, named: list[str]) -> list[tuple[Any, str]]:
        """Members to choose from: the first by name, and those the filter names."""
        active = Member.objects.filter(status=Member.Status.ACTIVE).order_by("name", "id").values_list("pk", "name")
        people = list(active[: MOST_PEOPLE + 1])
        self.many_people = len(people) > MOST_PEOPLE
        missing = set(named) - {str(pk) for pk, _name in people} - {"me", "none"}
        if missing:
            people += Member.objects.filter(pk__in=missing).values_list("pk", "name")
        return sorted(people, key=lambda row: pinyin.order(row[1]))

    def _departments_and_spaces(self, named: list[str]) -> tuple[list[tuple[Any, str]], list[tuple[Any, str]]]:
        """Departments, and of the spaces that one may know of the first by name and those named, in one query."""
        found = Department.objects.order_by().annotate(space=Value(False)).values_list("space", "pk", "name")
        if self.actor.may("spaces.view"):
            known = Space.objects.visible_to(self.actor).annotate(space=Value(True)).values_list("space", "pk", "name")
            first = known.order_by("name", "id")[:MOST_SPACES]
            found = found.union(first, known.order_by().filter(pk__in=named)) if named else found.union(first)
        rows = sorted(found, key=lambda row: pinyin.order(row[2]))
        return [row[1:] for row in rows if not row[0]], [row[1:] for row in rows if row[0]]

    def _tags(self) -> Iterable[tuple[Any, str, str]]:
        tags = Tag.objects.order_by("group__position", "group__name", "position", "name")
        return tags.values_list("pk", "group__name", "name")

    def _actions(self) -> list[BulkAction]:
        exports = self._address("exports", "contacts.export")
        export = [BulkAction(gettext_lazy("Export"), exports, icon="download")] if exports else []
        invite = self._address("invitation-customers", "spaces.invite")
        if invite:
            export.append(BulkAction(gettext_lazy("Invite into a space"), invite, icon="affiliate"))
        hand_over = self._address("hand-over", OF_ONES_OWN)
        if hand_over:
            export.append(BulkAction(gettext_lazy("Hand over"), hand_over, icon="transfer-in"))
        return export + [
            BulkAction(
                action.label,
                reverse("bulk", kwargs={"code": self.enterprise.code, "action": action.name}),
                icon=ICONS.get(action.name, "checks"),
                danger=action.name == "delete",
                key=KEYS.get(action.name, ""),
            )
            for action in ACTIONS.values()
            if self.actor.may(action.permission)
        ]

    def _address(self, page: str, permission: str) -> str | None:
        return navigation.address(page, self.enterprise.code) if self.actor.may(permission) else None


def _without_empty(request: HttpRequest) -> str:
    """The address that says the same: a form sends all of its fields."""
    given = [(name, value) for name, values in request.GET.lists() for value in values if value]
    return f"{request.path}?{urlencode(given)}" if given else request.path
