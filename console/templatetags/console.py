"""What the console's templates can say: icons, badges, people, numbers, dates. See docs/console.md."""

import json
import re
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django import template
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.serializers.json import DjangoJSONEncoder
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select
from django.forms.boundfield import BoundWidget
from django.template.context import RequestContext
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from console import badges
from console.listing import Listing
from contacts.models import Follow

register = template.Library()
DASH = "—"
TONES = ("blue", "azure", "indigo", "purple", "pink", "orange", "teal", "green")


@lru_cache(maxsize=512)
def _drawing(name: str) -> str:
    """The paths of a Tabler icon, without the frame that every icon shares."""
    if not re.fullmatch(r"[a-z0-9-]+", name):
        raise ImproperlyConfigured(f"{name!r} is not the name of an icon.")
    folder, _sep, bare = name.rpartition("filled-")
    path = Path(settings.ICONS_DIR) / ("filled" if folder or name.startswith("filled-") else "outline") / f"{bare}.svg"
    try:
        svg = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        # Without node_modules (tests need none) pages come without icons; a wrong name is a mistake of ours.
        if (settings.TESTING or settings.DEBUG) and Path(settings.ICONS_DIR).exists():
            raise ImproperlyConfigured(f"There is no icon {name!r} (see tabler.io/icons).") from None
        return ""
    inside = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    inside = inside.replace('<path stroke="none" d="M0 0h24v24H0z" fill="none" />', "")
    return " ".join(inside.split())


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """`{% icon "users" %}`: a Tabler icon, drawn in the text's colour and hidden from screen readers."""
    paint = 'fill="currentColor"' if name.startswith("filled-") else 'fill="none" stroke="currentColor"'
    return mark_safe(  # noqa: S308 - the drawing comes from our own files, the class from our templates
        f'<svg class="icon {css}" width="24" height="24" viewBox="0 0 24 24" {paint} stroke-width="1.75"'
        f' stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">{_drawing(name)}</svg>'
    )


# --- Numbers, money, time ---------------------------------------------------------------------------------


@register.filter
def number(value: Any, places: int = 0) -> str:
    """12431 → 12,431; nothing → —."""
    if value in (None, ""):
        return DASH
    return number_format(value, decimal_pos=int(places), use_l10n=True, force_grouping=True)


@register.filter
def source(value: str) -> str:
    """How a relation began, in words; what we have no word for stands as it is."""
    return str(Follow.SOURCES.get(value, value))


@register.simple_tag
def sources() -> list[tuple[str, str]]:
    """How relations usually begin, each with its words; others are possible."""
    return [(value, str(label)) for value, label in Follow.SOURCES.items()]


@register.filter
def money(value: Decimal | float | None) -> str:
    """1234.5 → ¥1,234.50; nothing → —."""
    if value in (None, ""):
        return DASH
    sign = "-" if value < 0 else ""  # type: ignore[operator]
    return f"{sign}¥{number(abs(value), 2)}"  # type: ignore[arg-type]


@register.filter
def percent(part: float | None, whole: float | None = None) -> str:
    """0.4211 → 42.1%; with `whole`: part|percent:whole. Whole numbers lose the decimal."""
    if part is None or whole == 0:
        return DASH
    value = round(float(part) / float(whole) * 100 if whole is not None else float(part) * 100, 1)
    return f"{value:g}%"


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """2026-06-15 12:00 in the enterprise's time zone, in a <time> element; nothing → —."""
    if not value:
        return DASH
    local = timezone.localtime(value)
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), f"{local:%Y-%m-%d %H:%M}")


@register.filter
def day(value: datetime | date | None) -> SafeString | str:
    """2026-06-15, the day in the enterprise's time zone; the full moment as a tooltip."""
    if not value:
        return DASH
    if isinstance(value, datetime):
        local = timezone.localtime(value)
        return format_html(
            '<time datetime="{}" title="{}">{}</time>',
            local.isoformat(),
            f"{local:%Y-%m-%d %H:%M}",
            f"{local:%Y-%m-%d}",
        )
    return format_html('<time datetime="{0}">{0}</time>', value.isoformat())


# --- People and badges ------------------------------------------------------------------------------------


@register.simple_tag
def badge(family: str, value: Any) -> SafeString | str:
    """`{% badge "grade" contact.grade %}`: families stand in console/badges.py."""
    found = badges.find(family, value)
    if found is None:
        return DASH if value in (None, "") else str(value)
    colour, label = found
    return format_html('<span class="badge tone tone-{}" data-{}="{}">{}</span>', colour, family, value, label)


@register.simple_tag
def origin(contact: Any) -> SafeString:
    """@微信 in green or @company in orange, as WeCom marks its people."""
    if contact.kind == "wecom":
        return format_html('<span class="mark-wecom">@{}</span>', contact.company or _("WeCom"))
    return format_html('<span class="mark-wechat">@{}</span>', _("WeChat"))


@register.simple_tag
def avatar(name: Any, pk: UUID | str = "", css: str = "") -> SafeString:
    """The first letter on a colour that stays the same for the same person."""
    text = str(name).strip() or "?"
    tone = TONES[sum(str(pk or text).encode()) % len(TONES)]
    return format_html(
        '<span class="avatar avatar-sm tone tone-{} {}" aria-hidden="true">{}</span>', tone, css, text[0].upper()
    )


@register.simple_tag
def progress(done: float | None, total: float | None, css: str = "", label: str = "") -> SafeString:
    """A bar that needs no inline style: an SVG whose width is an attribute."""
    share = min(100.0, max(0.0, float(done or 0) / float(total) * 100)) if total else 0.0
    return format_html(
        '<svg class="bar {}" role="img" aria-label="{}" preserveAspectRatio="none" viewBox="0 0 100 4">'
        '<rect class="bar-track" width="100" height="4"/><rect class="bar-fill" width="{}" height="4"/></svg>',
        css,
        label or f"{share:.0f}%",
        f"{share:.2f}",
    )


@register.simple_tag
def gauge(value: int, limit: int, colour: str = "green") -> SafeString:
    """A half circle that fills up to `limit`; drawn on the server, its length is an attribute."""
    share = min(1.0, value / limit) if limit else float(value > 0)
    length = 157.08  # of a half circle with radius 50
    return format_html(
        '<div class="gauge is-{colour}"><svg viewBox="0 0 120 66" role="img" aria-label="{value} / {limit}">'
        '<path class="gauge-track" d="M10 60a50 50 0 0 1 100 0"/>'
        '<path class="gauge-fill" d="M10 60a50 50 0 0 1 100 0" stroke-dasharray="{fill} 400"/></svg>'
        '<div class="gauge-text"><b>{value}</b><span>/ {limit}</span><small>{share}</small></div></div>',
        colour=colour,
        value=number(value),
        limit=number(limit),
        fill=f"{share * length:.2f}",
        share=percent(value, limit),
    )


@register.simple_tag
def stack(parts: list[tuple[Any, str, int, str]]) -> SafeString:
    """One bar in several colours: (label, colour, number, …) each."""
    total = sum(part[2] for part in parts)
    place = 0.0
    drawn = []
    for label, colour, value, *_rest in parts:
        width = value / total * 100 if total else 0
        title = f"{getattr(label, 'label', label)}: {number(value)}"
        drawn.append((colour, f"{place:.3f}", f"{width:.3f}", title))
        place += width
    inside = format_html_join("", '<rect class="stack-{}" x="{}" width="{}" height="4"><title>{}</title></rect>', drawn)
    return format_html(
        '<svg class="bar stack" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="bar-track" width="100" height="4"/>{}</svg>',
        inside,
    )


@register.filter
def as_json(value: Any) -> str:
    """Plain data as JSON for an attribute: `data-option="{{ option|as_json }}"`; the template escapes it."""
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


# --- Lists ------------------------------------------------------------------------------------------------


@register.simple_tag
def sort_header(listing: Listing, field: str, label: str) -> SafeString:
    """A column's heading; a link when the list can be sorted by it."""
    if not listing.sortable(field):
        return format_html("{}", label)
    present = listing.ordering.removeprefix("-") == field
    arrow = ("↓" if listing.ordering.startswith("-") else "↑") if present else ""
    return format_html(
        '<a class="sort{}" href="{}">{}<span aria-hidden="true">{}</span></a>',
        " is-sorted" if present else "",
        listing.sort_url(field),
        label,
        arrow,
    )


# --- Forms ------------------------------------------------------------------------------------------------


@register.simple_tag
def widget(field: BoundField, css: str = "") -> SafeString:
    """A form field's control in Tabler's dress; the first one with an error gets the focus."""
    kind = field.field.widget
    attrs: dict[str, Any] = {}
    if isinstance(kind, RadioSelect | CheckboxSelectMultiple | CheckboxInput):
        classes = "form-check-input"
    elif isinstance(kind, Select):
        classes = "form-select"
    else:
        classes = "form-control"
    if field.errors:
        classes += " is-invalid"
        if field.name == next(iter(field.form.errors), None):
            attrs["autofocus"] = True
    attrs["class"] = " ".join(filter(None, (classes, css, kind.attrs.get("class", ""))))
    return field.as_widget(attrs=attrs)


@register.filter
def option(choice: BoundWidget) -> SafeString:
    """One radio button or check box of several, in Tabler's dress."""
    choice.data["attrs"]["class"] = "form-check-input"
    return choice.tag()


@register.filter
def widget_kind(field: BoundField) -> str:
    """check, choices or input: how the label stands to the control."""
    kind = field.field.widget
    if isinstance(kind, CheckboxSelectMultiple | RadioSelect):
        return "choices"
    return "check" if isinstance(kind, CheckboxInput) else "input"


@register.simple_tag(takes_context=True)
def active_filters(context: RequestContext, form: Any) -> int:
    """How many filters of the form are in use."""
    request = context["request"]
    return sum(1 for name in form.fields if any(request.GET.getlist(form.add_prefix(name))))
