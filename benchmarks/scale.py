"""`python -m benchmarks.scale [CONTACTS]`: the pages of the scale with a million contacts and three years of history.

One enterprise, filled by SQL: contacts who came over three years, their follows, the ledger that tells of it, a
purchase history's result. Then the night's job, and what each page and answer costs.
"""

import os
import sys
from datetime import timedelta
from typing import Any

import psycopg

from benchmarks import setup
from benchmarks.measure import Table, seconds

DAYS = 1095
DEPARTMENTS = 12


def fill(enterprise: Any, contacts: int) -> None:
    """Contacts, follows and ledger, spread over the days; most have spent nothing lately, some much."""
    from common.sql import execute
    from common.tenancy import current_enterprise_id, tenant
    from enterprises.models import Department, Member
    from quota.models import Account

    with tenant(enterprise.pk):
        departments = [Department.objects.create(name=f"小组{number}") for number in range(DEPARTMENTS)]
        members = list(Member.objects.order_by("id"))
        for number, member in enumerate(members):
            Member.objects.filter(pk=member.pk).update(department=departments[number % DEPARTMENTS])
        params = {
            "e": current_enterprise_id(),
            "count": contacts,
            "days": DAYS,
            "owners": [member.pk for member in members],
        }
        execute(
            """
            INSERT INTO contacts_contact
                (id, enterprise_id, external_userid, unionid, name, remark, kind, company, phones, description, status,
                 owner_id, added_at, grade, grade_source, spend_365d, activity, inactive, last_contact_at,
                 last_customer_at, version, created_at)
            SELECT uuid7(), %(e)s, 'wm' || lpad(n::text, 9, '0'), '', '客户' || n, '', 'wechat', '', '{}', '', 'active',
                   (%(owners)s::uuid[])[1 + n %% cardinality(%(owners)s::uuid[])], came.at,
                   CASE WHEN n %% 50 = 0 THEN 'high' WHEN n %% 10 = 1 THEN 'middle' ELSE 'low' END, 'auto',
                   CASE WHEN n %% 50 = 0 THEN 6000 WHEN n %% 10 = 1 THEN 1500 + n %% 900 WHEN n %% 3 = 0 THEN n %% 700
                        ELSE 0 END, 'never', false, came.at,
                   CASE WHEN n %% 3 <> 2 THEN now() - (n %% 500) * interval '1 day' - interval '1 hour' END, 1, came.at
            FROM generate_series(1, %(count)s) AS n,
                 LATERAL (SELECT now() - (%(days)s * (1 - n::float / %(count)s) + 1) * interval '1 day' AS at) AS came
            """,
            params,
        )
        execute(
            """
            INSERT INTO contacts_follow (id, enterprise_id, contact_id, member_id, state, added_at, remark, source)
            SELECT uuid7(), enterprise_id, id, owner_id, 'active', added_at, '',
                   (ARRAY['scan_qr', 'link', 'search', ''])[1 + right(external_userid, 1)::int %% 4]
            FROM contacts_contact WHERE enterprise_id = %(e)s
            """,
            params,
        )
        execute(
            """
            INSERT INTO quota_ledgerentry (id, enterprise_id, number, at, delta, served_after, reason, contact_id,
                                           contact_label, actor_label)
            SELECT uuid7(), enterprise_id, nth, added_at, 1, nth, 'added', id, name, ''
            FROM (SELECT contact.*, row_number() OVER (ORDER BY added_at, id) AS nth
                  FROM contacts_contact AS contact WHERE enterprise_id = %(e)s) AS listed
            """,
            params,
        )
        Account.objects.update(served=contacts, ledger_number=contacts)


def main() -> int:
    contacts = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with setup.database():
        from django.core.cache import cache

        from benchmarks import data, pages
        from common import clock
        from common.tenancy import tenant
        from jobs.models import JobRun

        enterprise = data.enterprise("scale")
        print(f"filled in {seconds(lambda: fill(enterprise, contacts)):.0f} s", flush=True)
        vacuum()
        table = Table()
        name = f"{contacts:,}".replace(",", " ")

        def night() -> dict[str, Any]:
            with tenant(enterprise.pk):
                run = JobRun.objects.create(name="quota.forecast")
            return data.done(enterprise.pk, run.pk)

        for label in ("the first night, three years at once", "the same night again"):
            table.add(f"quota.forecast, {name}: {label}", "", f"{seconds(night):.1f} s")
        with clock.at(clock.now() + timedelta(days=1)):
            table.add(f"quota.forecast, {name}: the next night", "", f"{seconds(night):.1f} s")
        vacuum("quota_historyday")
        vacuum("quota_teamday")
        client, api = pages.console(enterprise), pages.api(enterprise)
        root = f"/e/{enterprise.code}/scale/"
        fragment = {"HX-Request": "true"}
        cache.clear()
        plan = seconds(lambda: client.get(f"{root}plan/", headers=fragment))
        table.add(f"plan, {name}: reckoned behind the page", "", f"{plan:.1f} s")
        seats = seconds(lambda: client.get(f"{root}seats/", headers=fragment))
        table.add(f"seats, {name}: counted behind the page", "", f"{seats:.1f} s")
        for path in ("", "?days=1095", "forecast/", "forecast/?days=1095", "plan/", "plan/?page=10", "seats/"):
            _row(table, f"console, {name}: /scale/{path}", pages.cost(client, root + path, 7))
        for path in ("quota/forecast?days=1096", "quota/history/teams?days=400", "quota/plan", "quota/seats"):
            _row(table, f"API, {name}: {path}", pages.cost(api, f"/api/v1/{path}", 7))
        table.print()
    return 0


def vacuum(table: str = "") -> None:
    """As autovacuum would, only now."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as connection:
        connection.execute(f"VACUUM (ANALYZE) {table}")  # type: ignore[arg-type]


def _row(table: Any, label: str, cost: Any) -> None:
    good = cost.status == 200 and cost.milliseconds <= 150 and cost.queries <= 15
    table.add(label, "<= 150 ms, 15 q", str(cost), good)


if __name__ == "__main__":
    sys.exit(main())
