"""An audience as a set (U9): one statement for the preview, the count and the fan-out.

It decides about partners first, of whom there are thousands, and takes their people along. What the sender does not
see (U6) gets nothing; an excluded person gets nothing wherever else they are.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from common import clock
from common.sql import row, subquery
from common.tenancy import current_enterprise_id
from enterprises.actors import Actor
from upstream.models import Partner, Space
from upstream.rules.audience import SETS, WORDS, Audience, LeftOut

# Partners that are named and not narrowed away, with whether the sender sees them; and persons who are excluded.
REACHED = """
    reached AS MATERIALIZED (
        SELECT p.id, p.contact_count, {seen} AS seen
        FROM upstream_partner p JOIN upstream_space s ON s.enterprise_id = p.enterprise_id AND s.id = p.space_id
        WHERE p.enterprise_id = %(enterprise)s
          AND (p.space_id = ANY (%(spaces)s) OR s.series_id = ANY (%(series)s) OR p.id = ANY (%(partners)s)
               OR p.id IN (SELECT l.partner_id FROM upstream_partnerplace l WHERE l.enterprise_id = %(enterprise)s
                           AND l.subgroup_id IN (SELECT subgroup_subtree(%(subgroups)s))))
          AND (p.kind = ANY (%(kinds)s) OR cardinality(%(kinds)s) = 0)
          AND (p.region = ANY (%(regions)s) OR cardinality(%(regions)s) = 0)
    ),
    barred AS MATERIALIZED (
        SELECT unnest(%(but_persons)s) AS person_id
        UNION
        SELECT c.person_id FROM (
            SELECT unnest(%(but_partners)s) AS id
            UNION
            SELECT l.partner_id FROM upstream_partnerplace l WHERE l.enterprise_id = %(enterprise)s
            AND l.subgroup_id IN (SELECT subgroup_subtree(%(but_subgroups)s))
        ) AS p JOIN upstream_partnercontact c ON c.enterprise_id = %(enterprise)s AND c.partner_id = p.id
    )
"""
# Whoever of theirs is meant, barred or not.
MEANT = "(c.leader OR NOT %(leaders)s)"


def statement(actor: Actor, audience: Audience) -> tuple[str, dict[str, Any]]:
    """The text of the two sets, to stand after WITH, and its parameters."""
    if actor.sees_all:
        seen, params = "true", {}
    else:
        visible, params = subquery(Partner.objects.visible_to(actor).values("id"), "visible")
        seen = f"p.id IN ({visible})"
    for name in SETS:
        params[name] = sorted(getattr(audience, name))
    return REACHED.format(seen=seen), {**params, "leaders": audience.leaders, "enterprise": current_enterprise_id()}


def typed(text: str) -> str:
    """Say which type each list is of: an empty one has none of its own."""
    for name in SETS:
        text = text.replace(f"%({name})s", f"%({name})s::{'text' if name in WORDS else 'uuid'}[]")
    return text


@dataclass(frozen=True)
class Preview:
    """How many people get it, of whom some have no workbench yet; and how many not, and why."""

    people: int
    without_workbench: int
    left_out: dict[str, int]

    @property
    def reasons(self) -> list[tuple[Any, int]]:
        """The reasons that apply, in words."""
        return [(LeftOut(reason).label, number) for reason, number in self.left_out.items() if number]


def preview(actor: Actor, audience: Audience) -> Preview:
    """In numbers. Everybody whom the audience names is counted once: as somebody who gets it, or as left out, for each
    further place they have."""
    sets, params = statement(actor, audience)
    found = row(
        typed(f"""
        WITH {sets},
        meant AS (
            SELECT c.person_id, c.person_id IN (SELECT person_id FROM barred) AS barred, r.seen, count(*) AS places
            FROM reached r
            JOIN upstream_partnercontact c ON c.enterprise_id = %(enterprise)s AND c.partner_id = r.id
            WHERE {MEANT} GROUP BY c.person_id, barred, r.seen
        ),
        links AS MATERIALIZED (
            SELECT DISTINCT w.person_id FROM upstream_workbenchlink w
            WHERE w.enterprise_id = %(enterprise)s AND w.revoked_at IS NULL AND w.expires_at > %(now)s
        )
        SELECT count(*) FILTER (WHERE gets),
               count(*) FILTER (WHERE gets AND person_id NOT IN (SELECT person_id FROM links)),
               coalesce(sum(places) FILTER (WHERE barred), 0),
               coalesce(sum(places) FILTER (WHERE NOT barred AND NOT seen), 0),
               coalesce(sum(places - 1) FILTER (WHERE gets), 0)
        FROM (SELECT *, seen AND NOT barred AS gets FROM meant) AS meant
        """),  # noqa: S608 - our own text
        {**params, "now": clock.now()},
    )
    assert found is not None
    people, without_workbench, *left_out = (int(number) for number in found)
    return Preview(people, without_workbench, dict(zip([reason.value for reason in LeftOut], left_out, strict=True)))


def fan_out(actor: Actor, audience: Audience, *, message: UUID, after: UUID, size: int) -> tuple[int, UUID | None]:
    """Queue the message for the people of the next partners after this one, about `size` of them.

    Returns how many were queued and the last partner; None when there was none left. Done twice, or by two at once,
    it queues nobody twice. The first of somebody's places, by partner, is where they get it.
    """
    sets, params = statement(actor, audience)
    found = row(
        typed(f"""
        WITH {sets},
        batch AS (
            SELECT id FROM (
                SELECT id, sum(contact_count) OVER (ORDER BY id) - contact_count AS before
                FROM reached WHERE seen AND id > %(after)s
            ) AS next WHERE before < %(size)s
        ),
        chosen AS (
            SELECT c.id, c.person_id FROM batch b
            JOIN upstream_partnercontact c ON c.enterprise_id = %(enterprise)s AND c.partner_id = b.id
            JOIN upstream_person p ON p.enterprise_id = %(enterprise)s AND p.id = c.person_id
            WHERE {MEANT} AND c.person_id NOT IN (SELECT person_id FROM barred)
            ORDER BY c.partner_id, c.joined_at, c.id
            FOR KEY SHARE OF p  -- who is being forgotten at this moment is passed over
        ),
        queued AS (
            INSERT INTO upstream_messagedelivery (id, enterprise_id, message_id, person_id, seat_id, state, reason)
            SELECT uuid7(), %(enterprise)s, %(message)s, person_id, id, 'queued', '' FROM chosen
            ON CONFLICT DO NOTHING RETURNING 1
        )
        SELECT (SELECT count(*) FROM queued), (SELECT id FROM batch ORDER BY id DESC LIMIT 1)
        """),  # noqa: S608 - our own text
        {**params, "message": message, "after": after, "size": size},
    )
    assert found is not None
    return found


def spaces_of(audience: Audience) -> list[UUID]:
    """The spaces that it reaches into."""
    named = Space.objects.filter(pk__in=audience.spaces)
    named |= Space.objects.filter(series__in=audience.series)
    named |= Space.objects.filter(subgroups__in=audience.subgroups) | Space.objects.filter(
        partners__in=audience.partners
    )
    return sorted(set(named.order_by().values_list("pk", flat=True)))
