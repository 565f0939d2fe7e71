"""`python -m benchmarks.messages [PARTNERS [PEOPLE]]`: a message to the people of a space (U9): 1 000 × 100 of them.

The space is filled by SQL; the message is written, previewed and sent by the product's own services, its job done in a
process of its own whose memory is looked at; then the pages and what a reader costs.
"""

import os
import statistics
import sys
import time
from typing import Any
from uuid import UUID

import psycopg

from benchmarks import children, setup
from benchmarks.measure import Table

PREVIEWS = 11


def fill(enterprise: Any, partners: int, people: int) -> Any:
    """One space with a tree of ten subgroups, a rule for a clerk, and everybody in it; the clerk as well."""
    from benchmarks import data
    from common.tenancy import tenant
    from enterprises.models import Member, Role
    from upstream.services import members, spaces, subgroups

    with tenant(enterprise.pk):
        admin = data.actor(enterprise)
        space = spaces.create_space(admin, name=f"消息 {enterprise.code}")
        groups = [subgroups.create_subgroup(admin, space=space, name=f"组 {number}") for number in range(10)]
        codes = ["spaces.view", "spaces.message"]
        role = Role.objects.create(name="发消息", scope=Role.Scope.RELATED, permissions=codes)
        clerk = Member.objects.create(userid="clerk", name="员工", role=role)
        members.add_members(admin, space=space, members=[clerk])
        members.create_rule(admin, space=space, name="前五组", members=[clerk], subgroups=groups[:5])
    values = {"e": enterprise.pk, "space": space.pk, "partners": partners, "people": people}
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as owner:
        owner.execute(
            """
            INSERT INTO upstream_partner (id, enterprise_id, space_id, name, name_key, short_name, aliases, found_by,
                                          region, kind, virtual, credit_code, contact_count, joined_at, version)
            SELECT uuid7(), %(e)s, %(space)s, '伙伴' || n, '伙伴' || n, '', '{}', '伙伴' || n, '', 'buyer', false, '',
                   %(people)s, now(), 1 FROM generate_series(1, %(partners)s) AS n
            """,
            values,
        )
        owner.execute(
            """
            INSERT INTO upstream_person (id, enterprise_id, name, pinyin, initials, phone, email, created_at)
            SELECT uuid7(), %(e)s, '人' || n, 'ren' || n, 'r' || n, (13000000000 + n)::text, '', now()
            FROM generate_series(1, %(partners)s::int * %(people)s::int) AS n
            """,
            values,
        )
        owner.execute(
            """
            INSERT INTO upstream_partnercontact (id, enterprise_id, space_id, partner_id, person_id, title, leader,
                                                 source, joined_at)
            SELECT uuid7(), %(e)s, %(space)s, partner.id, person.id, '', person.n %% %(people)s = 0, '', now()
            FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM upstream_partner
                  WHERE enterprise_id = %(e)s) AS partner
            JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM upstream_person
                  WHERE enterprise_id = %(e)s) AS person ON person.n / %(people)s = partner.n
            """,
            values,
        )
        owner.execute(
            """
            INSERT INTO upstream_partnerplace (id, enterprise_id, partner_id, subgroup_id)
            SELECT uuid7(), %(e)s, p.id, g.id
            FROM (SELECT id, row_number() OVER (ORDER BY id) %% 10 AS n FROM upstream_partner
                  WHERE enterprise_id = %(e)s) AS p
            JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM upstream_subgroup
                  WHERE enterprise_id = %(e)s) AS g ON g.n = p.n
            """,
            values,
        )
        owner.execute("UPDATE upstream_space SET partner_count = %(partners)s WHERE id = %(space)s", values)
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("VACUUM (ANALYZE)")
    return space, groups, clerk


def send(enterprise_id: UUID, run_id: UUID) -> dict[str, Any]:
    """The job, in the process that is measured."""
    from benchmarks import data

    return data.done(enterprise_id, run_id)


def previewed(enterprise: Any, actor: Any, audience: Any) -> tuple[int, float, float]:
    """People, and the median and worst of several previews in milliseconds."""
    from common.tenancy import tenant
    from upstream.services import messages

    took = []
    for _time in range(PREVIEWS):
        with tenant(enterprise.pk):
            began = time.perf_counter()
            found = messages.preview(actor, audience=audience)
            took.append((time.perf_counter() - began) * 1000)
    return found.people, statistics.median(took), max(took)


def main() -> int:
    partners = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    people = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    with setup.database():
        from benchmarks import data, pages
        from common.tenancy import tenant
        from enterprises.models import Enterprise
        from upstream.models import MessageDelivery
        from upstream.rules.audience import Audience
        from upstream.services import messages

        enterprise: Enterprise = data.enterprise(f"messages{os.getpid()}")
        space, groups, clerk = fill(enterprise, partners, people)
        table, size = Table(), partners * people
        name = f"{partners} × {people}"
        with tenant(enterprise.pk):
            admin, limited = data.actor(enterprise), data.as_member(enterprise, clerk)
        whole = Audience(spaces=frozenset({space.pk}))
        narrowed = Audience(
            spaces=frozenset({space.pk}), kinds=frozenset({"buyer"}), but_subgroups=frozenset({groups[0].pk})
        )
        for label, actor, audience in (
            ("the whole space", admin, whole),
            ("without a subgroup", admin, narrowed),
            ("of a clerk whom rules limit", limited, whole),
        ):
            found, middle, worst = previewed(enterprise, actor, audience)
            figure = f"{middle:.0f} ms, at worst {worst:.0f}; {found} people"
            table.add(f"preview, {name}: {label}", "<= 300 ms", figure, middle <= 300)
        with tenant(enterprise.pk):
            message = messages.create_message(admin, title="通知", text="您好", audience=whole.data())
            message = messages.send(admin, message=message)
        assert message.run_id is not None
        result, took, memory = children.alone(send, enterprise.pk, message.run_id)
        assert result == {"people": size, "delivered": size, "failed": 0}, result
        figure = f"{size} in {took:.1f} s, {memory:.0f} MB more at the peak"
        table.add(f"message to {name}", "<= 60 s, 50 MB", figure, took <= 60 and memory <= 50)
        with tenant(enterprise.pk):
            rows = MessageDelivery.objects.filter(message=message, state="delivered")
            assert rows.count() == rows.values("person").distinct().count() == size
        root = f"/e/{enterprise.code}/space-messages/"
        client, api = pages.console(enterprise), pages.api(enterprise)
        for path in ("", f"{message.pk}/", f"{message.pk}/?state=opened", "new/"):
            cost = pages.cost(client, root + path, 7)
            good = cost.status == 200 and cost.milliseconds <= 150 and cost.queries <= 15
            table.add(
                f"console: /space-messages/{path.replace(str(message.pk), '…')}", "<= 150 ms, 15 q", str(cost), good
            )
        cost = pages.cost(api, f"/api/v1/space-messages/{message.pk}/deliveries?page_size=20", 7)
        table.add("API: deliveries", "<= 30 ms", str(cost), cost.status == 200 and cost.milliseconds <= 30)
        table.print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
