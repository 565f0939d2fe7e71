"""The case of a real retailer: 4 372 customers, graded, the silent found, the low-value archived, and all back."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from common import clock
from common.tenancy import tenant
from contacts.models import Contact
from jobs.models import JobRun
from jobs.runner import execute_run
from quota import queries
from quota.services import buy_package
from tests import crowd, factories
from tests.contacts.bulk import consistent, do, undo

DECEMBER = datetime(2011, 12, 10, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.mark.django_db
def test_the_enterprise_fits_its_free_scale_again(enterprise):
    """C5, C7, C9, Q2, Q14: 253 / 1 342 / 2 777; 865 inactive; 1 595 stay served; undo brings all 4 372 back."""
    with clock.at(DECEMBER):
        with tenant(enterprise.pk):
            admin = factories.super_admin(enterprise)
            buy_package(admin, tier=5000, kind="purchase")
            crowd.retailer(admin)
        assert consistent(enterprise) == 4372
        for name, expected in (
            ("contacts.grade", {"high": 253, "middle": 1342, "low": 2777}),
            ("contacts.tag_inactive", 865),
        ):
            with tenant(enterprise.pk):
                run = JobRun.objects.create(name=name)
            result = execute_run(enterprise.pk, run.pk).result
            assert result.get("grades", result.get("inactive")) == expected
        run = do(enterprise, "archive", filter={"grade": ["low"]})
        assert (run.state, run.result["freed"], run.result["refused"]) == ("done", 2777, 0)
        assert consistent(enterprise) == 1595
        with tenant(enterprise.pk):
            assert Contact.objects.filter(inactive=True, status="archived").exists(), "the tag stays on archived ones"
    with clock.at(DECEMBER + timedelta(days=1)):
        undone = undo(enterprise, run)
        assert (undone.state, undone.result["taken"]) == ("done", 2777)
        assert consistent(enterprise) == 4372
        run = do(enterprise, "archive", filter={"grade": ["low"]})
        assert consistent(enterprise) == 1595
    with clock.at(DECEMBER + timedelta(days=370)):  # the package is over
        with tenant(enterprise.pk):
            position = queries.position(enterprise)
            assert (position.served, position.capacity) == (1595, 2000)
        low = do(enterprise, "restore", filter={"grade": ["low"]}, params={"on_full": "partial"})
        assert (low.result["taken"], low.result["reasons"]) == (405, {"quota_exceeded": 2372})
        assert consistent(enterprise) == 2000
