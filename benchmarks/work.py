"""Operators at work on an enterprise of a size: searching, combining filters, bulk work, a long timeline."""

import os
from urllib.parse import quote
from uuid import UUID

import psycopg

from benchmarks import children, crowd, data, pages
from benchmarks.measure import Table, seconds, show
from common.ids import uuid7
from common.tenancy import tenant
from contacts.models import BulkItem, Contact, FollowTag, Interaction, Tag
from contacts.services import bulk, tags
from enterprises.models import Department, Enterprise, Member
from jobs import services as jobs
from jobs.models import JobRun

BULK = 100_000
LONG = 100_000

SEARCHES = {
    "two characters": "王伟",
    "a surname, which very many have": "王",
    "initials": "wxm",
    "pinyin": "wangwei",
    "pinyin and initials": "wang x",
    "two letters": "wa",
    "words of name and company": "王 商贸12",
    "the beginning of a phone number": "120000",
    "its last digits": "4321",
    "an external user id": "wmbench000000777",
    "nobody": "欧阳",
}


def search(table: Table, enterprise: Enterprise, name: str) -> None:
    """C11: as a list of twenty, and as suggestions."""
    api = pages.api(enterprise)
    for label, text in SEARCHES.items():
        for what, path in (
            ("list", f"/api/v1/contacts?page_size=20&search={quote(text)}"),
            ("suggestions", f"/api/v1/contacts/search?q={quote(text)}"),
        ):
            cost = pages.cost(api, path)
            good = cost.status == 200 and cost.worked <= 20
            table.add(f"search, {name}, {what}: {label}", "<= 20 ms", str(cost), good)


def filters(table: Table, enterprise: Enterprise, name: str) -> None:
    """Several filters at once, with the count."""
    with tenant(enterprise.pk):
        tag = {tag.name: str(tag.pk) for tag in Tag.objects.filter(group__name=crowd.TAG_GROUP)}
        owner, second = Member.objects.filter(userid__in=("staff1", "staff2")).values_list("pk", flat=True)
        department = Department.objects.order_by("name").values_list("pk", flat=True)[0]
    api = pages.api(enterprise)
    root = "/api/v1/contacts?page_size=20"
    for label, query in (
        ("owner, grade, status", f"owner={owner}&grade=low&status=active"),
        ("owner, added between, silent", f"owner={owner}&added_after=2024-01-01&added_before=2024-12-31&inactive=true"),
        ("two owners, grade", f"owner={owner},{second}&grade=high"),
        ("department, grade, status", f"department={department}&grade=high&status=active"),
        ("one tag and not another", f"tag_any={tag['三']}&tag_none={tag['五']}"),
        ("a rare tag and not another", f"tag_any={tag['千']}&tag_none={tag['五']}"),
        ("all of two tags, grade", f"tag_all={tag['三']},{tag['五']}&grade=low"),
        (
            "tag, owner, added between, silent",
            f"tag_any={tag['五十']}&owner={owner}&added_after=2025-01-01&inactive=true",
        ),
        ("silent for 180 days, grade", "silent_days=180&grade=high"),
        ("silent, last contact first", "inactive=true&ordering=-last_contact_at"),
        ("silent for 180 days, last contact first", "silent_days=180&ordering=-last_contact_at"),
        ("silent for 900 days, last contact first", "silent_days=900&ordering=-last_contact_at"),
        ("came by a way by which nobody came", "came_by=nowhere"),
        (
            "owner, grade, silent, last contact first",
            f"owner={owner}&grade=high&inactive=true&ordering=-last_contact_at",
        ),
        ("last contact long ago", "last_contact_before=2024-06-01&status=active"),
        ("spent between", "spend_from=1000&spend_below=1100"),
        ("archived, by spend", "status=archived&ordering=-spend"),
        ("search, owner, grade", f"search={quote('王伟')}&owner={owner}&grade=low"),
        ("search of many, tag, by spend", f"search={quote('王')}&tag_any={tag['三']}&ordering=-spend"),
    ):
        cost = pages.cost(api, f"{root}&{query}")
        table.add(f"filters, {name}: {label}", "<= 30 ms", str(cost), cost.status == 200 and cost.worked <= 30)
        counted = pages.cost(api, f"{root}&{query}&count=1", 5)
        table.add(f"filters, {name}: {label}, counted", "<= 150 ms", str(counted), counted.worked <= 150)


def sight(table: Table, enterprise: Enterprise, name: str) -> None:
    """O5: lists of staff who see very many all over, few, many old or new ones; the admin's beside them."""
    paths = {
        "first page": "",
        "fifty rows": "&page_size=50",
        "oldest first": "&ordering=added_at",
        "by spend": "&ordering=-spend",
        "grade=high": "&grade=high",
        "grade=high, fifty rows": "&grade=high&page_size=50",
        "grade=high, by spend": "&grade=high&ordering=-spend",
        "counted": "&count=1",
    }
    with tenant(enterprise.pk):
        seers = {one: Member.objects.get(userid=one.replace(" ", "-")) for one in crowd.SEERS}
        admin = data.actor(enterprise).member
        sees = {
            one: Contact.objects.visible_to(data.as_member(enterprise, member)).count() for one, member in seers.items()
        }
    for who, member in (("admin", admin), *seers.items()):
        client = pages.api(enterprise, member)
        for label, query in paths.items():
            path = "/api/v1/contacts?" + ("" if "page_size" in query else "page_size=20") + query
            cost = pages.cost(client, path)
            whose = f"{sees[who]} visible ({who})" if who in sees else who
            most = 150 if label == "counted" else 30
            good = cost.status == 200 and cost.worked <= most
            table.add(f"visible list, {whose} of {name}: {label}", f"<= {most} ms", str(cost), good)


def bulk_work(table: Table, enterprise: Enterprise, name: str, size: int) -> None:
    """C5, C13: preview, work and undo on a hundred thousand contacts, chosen by a filter."""
    with tenant(enterprise.pk):
        actor = data.actor(enterprise)
        group = tags.create_tag_group(actor, name=f"bulk {uuid7()}"[:30], tags=["批量"])
        tag = str(Tag.objects.get(group=group).pk)
        some = min(BULK, size)
        last = Contact.objects.order_by("added_at", "id")[some - 1].added_at
    chosen = {"added_before": f"{last.isoformat()[:19]}Z"}
    for action, params in (("tag", {"tags": [tag]}), ("archive", None), ("transfer", {"owner": str(actor.member_id)})):
        with tenant(enterprise.pk):
            previewed = seconds(lambda p=params, a=action: bulk.preview(actor, action=a, filter=chosen, params=p))
            run = bulk.start(actor, action=action, filter=chosen, params=params)
        result, took, memory = children.alone(data.done, enterprise.pk, run.pk, True)
        found = f"{result['done']} in {took:.1f} s, {memory:.0f} MB more at the peak, preview {previewed:.2f} s"
        table.add(f"bulk {action} of {some} of {name}", "<= 60 s", found, took <= 60)
        with tenant(enterprise.pk):
            undoing = jobs.undo(actor, run=JobRun.objects.get(pk=run.pk))
        result, took, memory = children.alone(data.done, enterprise.pk, undoing.pk, True)
        found = f"{result['done']} in {took:.1f} s, {memory:.0f} MB more at the peak"
        table.add(f"undo of bulk {action}", "<= 60 s", found, took <= 60)
    with tenant(enterprise.pk):
        left = FollowTag.objects.filter(tag_id=tag).count()
        show("left behind", {"taggings": left, "items": BulkItem.objects.count()})


def timeline(table: Table, enterprise: Enterprise, name: str) -> None:
    """C6: twenty interactions for each contact, and a hundred thousand for one."""
    with tenant(enterprise.pk):
        busy = Contact.objects.order_by("id").values_list("pk", flat=True)[0]
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        _events(owner, enterprise.pk, LONG, busy)
        owner.execute("VACUUM (ANALYZE) contacts_interaction")
        rows, heap, indexes = owner.execute(
            "SELECT reltuples, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class"
            " WHERE relname = 'contacts_interaction'"
        ).fetchone()  # type: ignore[misc]
        show("interactions", f"{rows:,.0f} rows, table {heap / rows:.0f} and indexes {indexes / rows:.0f} bytes a row")
    api, console = pages.api(enterprise), pages.console(enterprise)
    path = f"/api/v1/contacts/{busy}/timeline"
    first = pages.cost(api, f"{path}?page_size=30")
    with tenant(enterprise.pk):
        middle = Interaction.objects.filter(contact_id=busy).order_by("-at", "-id")[LONG // 2]
    from common.paging import cursor_after

    for label, cost in (
        ("first page", first),
        ("after 50 000", pages.cost(api, f"{path}?page_size=30&cursor={cursor_after(middle, '-at')}")),
        ("of the member's side", pages.cost(api, f"{path}?page_size=30&side=member")),
        ("of a kind that never came", pages.cost(api, f"{path}?page_size=30&kinds=material_click")),
        ("page in the console", pages.cost(console, f"/e/{enterprise.code}/contacts/{busy}/")),
    ):
        most = 150 if "console" in label else 30
        good = cost.status == 200 and cost.worked <= most
        table.add(f"timeline of 100 000, {name}: {label}", f"<= {most} ms", str(cost), good)


def _events(owner: psycopg.Connection, enterprise: UUID, each: int, contact: UUID) -> None:
    owner.execute(
        """
        INSERT INTO contacts_interaction (id, enterprise_id, contact_id, kind, side, at, member_id, key, data)
        SELECT uuid7(), enterprise_id, id, CASE n %% 3 WHEN 0 THEN 'message_out' ELSE 'message_in' END,
               CASE n %% 3 WHEN 0 THEN 'member' ELSE 'customer' END, added_at + n * interval '11 minutes', owner_id,
               'bench-' || n || '-' || %(each)s, '{"text": "您好，想问一下价格"}'
        FROM contacts_contact CROSS JOIN generate_series(1, %(each)s) AS n
        WHERE enterprise_id = %(enterprise)s AND id = %(contact)s
        ON CONFLICT DO NOTHING
        """,
        {"enterprise": enterprise, "each": each, "contact": contact},
    )
