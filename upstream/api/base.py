"""What the views of this room share."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from common.rest import Body
from contacts.models import Contact
from enterprises.models import Department, Member
from enterprises.rest import TenantAPIView, get_or_404, reference
from upstream import queries
from upstream.models import Partner, PartnerContact, Series, Space, Subgroup


class UpstreamView(TenantAPIView):
    """Looks things up among what the caller sees; turns the ids of a body into rows."""

    def read(self, body: type[Body], **options: Any) -> dict[str, Any]:
        """The checked body."""
        asked = body(data=self.request.data, **options)
        asked.is_valid(raise_exception=True)
        return dict(asked.validated_data)

    def space(self, pk: Any) -> Space:
        return get_or_404(queries.spaces(self.actor), pk)

    def partner(self, pk: Any) -> Partner:
        return get_or_404(Partner.objects.visible_to(self.actor).select_related("space", "owner"), pk)

    def seat(self, pk: Any) -> PartnerContact:
        seen = PartnerContact.objects.visible_to(self.actor)
        return get_or_404(seen.select_related("person", "partner", "space"), pk)

    def known(self, data: dict[str, Any], **where: QuerySet) -> dict[str, Any]:
        """Turn the ids of some fields, one or a list each, into rows; Invalid for ids of nothing visible."""
        for field, seen in where.items():
            if isinstance(data.get(field), list):
                data[field] = self.several(seen, data[field], field)
            elif data.get(field) is not None:
                data[field] = reference(seen, data[field], field)
        return data

    def several(self, seen: QuerySet, pks: Iterable[UUID], field: str) -> list[Any]:
        wanted = list(dict.fromkeys(pks))
        found = seen.in_bulk(wanted)
        for pk in wanted:
            if pk not in found:
                reference(seen, pk, field)  # refuses it in the usual words
        return [found[pk] for pk in wanted]

    def sources(self, space: Space | None = None) -> dict[str, QuerySet]:
        """What the fields of bodies may name."""
        inside = {} if space is None else {"space": space}
        found: dict[str, QuerySet] = {
            "owner": Member.objects.all(),
            "members": Member.objects.all(),
            "departments": Department.objects.all(),
            "subgroups": Subgroup.objects.filter(**inside),
            "parent": Subgroup.objects.filter(**inside),
            "partners": Partner.objects.visible_to(self.actor).filter(**inside),
            "partner": Partner.objects.visible_to(self.actor).filter(**inside).select_related("space"),
            "into": Partner.objects.visible_to(self.actor),
            "series": Series.objects.filter(pk__in=queries.series(self.actor).values("pk")),
            "customer": Contact.objects.visible_to(self.actor),
            "contact": Contact.objects.visible_to(self.actor),
        }
        if space is None:
            found["space"] = Space.objects.visible_to(self.actor)
        return found


def named(row: Any) -> dict[str, Any] | None:
    """Id and name, as everywhere."""
    return None if row is None else {"id": row.pk, "name": row.name}
