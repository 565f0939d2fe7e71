"""Partners and their people from a file (U7): each row by the same services as the console, so by the same rules.

Safe to repeat: a partner is found by its name or credit code, a person by the phone number, and what is there is left
alone. The platform's own limits for one import are policy. Small files by nature (2 000 people), so row by row.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.errors import Invalid, Refusal, Text
from common.ids import uuid7
from contacts.files.readers import open_table
from contacts.files.writers import CsvWriter
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import policy, zone
from jobs import services as jobs
from jobs.models import JobRun
from jobs.runner import JobContext
from upstream.models import Partner, PartnerContact, Series, Space, Subgroup
from upstream.rules import names
from upstream.services import partners, people, subgroups

JOB = "upstream.import_partners"
MAX_BYTES = 5 << 20
STEP = 50  # partners in one transaction

# Headers taken for a column, compared without case, spaces and punctuation. The first ones are our own.
COLUMNS: dict[str, tuple[str, ...]] = {
    "company": ("company", "企业名称", "公司名称", "公司", "企业", "客户名称", "corpname", "partner", "名称"),
    "short_name": ("shortname", "简称", "企业简称"),
    "aliases": ("aliases", "别名", "其他名称", "alias"),
    "region": ("region", "地区", "区域", "所在地"),
    "kind": ("kind", "类型", "企业类型"),
    "credit_code": ("creditcode", "统一社会信用代码", "信用代码", "税号"),
    "owner": ("owner", "负责人账号", "我方负责人", "负责人"),
    "subgroup": ("subgroup", "分组", "所属分组", "grouppath", "group"),
    "name": ("name", "姓名", "联系人", "联系人姓名", "成员姓名"),
    "phone": ("phone", "手机", "手机号", "电话", "mobile", "联系电话"),
    "email": ("email", "邮箱", "电子邮箱", "mail"),
    "title": ("title", "职位", "职务", "position"),
    "leader": ("leader", "是否负责人", "身份", "identity"),
}
# What people call the columns; in any language of the product these are taken for them, too.
HEADERS: dict[str, Text] = {
    "company": gettext_lazy("Company"),
    "short_name": gettext_lazy("Short name"),
    "aliases": gettext_lazy("Aliases"),
    "region": gettext_lazy("Region"),
    "kind": gettext_lazy("Kind"),
    "credit_code": gettext_lazy("Unified social credit code"),
    "owner": gettext_lazy("Owner on our side"),
    "subgroup": gettext_lazy("Subgroup"),
    "name": gettext_lazy("Name"),
    "phone": gettext_lazy("Phone"),
    "email": gettext_lazy("E-mail"),
    "title": gettext_lazy("Position"),
    "leader": gettext_lazy("Is a leader"),
}
REQUIRED = ("company",)
YES = {"1", "true", "yes", "y", "是", "负责人", "leader"}


@dataclass
class Row:
    """A line of the file by column."""

    line: int
    cells: list[str]
    values: dict[str, str]


@dataclass
class Sheet:
    """What a file says: its rows by partner, in the order of first mention, and what is refused as it stands."""

    header: list[str]
    partners: dict[str, list[Row]] = field(default_factory=dict)
    refused: list[tuple[Row, str]] = field(default_factory=list)


def start_import(
    actor: Actor,
    *,
    file: UploadedFile,
    space: Space | None = None,
    series: Series | None = None,
    dry_run: bool = False,
) -> JobRun:
    """Take a file in and queue its import. What is wrong with it as a whole is refused here and now."""
    actor.require("spaces.edit")
    if (space is None) == (series is None):
        raise Invalid({"space": [gettext_lazy("Say into which space or series.")]})
    if (file.size or 0) > MAX_BYTES:
        raise Invalid({"file": [gettext_lazy("The file is larger than 5 MB.")]})
    name = file.name or ""
    read(file, name)
    file.seek(0)
    run_id = uuid7()
    kept = jobs.store_input(run_id, file, name.rpartition(".")[2].lower())
    params = {
        "space": str(space.pk) if space else None,
        "series": str(series.pk) if series else None,
        "filename": name[-128:],
        "dry_run": dry_run,
    }
    return jobs.enqueue(actor, name=JOB, run_id=run_id, input=kept, params=params)


def read(file: Any, filename: str) -> Sheet:
    """The rows by partner. Raises Invalid for a file without the columns, or with more than the platform takes."""
    rules = policy()
    with open_table(file, filename) as table:
        found = _columns(table.header)
        if missing := [name for name in REQUIRED if name not in found]:
            raise Invalid(
                {"file": [_("The file needs the columns %(names)s in its first line.") % {"names": ", ".join(missing)}]}
            )
        sheet = Sheet(table.header)
        people_read = 0
        for batch in table.batches():
            for bad in batch.refused:
                sheet.refused.append((Row(bad.line, bad.cells, {}), str(bad.refusal.detail)))
            for line, cells in batch.rows:
                row = Row(line, cells, {name: cells[at].strip() for name, at in found.items()})
                key = names.key(row.values["company"])
                people_read += bool(row.values.get("name"))
                sheet.partners.setdefault(key, []).append(row)
            if len(sheet.partners) > rules.import_partners:
                raise _too_many(gettext_lazy("A file may contain at most %(limit)s partners."), rules.import_partners)
            if people_read > rules.import_people:
                raise _too_many(gettext_lazy("A file may contain at most %(limit)s people."), rules.import_people)
    return sheet


def run(context: JobContext) -> dict[str, Any]:
    """The work: some partners in a transaction, so that a killed worker goes on behind the last of them."""
    params = context.params
    with context.step():
        with default_storage.open(context.input) as file:
            sheet = read(file, context.input)
        context.total = len(sheet.partners)
    counts = Counter(context.cursor.get("counts", {}))
    refused: list[list[Any]] = context.cursor.get("refused", [[row.line, why] for row, why in sheet.refused])
    keys = list(sheet.partners)
    for start in range(context.done, len(keys), STEP):
        with context.step():
            loader = _Loader(context.actor, params["space"], params["series"], counts, refused)
            with transaction.atomic():
                for key in keys[start : start + STEP]:
                    loader.take(sheet.partners[key])
                if params["dry_run"]:
                    transaction.set_rollback(True)
            context.done = min(start + STEP, len(keys))
            context.cursor = {"counts": dict(counts), "refused": refused}
    rows = sum(map(len, sheet.partners.values())) + len(sheet.refused)
    result = {
        "rows": rows,
        **{name: counts[name] for name in ("partners", "people", "unchanged")},
        "refused": len(refused),
        "dry_run": params["dry_run"],
    }
    if refused:
        with context.report(f"{params['filename'].rpartition('.')[0]}-refused.csv") as stream:
            _report(context, stream, sheet, refused)
    if not params["dry_run"]:
        with context.step():
            audit.record(
                context.actor,
                "partners.imported",
                subject_type="job",
                subject_id=context.run_id,
                subject_label=params["filename"],
                after=result,
            )
    return result


class _Loader:
    """Takes the rows of one partner after the other; a refused row keeps nobody else out."""

    def __init__(
        self, actor: Actor, space: str | None, series: str | None, counts: Counter[str], refused: list[list[Any]]
    ) -> None:
        self.actor = actor
        self.space = Space.objects.filter(pk=UUID(space)).first() if space else None
        self.series = Series.objects.filter(pk=UUID(series)).first() if series else None
        self.counts = counts
        self.refused = refused
        self.most_people = policy().import_partner_people
        self.kinds = _kinds()

    def take(self, rows: list[Row]) -> None:
        try:
            with transaction.atomic():
                partner = self._partner(rows[0])
        except Refusal as refusal:
            for row in rows:
                self.refused.append([row.line, str(refusal)])
            return
        present = 0
        for row in rows:
            if not row.values.get("name"):
                continue
            present += 1
            try:
                with transaction.atomic():
                    if present > self.most_people:
                        raise Invalid(
                            _("A file may contain at most %(limit)s people of one partner.")
                            % {"limit": self.most_people}
                        )
                    self._person(partner, row)
            except Refusal as refusal:
                self.refused.append([row.line, str(refusal)])

    def _partner(self, row: Row) -> Partner:
        values = row.values
        inside = Space.objects.filter(pk=self.space.pk) if self.space else Space.objects.filter(series=self.series)
        known = partners.find_known(
            inside.values("id"),
            Partner(name=values["company"], credit_code=names.key(values.get("credit_code", "")).upper()),
        )
        if known is not None:
            self.counts["unchanged"] += 1
            return known
        details: dict[str, Any] = {name: values.get(name, "") for name in ("short_name", "region", "credit_code")}
        if values.get("aliases"):
            details["aliases"] = values["aliases"].replace("，", ",").replace("、", ",").split(",")
        if kind := values.get("kind", "").casefold():
            if kind not in self.kinds:
                raise Invalid(_("There is no kind called “%(kind)s”.") % {"kind": kind})
            details["kind"] = self.kinds[kind]
        if owner := values.get("owner"):
            details["owner"] = self._owner(owner)
        made = partners.add_partner(
            self.actor,
            space=self.space,
            series=self.series,
            name=values["company"],
            subgroups=self._groups(values),
            **details,
        )
        self.counts["partners"] += 1
        return made

    def _person(self, partner: Partner, row: Row) -> None:
        values = row.values
        phone = names.phone(values.get("phone", ""))
        if phone and PartnerContact.objects.filter(partner=partner, person__phone=phone).exists():
            self.counts["unchanged"] += 1
            return
        if (
            not phone
            and PartnerContact.objects.filter(partner=partner, person__name=names.tidy(values["name"])).exists()
        ):
            self.counts["unchanged"] += 1
            return
        people.add_person(
            self.actor,
            partner=partner,
            name=values["name"],
            phone=phone,
            email=values.get("email", ""),
            title=values.get("title", ""),
            leader=values.get("leader", "").casefold() in YES,
            source="import",
        )
        self.counts["people"] += 1

    def _owner(self, given: str) -> Member:
        wanted = Member.objects.filter(status=Member.Status.ACTIVE)
        owner = wanted.filter(userid__iexact=given).first() or wanted.filter(email__iexact=given).first()
        if owner is None:
            raise Invalid(_("Nobody here has the account or e-mail address “%(leader)s”.") % {"leader": given})
        return owner

    def _groups(self, values: dict[str, str]) -> list[Subgroup]:
        """The subgroup of this path, such as 华南/深圳; what is missing of it is made by who may. Only in one space."""
        path = [part.strip() for part in values.get("subgroup", "").strip("/").split("/") if part.strip()]
        if not path or self.space is None:
            return []
        found: Subgroup | None = None
        for name in path:
            below = Subgroup.objects.filter(space=self.space, parent=found, name=name).first()
            found = below or subgroups.create_subgroup(self.actor, space=self.space, name=name, parent=found)
        assert found is not None
        return [found]


def _report(context: JobContext, stream: IO[bytes], sheet: Sheet, refused: list[list[Any]]) -> None:
    """The refused rows with line and reason before what the file had; mended, the very file can be imported again."""
    by_line = {row.line: row.cells for rows in sheet.partners.values() for row in rows}
    by_line |= {row.line: row.cells for row, _why in sheet.refused}
    with CsvWriter(stream, zone=zone(context.enterprise)) as writer:
        writer.write_header([_("Line"), _("Refusal reason"), *sheet.header])
        writer.write_rows([line, why, *by_line[line]] for line, why in sorted(refused))


def _kinds() -> dict[str, str]:
    """What a kind may be called: its value, or its label in any language of the product."""
    found: dict[str, str] = {value: value for value in Partner.Kind.values}
    for value, label in Partner.Kind.choices:
        found |= {spoken.casefold(): value for spoken in _in_every_language(label)}
    return found


def _in_every_language(text: Text) -> Iterator[str]:
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            yield str(text)


def _plain(header: str) -> str:
    return "".join(one for one in names.key(header) if one.isalnum())


def _columns(header: list[str]) -> dict[str, int]:
    plain = [_plain(text) for text in header]
    found: dict[str, int] = {}
    for name, synonyms in COLUMNS.items():
        for synonym in (*synonyms, *map(_plain, _in_every_language(HEADERS[name]))):
            if synonym in plain and plain.index(synonym) not in found.values():
                found[name] = plain.index(synonym)
                break
    return found


def _too_many(text: Any, limit: int) -> Invalid:
    return Invalid({"file": [text % {"limit": limit}]}, code="too_many", limit=limit)
