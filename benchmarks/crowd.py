"""An enterprise of a million people in minutes: filled by SQL, from what the product's own rules make of names.

What only imports can show is measured by importing; everything else needs the rows to be there.
"""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from benchmarks.data import GIVEN, MEMBERS, NOW, SURNAMES
from benchmarks.measure import seconds, show
from common.ids import uuid7
from common.tenancy import tenant
from common.terms import mark, terms
from contacts.models import Tag, TagGroup
from contacts.services.search_entries import FINGERPRINT, REMARKS
from enterprises.models import Department, Enterprise, Member, Role, User
from enterprises.services import builtin_role

EVENTS_EACH = 20
DEPARTMENTS = 5
DAYS = 1_200

# Who sees how many, of a million: so many they own, follow and collaborate on, and where in the list these lie.
SEERS = {
    "seer": {"owned": 20_000, "followed": 20_000, "granted": 10_000, "order": "md5(id::text || 'seer')"},
    "seer of few": {"owned": 100, "followed": 100, "granted": 100, "order": "md5(id::text || 'few')"},
    "seer of old": {"owned": 0, "followed": 25_000, "granted": 25_000, "order": "added_at, id"},
    "seer of new": {"owned": 0, "followed": 25_000, "granted": 25_000, "order": "added_at DESC, id DESC"},
}
# Tags by how many contacts lie between two that have them.
TAG_GROUP = "benchmark"
TAGS = {"三": 3, "五": 5, "五十": 50, "千": 1_000, "万": 20_000}

_CONTACTS = f"""
INSERT INTO contacts_contact
    (id, enterprise_id, external_userid, unionid, name, remark, kind, company, phones, description, status, owner_id,
     added_at, grade, grade_source, spend_365d, activity, inactive, last_contact_at, last_customer_at, version,
     created_at)
SELECT uuid7(), %(e)s, 'wmbench' || lpad(n::text, 9, '0'), '', name.text,
       CASE WHEN n %% 3 = 0 THEN left(name.text, 1) || '姐' ELSE '' END,
       CASE WHEN n %% 9 = 0 THEN 'wecom' ELSE 'wechat' END,
       CASE WHEN n %% 4 = 0 THEN company.text ELSE '' END,
       CASE WHEN n %% 2 = 1 THEN ARRAY['12' || lpad(n::text, 9, '0')] ELSE '{{}}' END, '',
       CASE WHEN chance.c %% 100 < 4 THEN 'lost' WHEN chance.c %% 100 < 10 THEN 'archived' ELSE 'active' END,
       (%(owners)s::uuid[])[1 + chance.d %% {MEMBERS}], came.at,
       CASE WHEN n %% 50 = 0 THEN 'high' WHEN n %% 10 = 1 THEN 'middle' ELSE 'low' END, 'auto',
       CASE WHEN n %% 50 = 0 THEN 5000 + chance.b %% 90000 WHEN n %% 10 = 1 THEN 1000 + chance.b %% 4000
            WHEN n %% 3 = 0 THEN chance.b %% 1000 ELSE 0 END,
       CASE WHEN n %% 10 = 1 THEN 'frequent' WHEN n %% 3 = 0 THEN 'occasional' ELSE 'never' END,
       said.at IS NOT NULL AND said.at < %(now)s - interval '180 days',
       greatest(came.at, said.at), said.at, 1, came.at
FROM generate_series(1, %(count)s) AS n,
     LATERAL (SELECT abs(hashint8(n)::bigint) AS a, abs(hashint8(n + 1000000007)::bigint) AS b,
                     abs(hashint8(n + 2000000011)::bigint) AS c, abs(hashint8(n + 3000000019)::bigint) AS d) AS chance,
     LATERAL (SELECT %(now)s - chance.a %% ({DAYS} * 86400) * interval '1 second' AS at) AS came,
     LATERAL (SELECT CASE WHEN n %% 4 > 0 THEN came.at + (%(now)s - came.at) * (chance.c %% 1000 / 1000.0) END AS at)
         AS said
     JOIN bench_text AS name ON true JOIN bench_text AS company ON true
WHERE name.kind = 'name'
  AND name.number = chance.b %% CASE WHEN n %% 2 = 0 THEN %(short)s ELSE %(names)s END
  AND company.kind = 'company' AND company.number = n %% 5000
"""

_SEARCH = f"""
INSERT INTO contacts_searchentry (id, enterprise_id, contact_id, terms, fingerprint)
SELECT uuid7(), contact.enterprise_id, contact.id,
       array_to_tsvector(name.terms || coalesce(remark.terms, '{{}}') || coalesce(company.terms, '{{}}')
           || ARRAY(SELECT %(mark)s || '#' || part FROM unnest(contact.phones) AS phone,
                    unnest(ARRAY[phone, right(phone, 8), right(phone, 4)]) AS part)),
       {FINGERPRINT.replace("%", "%%")}
FROM contacts_contact AS contact CROSS JOIN LATERAL {REMARKS}
JOIN bench_text AS name ON name.kind = 'name' AND name.text = contact.name
LEFT JOIN bench_text AS remark ON remark.kind = 'remark' AND remark.text = contact.remark
LEFT JOIN bench_text AS company ON company.kind = 'company' AND company.text = contact.company
WHERE contact.enterprise_id = %(e)s
"""

_FOLLOWS = """
INSERT INTO contacts_follow (id, enterprise_id, contact_id, member_id, state, added_at, remark, source)
SELECT uuid7(), enterprise_id, id, owner_id, CASE status WHEN 'lost' THEN 'deleted_by_contact' ELSE 'active' END,
       added_at, '', (ARRAY['scan_qr', 'link', 'search', ''])[1 + right(external_userid, 1)::int %% 4]
FROM contacts_contact WHERE enterprise_id = %(e)s
"""

_TAGGED = """
INSERT INTO contacts_followtag (id, enterprise_id, follow_id, contact_id, tag_id)
SELECT uuid7(), follow.enterprise_id, follow.id, follow.contact_id, %(tag)s
FROM contacts_follow AS follow JOIN contacts_contact AS contact
  ON contact.enterprise_id = follow.enterprise_id AND contact.id = follow.contact_id
WHERE follow.enterprise_id = %(e)s
  AND abs(hashtext(contact.external_userid || %(name)s)::bigint) %% %(every)s = 0
ON CONFLICT DO NOTHING
"""

_PURCHASES = """
INSERT INTO contacts_purchase (id, enterprise_id, contact_id, order_no, paid_at, amount)
SELECT uuid7(), enterprise_id, id, 'O' || external_userid,
       %(now)s - abs(hashtext(external_userid)::bigint) %% 360 * interval '1 day', spend_365d
FROM contacts_contact WHERE enterprise_id = %(e)s AND spend_365d > 0
"""

_LEDGER = """
INSERT INTO quota_ledgerentry
    (id, enterprise_id, number, at, delta, served_after, reason, contact_id, contact_label, actor_label)
SELECT uuid7(), enterprise_id, nth, added_at, 1, nth, 'added', id, name, ''
FROM (SELECT *, row_number() OVER (ORDER BY added_at, id) AS nth FROM contacts_contact
      WHERE enterprise_id = %(e)s AND status = 'active') AS listed
"""

_EVENTS = f"""
INSERT INTO contacts_interaction (id, enterprise_id, contact_id, kind, side, at, member_id, key, data)
SELECT uuid7(), enterprise_id, id, CASE n %% 3 WHEN 0 THEN 'message_out' ELSE 'message_in' END,
       CASE n %% 3 WHEN 0 THEN 'member' ELSE 'customer' END,
       last_contact_at - ({EVENTS_EACH} - n) * interval '11 minutes', owner_id,
       'bench-' || n, '{{"text": "您好，想问一下价格"}}'
FROM contacts_contact CROSS JOIN generate_series(1, {EVENTS_EACH}) AS n
WHERE enterprise_id = %(e)s
"""


def fill(enterprise: Enterprise, count: int) -> None:
    """Contacts of every grade and state, their follows, purchases, tags, ledger and search entries; some who see some.

    Does nothing when they are there: a folder of data can be used again.
    """
    with tenant(enterprise.pk):
        if Tag.objects.filter(group__name=TAG_GROUP).count() == len(TAGS):
            return
        departments = [Department.objects.create(name=f"小组{number}") for number in range(DEPARTMENTS)]
        staff = builtin_role("staff")
        owners = list(Member.objects.filter(role=staff).order_by("id"))
        for number, member in enumerate(owners):
            Member.objects.filter(pk=member.pk).update(department=departments[number % DEPARTMENTS])
        seers = {name: _seer(name, staff) for name in SEERS}
    params = {"e": enterprise.pk, "count": count, "now": NOW, "owners": [member.pk for member in owners]}
    with _owner() as owner:
        names = _texts(owner, mark(enterprise.pk))
        params |= {"names": names, "short": len(SURNAMES) * len(GIVEN), "mark": mark(enterprise.pk)}
        for table, statement in (
            ("contacts_contact", _CONTACTS),
            ("contacts_follow", _FOLLOWS),
            ("contacts_purchase", _PURCHASES),
            ("quota_ledgerentry", _LEDGER),
            ("contacts_searchentry", _SEARCH),
        ):
            with bare(owner, table):
                took = seconds(lambda text=statement: owner.execute(text, params))
            owner.execute(f"VACUUM (ANALYZE) {table}")
            show(table, f"{took:.0f} s")
        owner.execute(
            "UPDATE quota_account SET (served, ledger_number) = (SELECT count(*), count(*) FROM quota_ledgerentry"
            " WHERE enterprise_id = %(e)s) WHERE enterprise_id = %(e)s",
            params,
        )
        for name, sees in SEERS.items():
            _lets_see(owner, enterprise, seers[name], count, sees)
        for (name, every), number in zip(TAGS.items(), itertools.count()):
            _tag(owner, enterprise, name, every, number)
        owner.execute("VACUUM (ANALYZE)")


def _seer(name: str, role: Role) -> Member:
    user = User.objects.create(email=f"{uuid7()}@bench.example", name=name)
    return Member.objects.create(userid=name.replace(" ", "-"), name=name, role=role, user=user)


def interactions(enterprise: Enterprise, count: int) -> None:
    """Twenty for each contact; does nothing when they are there."""
    with _owner() as owner:
        there = owner.execute(
            "SELECT FROM contacts_interaction WHERE enterprise_id = %s AND key = 'bench-1' LIMIT 1", [enterprise.pk]
        ).fetchone()
        if there is None:
            with bare(owner, "contacts_interaction"):
                took = seconds(lambda: owner.execute(_EVENTS, {"e": enterprise.pk}))
            show(f"{EVENTS_EACH * count:,} interactions", f"{took:.0f} s, without their indexes")
            owner.execute("VACUUM (ANALYZE) contacts_interaction")


@contextmanager
def bare(owner: psycopg.Connection, table: str) -> Iterator[None]:
    """Without its indexes and foreign keys for as long as it is filled; the primary key stays, others refer to it."""
    keys = owner.execute(
        "SELECT conname, pg_get_constraintdef(oid), contype FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype IN ('f', 'u')",
        [table],
    ).fetchall()
    indexes = owner.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = %s::regclass AND NOT indisprimary"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype = 'u')",
        [table],
    ).fetchall()
    for name, _definition, _kind in keys:
        owner.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')  # type: ignore[arg-type]
    for name, _definition in indexes:
        owner.execute(f"DROP INDEX {name}")  # type: ignore[arg-type]
    try:
        yield
    finally:
        owner.execute("SET maintenance_work_mem = '512MB'")
        for name, definition, _kind in sorted(keys, key=lambda key: key[2], reverse=True):  # unique ones first
            owner.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')  # type: ignore[arg-type]
        for _name, definition in indexes:
            owner.execute(definition)


def _owner() -> psycopg.Connection:
    return psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True)


def _texts(owner: psycopg.Connection, mark: str) -> int:
    """What people, remarks and companies are called, with their terms; returns how many names there are."""
    names = [a + b for a in SURNAMES for b in GIVEN]
    names += [a + b + c for a in SURNAMES for b in GIVEN for c in GIVEN]
    companies = [f"{SURNAMES[number % len(SURNAMES)]}记商贸{number}" for number in range(5000)]
    owner.execute("CREATE TEMPORARY TABLE bench_text (kind text, number bigint, text text, terms text[])")
    with owner.cursor() as cursor, cursor.copy("COPY bench_text FROM STDIN") as copy:
        for kind, texts in (("name", names), ("remark", [a + "姐" for a in SURNAMES]), ("company", companies)):
            for number, text in enumerate(dict.fromkeys(texts)):
                copy.write_row((kind, number, text, [mark + term for term in terms([text])]))
    owner.execute("ANALYZE bench_text")
    return len(dict.fromkeys(names))


def _lets_see(owner: psycopg.Connection, enterprise: Enterprise, member: Member, count: int, sees: Any) -> None:
    """Some contacts become theirs, some they are friends of, on some they collaborate."""
    share = count / 1_000_000
    owned, followed, granted = (round(sees[key] * share) for key in ("owned", "followed", "granted"))
    owner.execute(
        f"""
        CREATE TEMPORARY TABLE chosen ON COMMIT PRESERVE ROWS AS
        SELECT id, row_number() OVER () AS n
        FROM (SELECT id FROM contacts_contact WHERE enterprise_id = '{enterprise.pk}'
              ORDER BY {sees["order"]} LIMIT {owned + followed + granted}) AS seen
        """  # type: ignore[arg-type]
    )
    params = {"e": enterprise.pk, "m": member.pk, "owned": owned, "followed": owned + followed}
    owner.execute(
        "UPDATE contacts_contact SET owner_id = %(m)s WHERE enterprise_id = %(e)s"
        " AND id IN (SELECT id FROM chosen WHERE n <= %(owned)s)",
        params,
    )
    owner.execute(
        "INSERT INTO contacts_follow (id, enterprise_id, contact_id, member_id, state, added_at, remark, source)"
        " SELECT uuid7(), %(e)s, id, %(m)s, 'active', now(), '', '' FROM chosen WHERE n <= %(followed)s",
        params,
    )
    owner.execute(
        "INSERT INTO contacts_grant (id, enterprise_id, contact_id, member_id, level, granted_at)"
        " SELECT uuid7(), %(e)s, id, %(m)s, 'editor', now() FROM chosen WHERE n > %(followed)s",
        params,
    )
    owner.execute("DROP TABLE chosen")


def _tag(owner: psycopg.Connection, enterprise: Enterprise, name: str, every: int, number: int) -> None:
    with tenant(enterprise.pk):
        group = TagGroup.objects.filter(name=TAG_GROUP).first() or TagGroup.objects.create(name=TAG_GROUP)
        tag = Tag.objects.create(group=group, name=name, position=number)
    owner.execute(_TAGGED, {"e": enterprise.pk, "tag": tag.pk, "name": name, "every": every})
