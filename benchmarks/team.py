"""What a team asks of an enterprise of a size: the board of all its events, and a hand-over of twenty thousand."""

import os

import psycopg

from benchmarks import children, data, pages
from benchmarks.measure import Table, seconds
from collaboration.services import board as boards
from collaboration.services.transfers import orders
from common import clock
from common.ids import uuid7
from common.tenancy import tenant
from enterprises.models import Enterprise, Member
from enterprises.services import builtin_role, members
from jobs.models import JobRun

HANDED_OVER = 20_000
TAKERS = 5  # none of whom may be handed more than the policy says


def board(table: Table, enterprise: Enterprise, name: str) -> None:
    """O10: ninety days at once, then an hour's work, then what somebody who looks waits for."""
    with clock.at(data.NOW):
        for label in ("90 days, the first run", "an hour later"):

            def count() -> None:
                with tenant(enterprise.pk):
                    boards.count_days(enterprise)

            table.add(f"team board, {name}: {label}", "", f"{seconds(count):.1f} s")
        api, console = pages.api(enterprise), pages.console(enterprise)
        for label, client, path, most in (
            ("API, 30 days", api, "/api/v1/team-board", 30),
            ("page in the console", console, f"/e/{enterprise.code}/team-board/", 150),
        ):
            cost = pages.cost(client, path)
            good = cost.status == 200 and cost.worked <= most
            table.add(f"team board, {name}: {label}", f"<= {most} ms", str(cost), good)


def hand_over(table: Table, enterprise: Enterprise, name: str, size: int) -> None:
    """O6, O8: somebody leaves and colleagues take over what they had, in batches of a hundred."""
    some = min(HANDED_OVER, size // 10)
    with tenant(enterprise.pk):
        actor = data.actor(enterprise)
        staff = builtin_role("staff")
        people = ["走", *(f"接{number}" for number in range(TAKERS))]
        leaver, *takers = (Member.objects.create(userid=f"{uuid7()}", name=one, role=staff) for one in people)
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as owner:
        params = {"e": enterprise.pk, "m": leaver.pk, "some": some}
        owner.execute(
            """
            WITH given AS (
                UPDATE contacts_contact SET owner_id = %(m)s WHERE enterprise_id = %(e)s AND id IN (
                    SELECT id FROM contacts_contact WHERE enterprise_id = %(e)s AND status = 'active'
                    ORDER BY added_at, id LIMIT %(some)s)
                RETURNING id, added_at)
            INSERT INTO contacts_follow (id, enterprise_id, contact_id, member_id, state, added_at, remark, source)
            SELECT uuid7(), %(e)s, id, %(m)s, 'active', added_at, '', '' FROM given
            """,
            params,
        )
    with tenant(enterprise.pk):
        members.resign_member(actor, member=leaver)

        def order() -> None:
            plan = {"parts": [{"takers": [str(taker.pk) for taker in takers]}], "split": "even", "groups": False}
            orders.order(actor, member=leaver, plan=plan)

        ordered = seconds(order)
        run = JobRun.objects.filter(name=orders.JOB).latest("created_at")
    result, took, memory = children.alone(data.done, enterprise.pk, run.pk)
    found = f"ordered in {ordered:.1f} s, {took:.0f} s, {some / took:,.0f} a second, {memory:.0f} MB more at the peak"
    table.add(f"hand-over of {some} of {name}", "memory < 100 MB", f"{found}; {result}", memory < 100)
