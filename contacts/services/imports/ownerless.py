"""Known contacts that have no owner get one by an import (C3): the first member that it names."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from common.sql import joins_may_loop, joins_never_loop, rows
from common.tenancy import current_enterprise_id
from contacts.services import owners
from contacts.services.steps import lock_all
from enterprises.actors import Actor

_NAMED = "refusal IS NULL AND NOT fresh AND owner_id IS NOT NULL"


def named() -> dict[UUID, UUID]:
    """Of the contacts that are staged: who has no owner, and the member named first, who is their friend by now."""
    found = rows(
        f"""
        SELECT contact.id, named.owner_id FROM (SELECT line, contact_id, owner_id FROM staged WHERE {_NAMED}) AS named
        JOIN contacts_contact AS contact
          ON contact.enterprise_id = %(enterprise)s AND contact.id = named.contact_id AND contact.owner_id IS NULL
         AND contact.id = ANY (ARRAY(SELECT contact_id FROM staged WHERE {_NAMED}))
        JOIN contacts_follow AS follow
          ON follow.enterprise_id = %(enterprise)s AND follow.contact_id = contact.id
         AND follow.contact_id = ANY (ARRAY(SELECT contact_id FROM staged WHERE {_NAMED}))
         AND follow.member_id = named.owner_id AND follow.state = 'active'
        ORDER BY named.line DESC
        """,  # noqa: S608 - conditions of ours
        {"enterprise": current_enterprise_id()},
    )
    return dict(found)


def give(actor: Actor, first: Mapping[UUID, UUID], *, job_id: UUID, at: datetime) -> None:
    """Make them the owners; the places go to their teams, which may be over their budgets then (Q12)."""
    if not first:
        return
    lock_all(list(first))
    joins_may_loop()
    owners.give(
        actor,
        pairs="SELECT *, NULL::text FROM unnest(%(contacts)s::uuid[], %(owners)s::uuid[])",
        params={"contacts": list(first), "owners": list(first.values())},
        key=f"import:{job_id}",
        at=at,
    )
    joins_never_loop()
