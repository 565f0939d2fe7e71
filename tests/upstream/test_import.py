"""U7, U5: partners and their people from a file: the platform's limits, a report, and safe to repeat."""

import io

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation

from common.errors import Invalid
from common.tenancy import tenant
from contacts.files.writers import open_writer
from enterprises.models import AuditEntry
from enterprises.services import update_policy, zone
from jobs.models import JobRun
from jobs.runner import execute_run
from tests import factories
from tests.upstream.conftest import make_partner, make_space
from upstream.models import Partner, PartnerContact, Space
from upstream.services import partner_import, spaces

pytestmark = pytest.mark.django_db
HEADER = "企业名称,简称,类型,分组,姓名,手机号,职位,是否负责人"
ROWS = (
    "博森轴承,博森,品牌方,华南/深圳,王小明,138 1234 5678,经理,是",
    "博森轴承,,,,李雷,13812345679,,",
    "海拓液压,,供应商,华南,韩梅梅,13812345670,,",
)


def upload(*rows: str, name: str = "partners.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, "\n".join((HEADER, *rows)).encode())


def load(enterprise, file, **how) -> JobRun:
    """Ask for the import and do it."""
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        if "series" not in how:
            how.setdefault("space", Space.objects.first())
        run = partner_import.start_import(admin, file=file, **how)
    ended = execute_run(enterprise.pk, run.pk)
    assert ended is not None and ended.state == "done", ended and ended.error
    return ended


@pytest.fixture
def space(enterprise, scope):
    with scope():
        return make_space(factories.super_admin(enterprise))


def test_u7_a_file_makes_partners_people_and_subgroups_and_again_changes_nothing(enterprise, space, scope):
    result = load(enterprise, upload(*ROWS)).result
    assert result == {"rows": 3, "partners": 2, "people": 3, "unchanged": 0, "refused": 0, "dry_run": False}
    with scope():
        one = Partner.objects.get(name="博森轴承")
        assert (one.short_name, one.kind, one.contact_count) == ("博森", "brand", 2)
        assert one.places.get().subgroup.parent.name == "华南"
        leader = PartnerContact.objects.get(leader=True)
        assert (leader.person.name, leader.person.phone, leader.title) == ("王小明", "13812345678", "经理")
        assert AuditEntry.objects.filter(action="partners.imported").count() == 1
    again = load(enterprise, upload(*ROWS)).result
    assert (again["partners"], again["people"], again["unchanged"], again["refused"]) == (0, 0, 5, 0)


def test_u7_xlsx_is_read_as_well(enterprise, space, scope):
    stream = io.BytesIO()
    with open_writer("xlsx", stream, zone=zone(enterprise)) as writer:
        writer.write_header(["企业名称", "姓名", "手机号"])
        writer.write_rows([["博森轴承", "王小明", "13812345678"]])
    result = load(enterprise, SimpleUploadedFile("伙伴.xlsx", stream.getvalue())).result
    assert (result["partners"], result["people"]) == (1, 1)


def test_u7_refused_rows_are_reported_with_their_reason_and_keep_nobody_out(enterprise, space, scope):
    run = load(
        enterprise,
        upload(*ROWS, "新公司,,外星人,,某人,13900000000,,", "好公司,,,,某人,电话,,", ",,,,无名,13900000001,,"),
    )
    assert (run.result["partners"], run.result["people"], run.result["refused"]) == (3, 3, 3)
    with scope(), default_storage.open(run.report) as file:
        report = file.read().decode("utf-8-sig")
    assert "外星人" in report and "电话" in report and report.count("\n") == 4
    with scope():
        assert not Partner.objects.filter(name="新公司").exists()


def test_u7_a_dry_run_leaves_nothing(enterprise, space, scope):
    result = load(enterprise, upload(*ROWS), dry_run=True).result
    assert (result["partners"], result["people"], result["dry_run"]) == (2, 3, True)
    with scope():
        assert not Partner.objects.exists() and Space.objects.get().partner_count == 0


@pytest.mark.parametrize("setting", ["import_partners", "import_people"])
def test_u7_a_file_beyond_the_platforms_limits_is_refused_as_a_whole(enterprise, space, scope, setting):
    with scope():
        admin = factories.super_admin(enterprise)
        update_policy(admin, values={setting: 1})
        with pytest.raises(Invalid) as refused:
            partner_import.start_import(admin, file=upload(*ROWS), space=space)
        assert refused.value.code == "too_many" and not JobRun.objects.exists()


def test_u7_people_of_one_partner_beyond_the_limit_are_reported(enterprise, space, scope):
    with scope():
        update_policy(factories.super_admin(enterprise), values={"import_partner_people": 1})
    result = load(enterprise, upload(*ROWS)).result
    assert (result["people"], result["refused"]) == (2, 1)


def test_u1_u7_an_import_fills_the_space_exactly(enterprise, space, scope):
    with scope():
        update_policy(factories.super_admin(enterprise), values={"space_partners": 1})
    result = load(enterprise, upload(*ROWS)).result
    assert (result["partners"], result["refused"]) == (1, 1)
    with scope():
        assert Space.objects.get().partner_count == Partner.objects.count() == 1


def test_u7_u8_an_import_into_a_series_opens_spaces(enterprise, scope):
    with scope():
        admin = factories.super_admin(enterprise)
        update_policy(admin, values={"space_partners": 1})
        series = spaces.create_series(admin, name="媒体")
        make_partner(admin, Space.objects.get())
    assert load(enterprise, upload(*ROWS), series=series).result["partners"] == 2
    with scope():
        assert list(Space.objects.order_by("number").values_list("partner_count", flat=True))[:3] == [1, 1, 1]


def test_u7_a_file_without_the_column_is_refused(enterprise, space, scope):
    with scope():
        admin = factories.super_admin(enterprise)
        with pytest.raises(Invalid):
            partner_import.start_import(admin, file=SimpleUploadedFile("x.csv", b"a,b\n1,2\n"), space=space)


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_u7_a_file_headed_with_the_words_of_the_page_is_read(enterprise, space, scope, language):
    with translation.override(language):
        header = [str(label) for label in partner_import.HEADERS.values()]
    row = "博森轴承,博森,BS,华南,brand,,,深圳,王小明,13812345678,wang@example.com,经理,1"
    load(enterprise, SimpleUploadedFile("partners.csv", f"{','.join(header)}\n{row}".encode()))
    with tenant(enterprise.pk):
        person = PartnerContact.objects.select_related("partner", "person").get()
        assert (person.partner.name, person.partner.short_name, person.partner.region) == ("博森轴承", "博森", "华南")
        assert (person.partner.aliases, person.partner.kind, person.leader) == (["BS"], "brand", True)
        assert (person.person.name, person.person.email, person.title) == ("王小明", "wang@example.com", "经理")
