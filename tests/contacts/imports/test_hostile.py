"""Many rows, one per cent of them broken in every way we know (C12)."""

import io
import os
import random

import pytest

from common.tenancy import tenant
from contacts.models import Contact
from enterprises.models import PolicyRecord
from quota.models import Account
from quota.services import refresh_account, verify_counts
from tests.contacts.imports.conftest import report

pytestmark = pytest.mark.django_db

# The suite must stay fast; the full size is run with HOSTILE_ROWS=100000 (docs/benchmarks.md).
ROWS = int(os.environ.get("HOSTILE_ROWS", "20000"))
BREAKERS = {
    "missing_id": lambda n: b",name,2026-01-01",
    "bad_date": lambda n: b"wmx%d,name,31/31/2026" % n,
    "duplicate_in_file": lambda n: b"wm1,again,2026-01-01",
    "bad_encoding": lambda n: b"wmx%d,\xff\xfe\x80,2026-01-01" % n,
    "bad_id": lambda n: b"wm x %d,name,2026-01-01" % n,
    "too_many_columns": lambda n: b"wmx%d,name,2026-01-01,more,more" % n,
    "malformed": lambda n: b'wmx%d,"name"x,2026-01-01' % n,
}


def hostile_file() -> tuple[bytes, dict[int, str]]:
    """The file, and what must be refused: line → code."""
    chance = random.Random(610023)
    broken = sorted(chance.sample(range(3, ROWS + 2), ROWS // 100))
    kinds = list(BREAKERS)
    expected = {line: kinds[number % len(kinds)] for number, line in enumerate(broken)}
    expected[broken[len(broken) // 2]] = "line_too_long"
    out = io.BytesIO()
    out.write(b"external_userid,name,added_at\n")
    for line in range(2, ROWS + 2):
        code = expected.get(line)
        if code == "line_too_long":
            out.write(b"wmlong,")
            out.write(b"x" * (10 << 20))
            out.write(b",2026-01-01\n")
        elif code:
            out.write(BREAKERS[code](line) + b"\n")
        else:
            out.write("wm{0},客户{0},2026-01-01 08:00\n".format(line - 1).encode())
    return out.getvalue(), expected


def test_c12_the_good_rows_are_in_and_each_broken_one_is_reported(enterprise, run_import):
    content, expected = hostile_file()
    with tenant(enterprise.pk):
        PolicyRecord.objects.update(overrides={"free_verified": ROWS})
        refresh_account(enterprise)
    run = run_import(content, on_full="partial")
    assert run.result["created"] == ROWS - len(expected)
    assert run.result["refused"] == len(expected)
    assert {int(line): code for line, code, *_ in report(run)} == expected
    with tenant(enterprise.pk):
        assert Contact.objects.count() == Account.objects.get().served == ROWS - len(expected)
        assert verify_counts()["ok"]
    again = run_import(content, on_full="partial")
    assert (again.result["created"], again.result["updated"]) == (0, 0)
    assert again.result["unchanged"] == ROWS - len(expected)
