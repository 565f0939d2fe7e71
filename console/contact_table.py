"""The table of contacts: its columns, and rows made in one go.

A list of a hundred rows with ten columns is a thousand cells; through template tags each would cost more than the
query. So cells are made here, by functions that escape, and the template puts rows together.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet, Value
from django.db.models.functions import Concat
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.errors import Text
from console.templatetags.console import DASH, avatar, badge, money
from contacts.models import FollowTag, Grant
from contacts.rules import masked_phone

COOKIE = "contact_columns"
SHOWN_TAGS = 3
COLOURED = "\x1f"  # between a tag's name and its colour
FIELDS = (
    "id", "external_userid", "name", "remark", "kind", "company", "phones", "status", "grade", "grade_source",
    "activity", "inactive", "spend_365d", "spend_cents", "last_contact_at", "last_customer_at", "added_at",
)  # fmt: skip


def rows_of(contacts: QuerySet) -> QuerySet:
    """What the table shows of contacts: plain rows, with the owner's name and the names of the tags."""
    worn = FollowTag.objects.filter(contact_id=OuterRef("pk"))
    tags = worn.values(named=Concat("tag__name", Value(COLOURED), "tag__group__colour")).order_by("named").distinct()
    grants = Grant.objects.in_force().filter(contact_id=OuterRef("pk")).exclude(member_id=OuterRef("owner_id"))
    annotated = contacts.annotate(
        owner_name=F("owner__name"),
        tags=ArraySubquery(tags),
        collaborator_names=ArraySubquery(grants.order_by("granted_at", "id").values("member__name")),
    )
    return annotated.values_list(*FIELDS, "owner_name", "tags", "collaborator_names", named=True)


class Words:
    """What many cells of one page have in common, made once for it: badges, marks, words in its language.

    `called`: by which remark of a friend the search found somebody, where nothing else in the row tells it (C11).
    """

    def __init__(self, called: Mapping[UUID, str]) -> None:
        self.called = called
        self.wechat = f'<span class="mark-wechat">@{safe(_("WeChat"))}</span>'
        self.wecom = _("WeCom")
        self.by_hand = safe(_("Set by hand"))
        self.silent = f' <span class="badge tone tone-orange">{safe(_("Inactive"))}</span>'
        self.badge = cache(badge)


def safe(text: Any) -> str:
    """The text for HTML. Several times faster than Django's escape, which looks after lazy texts as well."""
    return text if isinstance(text, SafeString) else escape(str(text))


@dataclass(frozen=True)
class Column:
    """A column: `cell` gives the inside of its cells, escaped. `sort`: the field it sorts by."""

    name: str
    label: Text
    cell: Callable[[Any, Words], str]
    sort: str = ""
    css: str = ""
    always: bool = False


def _person(row: Any, words: Words) -> str:
    if row.kind == "wechat":
        mark = words.wechat
    else:
        mark = f'<span class="mark-wecom">@{safe(row.company or words.wecom)}</span>'
    state = "" if row.status == "active" else f" {words.badge('status', row.status)}"
    silent = words.silent if row.inactive else ""
    remark = words.called.get(row.id)
    called = f"<small>{safe(_('a friend calls them %(called)s') % {'called': remark})}</small>" if remark else ""
    return mark_safe(  # noqa: S308 - every text is escaped
        f'<div class="person">{avatar(row.name, row.id)}<div><a href="{row.id}/">{safe(row.name)}</a> '
        f"{mark}{state}{silent}{called}</div></div>"
    )


def _grade(row: Any, words: Words) -> str:
    shown = words.badge("grade", row.grade)
    if row.grade_source == "auto":
        return shown
    return mark_safe(f'{shown} <span title="{words.by_hand}">✎</span>')  # noqa: S308


def _tags(row: Any, words: Words) -> str:
    tags = [tag.rpartition(COLOURED) for tag in row.tags]
    shown = "".join(
        f'<span class="badge tone tone-{colour}">{safe(name)}</span> ' for name, _mark, colour in tags[:SHOWN_TAGS]
    )
    if len(tags) > SHOWN_TAGS:
        rest = safe("、".join(name for name, _mark, _colour in tags[SHOWN_TAGS:]))
        shown += f'<span class="badge" title="{rest}">+{len(tags) - SHOWN_TAGS}</span>'
    return mark_safe(shown)  # noqa: S308


def _text(field: str) -> Callable[[Any, Words], str]:
    return lambda row, words: getattr(row, field) or ""


def _day(field: str) -> Callable[[Any, Words], str]:
    def cell(row: Any, words: Words) -> str:
        value = getattr(row, field)
        if value is None:
            return DASH
        text = f"{timezone.localtime(value):%Y-%m-%d %H:%M}"
        return mark_safe(f'<time title="{text}">{text[:10]}</time>')  # noqa: S308 - digits only

    return cell


COLUMNS: tuple[Column, ...] = (
    Column("person", gettext_lazy("Contact"), _person, "name", always=True),
    Column("remark", gettext_lazy("Remark"), _text("remark")),
    Column("company", gettext_lazy("Company"), _text("company")),
    Column("phones", gettext_lazy("Phones"), lambda row, words: ", ".join(map(masked_phone, row.phones))),
    Column("external_userid", gettext_lazy("External user id"), _text("external_userid")),
    Column("owner", gettext_lazy("Owner"), lambda row, words: row.owner_name or DASH, css="text-nowrap"),
    Column("collaborators", gettext_lazy("Collaborators"), lambda row, words: ", ".join(row.collaborator_names)),
    Column("tags", gettext_lazy("Tags"), _tags),
    Column("grade", gettext_lazy("Grade"), _grade),
    Column("activity", gettext_lazy("Activity"), lambda row, words: words.badge("activity", row.activity)),
    Column("spend", gettext_lazy("Spent in 365 days"), lambda row, words: money(row.spend_365d), "spend_cents", "num"),
    Column("last_contact", gettext_lazy("Last contact"), _day("last_contact_at"), "last_contact_at"),
    Column("last_customer", gettext_lazy("Last customer activity"), _day("last_customer_at")),
    Column("added", gettext_lazy("Added"), _day("added_at"), "added_at"),
)
DEFAULT = ("person", "remark", "company", "owner", "collaborators", "tags", "grade", "last_contact", "added")
ORDERINGS = tuple(column.sort for column in COLUMNS if column.sort)


def chosen(cookie: str | None) -> list[Column]:
    """The columns that somebody wants to see; the usual ones for those who never said."""
    wanted = set(cookie.split(".")) if cookie else set(DEFAULT)
    found = [column for column in COLUMNS if column.always or column.name in wanted]
    return found if len(found) > 1 else [column for column in COLUMNS if column.name in DEFAULT]


def table(rows: Iterable[Any], columns: list[Column], called: Mapping[UUID, str]) -> SafeString:
    """The rows of the page as HTML, in the order given. `called`: see `Words`."""
    words = Words(called)
    opening = [f'<td data-label="{safe(c.label)}"{f" class={c.css}" if c.css else ""}>' for c in columns]
    cells = [(start, column.cell) for start, column in zip(opening, columns, strict=True)]
    made = []
    for row in rows:
        made.append(
            f'<tr data-href="{row.id}/"><td class="pick"><input class="form-check-input" type="checkbox" name="ids"'
            f' value="{row.id}" form="bulk" data-pick aria-label="{safe(row.name)}"></td>'
        )
        made.extend(f"{start}{safe(cell(row, words))}</td>" for start, cell in cells)
        made.append("</tr>\n")
    return mark_safe("".join(made))  # noqa: S308


# --- The filter form --------------------------------------------------------------------------------------


def options(choices: Iterable[tuple[Any, Any]], selected: Iterable[str]) -> SafeString:
    """The <option>s of a select."""
    wanted = set(selected)
    return mark_safe(  # noqa: S308 - values and labels are escaped
        "".join(
            f'<option value="{safe(value)}"{" selected" if str(value) in wanted else ""}>{safe(label)}</option>'
            for value, label in choices
        )
    )
