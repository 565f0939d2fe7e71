"""Makes what the browser tests look at, by the product's own services; prints it as JSON."""

import json

import django

django.setup()

from datetime import timedelta  # noqa: E402

from common import clock  # noqa: E402
from common.tenancy import tenant  # noqa: E402
from enterprises.models import User  # noqa: E402
from enterprises.services import create_enterprise, update_policy  # noqa: E402
from tests import factories  # noqa: E402

SURNAMES = "王李张刘陈杨赵黄周吴"
NAMES = ("晓琳", "建国", "美玲", "志强", "雨桐", "海燕", "子轩", "丽华", "文博", "佳怡")


def main() -> None:
    admin = User.objects.create_user("admin@example.com", factories.PASSWORD, name="陈晓琳")
    enterprise = create_enterprise(name="澄海零售集团", admin=admin, verified=True)
    other = create_enterprise(name="北辰工业互联平台", admin=admin, verified=False)
    network = create_enterprise(name="集采联盟", admin=admin, verified=True)  # tests/e2e/test_spaces.py
    job = create_enterprise(name="主流程零售", admin=admin, verified=True)  # empty: tests/e2e/test_main_job.py fills it
    owner = User.objects.create_user("owner@example.com", factories.PASSWORD, name="郑一诺")
    helper = User.objects.create_user("helper@example.com", factories.PASSWORD, name="吴桐")
    staff = User.objects.create_user("staff@example.com", factories.PASSWORD, name="周敏")
    with tenant(job.pk):
        update_policy(factories.super_admin(job), values={"free_verified": 200})
    with tenant(other.pk):  # tests/e2e/test_collaboration.py
        seller = factories.member(name="郑一诺", user=owner)
        factories.member(name="吴桐", user=helper)
        factories.contact(factories.acting(other, seller), name="协作客户")
    with tenant(network.pk):
        manager = factories.super_admin(network)
        for name, phone in (("韩梅", "13811110001"), ("李雷", "13811110002"), ("赵敏", "13811110003")):
            factories.contact(manager, name=name, company=f"{name}商行", phones=[phone])
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        factories.member(name="周敏", user=staff)
        for number in range(60):
            factories.contact(
                actor,
                name=SURNAMES[number % 10] + NAMES[number * 7 % 10],
                added_at=clock.now() - timedelta(days=number),
            )
    codes = {"code": enterprise.code, "other": other.code, "job": job.code, "network": network.code}
    print(json.dumps(codes))


if __name__ == "__main__":
    main()
