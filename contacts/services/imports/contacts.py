"""Loading contacts: new ones take places, known ones are brought up to date (C1, C3, Q10)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from common.ids import uuid7
from common.sql import execute, rows
from common.sql import row as one_row
from contacts.files.reasons import Reason
from contacts.files.rows import ContactRow
from contacts.models import Contact, Tag, TagGroup
from contacts.rules import RIGHT_OF, Activity, Grade, GradeSource, Kind, Right, Side, Status, is_reserved_tag
from contacts.services import search_entries, tag_room
from contacts.services.imports import ownerless, remarks
from contacts.services.imports.staging import Loaded, Loader
from contacts.services.steps import lock_all
from contacts.services.tags import make_room
from quota import queries as quota_queries
from quota import services as quota
from quota.models import Account

TAG_GROUP = "导入"
SOURCE = "import"  # of the follows that an import makes

# What a row changes of a known contact: the field, and SQL that says when. Used to refuse and to write alike.
CHANGES = {
    "name": "(staged.name <> '' AND staged.name <> contact.name)",
    "remark": f"(staged.remark <> '' AND staged.remark <> contact.remark AND {remarks.OWN})",
    "company": "(staged.company <> '' AND staged.company <> contact.company)",
    "phones": "(staged.phones <> '{}' AND staged.phones <> contact.phones)",
    "kind": "(staged.kind <> contact.kind)",
}

# SQL: the relation that a row's tags go to; that of the member named, else one's own, else the owner's (C13).
FOLLOW = """(
    SELECT follow.id FROM contacts_follow AS follow
    WHERE follow.enterprise_id = %(enterprise)s AND follow.contact_id = staged.contact_id
      AND follow.member_id = coalesce(staged.owner_id, (
          SELECT own.member_id FROM contacts_follow AS own
          WHERE own.enterprise_id = %(enterprise)s AND own.contact_id = staged.contact_id
            AND own.member_id = %(importer)s AND own.state = 'active'), (
          SELECT contact.owner_id FROM contacts_contact AS contact
          WHERE contact.enterprise_id = %(enterprise)s AND contact.id = staged.contact_id)))"""


@dataclass
class ContactLoader(Loader[ContactRow]):
    """Rows of contacts. A known contact keeps its owner; a row that names another member adds a follow (C1), and the
    remark in it is what that member calls the contact. Somebody who has no owner gets the first one named (C3)."""

    tags: dict[str, UUID] = field(default_factory=dict)
    first: dict[UUID, UUID] = field(default_factory=dict)  # contact without an owner → the member named first

    COLUMNS = """external_userid text, new_id uuid, name text, kind text, remark text, company text, phones varchar[],
        owner_id uuid, added_at timestamptz, tag_ids uuid[], fresh boolean DEFAULT false"""

    def key(self, row: ContactRow) -> str:
        return row.external_userid

    def load(self, batch: Sequence[tuple[int, ContactRow]]) -> Loaded:
        self.find_members((row.owner for _line, row in batch), active=True)
        self._find_tags(batch)
        self.copy(
            "line, refusal, refused_column, external_userid, new_id, name, kind, remark, company, phones, owner_id,"
            " added_at, tag_ids",
            (self._staged(line, row) for line, row in batch),
        )
        keys = [row.external_userid for _line, row in batch]
        self.match_contacts(keys)
        self._refuse_what_is_not_theirs()
        self._refuse_what_wecom_does_not_take()
        self._insert_new(keys)
        self._follow()
        remarks.rename()
        self._tag()
        self._update_known()
        self.first = ownerless.named() | self.first
        if self.partial:
            self._give_owners()
            self._admit_as_many_as_fit()
        search_entries.index(self._written())
        created, updated, unchanged = self._counts()
        return Loaded(created, updated, unchanged, self.refused())

    def finish(self) -> None:
        """All or nothing: everything that is new must fit, or the transaction ends here."""
        self._give_owners()
        if not self.partial and self._admitted():
            quota.reserve(self.actor, self._admitted(), claims=self._claims)
            self._write_ledger("SELECT id, label FROM admitted ORDER BY line", self._admitted())

    def open_staging(self) -> None:
        super().open_staging()
        execute(
            """
            DROP TABLE IF EXISTS admitted;
            CREATE TEMP TABLE admitted (line bigint, id uuid, label text, owner_id uuid) ON COMMIT DROP
            """
        )

    def _staged(self, line: int, row: ContactRow) -> tuple:
        owner = self.member(row.owner) if row.owner else None
        refusal = column = None
        if row.owner and owner is None:
            refusal, column = Reason.OWNER_UNKNOWN.value, "owner"
        return (
            line,
            refusal,
            column,
            row.external_userid,
            uuid7(),
            row.name,
            row.kind,
            row.remark,
            row.company,
            row.phones,
            owner,
            row.added_at,
            [self.tags[tag] for tag in row.tags if tag in self.tags],
        )

    def _find_tags(self, batch: Sequence[tuple[int, ContactRow]]) -> None:
        """Corporate tags by name; unknown ones are made in a group of their own. The system's own tag is left out."""
        wanted = {tag for _line, row in batch for tag in row.tags if not is_reserved_tag(tag)} - self.tags.keys()
        if not wanted:
            return
        self.tags.update(Tag.objects.filter(name__in=wanted).order_by("-position", "-id").values_list("name", "pk"))
        missing = sorted(wanted - self.tags.keys())
        if missing:
            make_room(len(missing))
            group, _made = TagGroup.objects.get_or_create(name=TAG_GROUP)
            Tag.objects.bulk_create([Tag(group=group, name=name) for name in missing], ignore_conflicts=True)
            self.tags.update(Tag.objects.filter(group=group, name__in=missing).values_list("name", "pk"))

    def _refuse_what_is_not_theirs(self) -> None:
        """A row that would change a field beyond the importer's level is refused as a whole, with the column (O2)."""
        for field_name, changes in CHANGES.items():
            column = "phone" if field_name == "phones" else field_name
            self.refuse(RIGHT_OF[field_name], column=column, when=changes)
        self.refuse(Right.REMARK, column="remark", when=remarks.RENAMES)
        self.refuse(Right.TAG, column="tags", when="staged.tag_ids <> '{}'")
        self.refuse(Right.ASSIGN, column="owner", when="staged.owner_id <> %(actor)s")

    def _refuse_what_wecom_does_not_take(self) -> None:
        """A row whose tags would be too many on one relation is refused as a whole, naming the column (C13)."""
        tagged = "refusal IS NULL AND tag_ids <> '{}'"
        known = rows(f"SELECT contact_id FROM staged WHERE contact_id IS NOT NULL AND {tagged}")  # noqa: S608
        lock_all([contact for (contact,) in known])
        self.sql(
            f"""
            UPDATE staged SET refusal = %(reason)s, refused_column = 'tags'
            WHERE {tagged} AND cardinality(tag_ids) > {tag_room.beside(FOLLOW, "staged.tag_ids")}
            """,  # noqa: S608 - SQL of ours
            reason=Reason.TOO_MANY_TAGS.value,
            importer=self.actor.member_id,
        )

    def _insert_new(self, keys: list[str]) -> None:
        """Insert the contacts that are not there yet; when places are short, only as many as there seem to be.

        The account decides later, after all inserts: its row is hot, and locks go contacts → account.
        """
        room = None
        if self.partial and not Account.objects.get().budgeted:  # a full team must not keep out those behind it
            room = max(0, quota_queries.position(self.actor.enterprise).room)
        self.sql(
            """
            INSERT INTO contacts_contact
                (id, enterprise_id, external_userid, unionid, name, remark, kind, company, phones, description, status,
                 owner_id, added_at, grade, grade_source, spend_365d, activity, inactive, last_contact_at, version,
                 created_at)
            SELECT new_id, %(enterprise)s, external_userid, '', coalesce(nullif(name, ''), external_userid), remark,
                   coalesce(kind, %(wechat)s), company, phones, '', %(active)s, coalesce(owner_id, %(importer)s),
                   coalesce(added_at, %(now)s), %(low)s, %(auto)s, 0, %(never)s, false, coalesce(added_at, %(now)s), 1,
                   %(now)s
            FROM staged WHERE contact_id IS NULL AND refusal IS NULL
            ORDER BY line LIMIT %(room)s
            ON CONFLICT (enterprise_id, external_userid) DO NOTHING
            """,
            wechat=Contact.Kind.WECHAT.value,
            active=Status.ACTIVE.value,
            importer=self.actor.member_id,
            low=Grade.LOW.value,
            auto=GradeSource.AUTO.value,
            never=Activity.NEVER.value,
            room=room,
        )
        self.sql(
            """
            UPDATE staged SET contact_id = coalesce(known.merged_into_id, known.id), fresh = (known.id = staged.new_id)
            FROM contacts_contact AS known
            WHERE staged.contact_id IS NULL AND staged.refusal IS NULL AND known.enterprise_id = %(enterprise)s
              AND known.external_userid = staged.external_userid
              AND known.external_userid = ANY (%(keys)s)
            """,
            keys=keys,
        )
        self.sql(
            "UPDATE staged SET refusal = %(full)s WHERE contact_id IS NULL AND refusal IS NULL",
            full=Reason.QUOTA_EXCEEDED.value,
        )
        self.sql(
            """
            INSERT INTO contacts_interaction (id, enterprise_id, contact_id, kind, side, at, member_id, key, data)
            SELECT uuid7(), %(enterprise)s, contact_id, %(added)s, %(system)s, coalesce(added_at, %(now)s),
                   coalesce(owner_id, %(importer)s), 'added', jsonb_build_object('job', %(job)s::text)
            FROM staged WHERE fresh
            """,
            added=Kind.ADDED.value,
            system=Side.SYSTEM.value,
            importer=self.actor.member_id,
            job=str(self.job_id),
        )

    def _follow(self) -> None:
        """The owner follows a new contact; a member named for a known one follows it as well."""
        self.sql(
            """
            WITH made AS (
                INSERT INTO contacts_follow
                    (id, enterprise_id, contact_id, member_id, state, added_at, remark, source)
                SELECT uuid7(), %(enterprise)s, contact_id, coalesce(owner_id, %(importer)s), 'active',
                       coalesce(added_at, %(now)s), remark, %(source)s
                FROM staged
                WHERE refusal IS NULL AND coalesce(owner_id, CASE WHEN fresh THEN %(importer)s::uuid END) IS NOT NULL
                ON CONFLICT (enterprise_id, contact_id, member_id) DO NOTHING
                RETURNING contact_id)
            UPDATE staged SET changed = true FROM made WHERE staged.contact_id = made.contact_id
            """,
            importer=self.actor.member_id,
            source=SOURCE,
        )

    def _tag(self) -> None:
        """Put the tags on."""
        self.sql(
            f"""
            WITH made AS (
                INSERT INTO contacts_followtag (id, enterprise_id, follow_id, contact_id, tag_id)
                SELECT uuid7(), %(enterprise)s, found.follow_id, found.contact_id, tag.id
                FROM (SELECT contact_id, tag_ids, {FOLLOW} AS follow_id
                      FROM staged WHERE refusal IS NULL AND tag_ids <> '{{}}') AS found
                CROSS JOIN unnest(found.tag_ids) AS tag (id)
                WHERE found.follow_id IS NOT NULL
                ON CONFLICT (enterprise_id, follow_id, tag_id) DO NOTHING
                RETURNING contact_id)
            UPDATE staged SET changed = true FROM made WHERE staged.contact_id = made.contact_id
            """,  # noqa: S608 - SQL of ours
            importer=self.actor.member_id,
        )

    def _update_known(self) -> None:
        """What the file says replaces what is there; what it leaves empty stays."""
        self.sql(
            f"""
            WITH made AS (
                UPDATE contacts_contact AS contact
                SET name = coalesce(nullif(staged.name, ''), contact.name),
                    remark = CASE WHEN staged.remark <> '' AND {remarks.OWN} THEN staged.remark ELSE contact.remark END,
                    company = coalesce(nullif(staged.company, ''), contact.company),
                    phones = coalesce(nullif(staged.phones, '{{}}'), contact.phones),
                    kind = coalesce(staged.kind, contact.kind),
                    version = contact.version + 1
                FROM staged
                WHERE contact.enterprise_id = %(enterprise)s AND contact.id = staged.contact_id
                  AND contact.id = ANY (ARRAY(SELECT contact_id FROM staged WHERE refusal IS NULL AND NOT fresh))
                  AND staged.refusal IS NULL AND NOT staged.fresh
                  AND ({" OR ".join(CHANGES.values())})
                RETURNING contact.id)
            UPDATE staged SET changed = true FROM made WHERE staged.contact_id = made.id
            """  # noqa: S608 - conditions of ours
        )

    def _give_owners(self) -> None:
        """Behind all contacts of the transaction, as this locks the account."""
        ownerless.give(self.actor, self.first, job_id=self.job_id, at=self.now)
        self.first = {}

    def _admit_as_many_as_fit(self) -> None:
        """Ask the account; whoever does not fit leaves again, the last lines first."""
        fresh = self._fresh()
        if not fresh:
            return
        granted = quota.reserve_up_to(self.actor, fresh, claimants=self._claimants)
        if granted.refused:
            self._take_back(granted.refused)
        if granted.count:
            self._write_ledger("SELECT contact_id, name FROM staged WHERE fresh ORDER BY line", granted.count)

    def _claimants(self) -> list[quota.Claimant]:
        """Whose the new contacts will be, in the order of their lines."""
        found = rows(
            "SELECT coalesce(owner_id, %(importer)s::uuid) FROM staged WHERE fresh ORDER BY line",
            {"importer": self.actor.member_id},
        )
        return [quota.Claimant(owner, SOURCE) for (owner,) in found]

    def _claims(self) -> dict[quota.Claimant, int]:
        """How many contacts of the whole file each owner gets."""
        return {
            quota.Claimant(owner, SOURCE): number
            for owner, number in rows("SELECT owner_id, count(*) FROM admitted GROUP BY 1")
        }

    def _take_back(self, refused: Mapping[int, str]) -> None:
        """Whoever got no place leaves again; `refused`: position among the new ones → reason."""
        self.sql(
            """
            UPDATE staged SET fresh = false, refusal = given.reason
            FROM (SELECT line, row_number() OVER (ORDER BY line) - 1 AS position FROM staged WHERE fresh) AS numbered
            JOIN unnest(%(positions)s::int[], %(reasons)s::text[]) AS given (position, reason)
              ON given.position = numbered.position
            WHERE staged.line = numbered.line
            """,
            positions=list(refused),
            reasons=list(refused.values()),
        )
        for table, column in (
            ("contacts_followtag", "contact_id"),
            ("contacts_follow", "contact_id"),
            ("contacts_interaction", "contact_id"),
            ("contacts_contact", "id"),
        ):
            self.sql(
                f"""
                DELETE FROM {table} USING staged
                WHERE {table}.enterprise_id = %(enterprise)s AND {table}.{column} = staged.new_id
                  AND staged.contact_id = staged.new_id AND NOT staged.fresh
                """  # noqa: S608 - names of ours
            )

    def _write_ledger(self, source: str, count: int) -> None:
        quota.write_ledger_from(
            self.actor, source=source, params={}, count=count, reason=quota.Reason.IMPORTED, delta=+1
        )

    def _written(self) -> list[UUID]:
        found = rows("SELECT contact_id FROM staged WHERE refusal IS NULL AND (fresh OR changed)")
        return [contact for (contact,) in found]

    def _fresh(self) -> int:
        found = one_row("SELECT count(*) FROM staged WHERE fresh")
        return found[0] if found else 0

    def _admitted(self) -> int:
        found = one_row("SELECT count(*) FROM admitted")
        return found[0] if found else 0

    def _counts(self) -> tuple[int, int, int]:
        if not self.partial:
            self.sql(
                """
                INSERT INTO admitted SELECT line, contact_id, name, coalesce(owner_id, %(importer)s::uuid)
                FROM staged WHERE fresh
                """,
                importer=self.actor.member_id,
            )
        found = one_row(
            """
            SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh AND changed),
                   count(*) FILTER (WHERE NOT fresh AND NOT changed)
            FROM staged WHERE refusal IS NULL
            """
        )
        assert found is not None
        return found  # type: ignore[return-value]
