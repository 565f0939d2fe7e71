"""Campaigns, which the forecast learns from."""

import uuid_utils.compat
from django.db import migrations, models

import common.clock
import common.tenancy
from common.postgres.operations import TenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("quota", "0008_budgets"),
    ]

    operations = [
        migrations.CreateModel(
            name="Campaign",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("enterprise_id", models.UUIDField(default=common.tenancy.current_enterprise_id, editable=False)),
                ("name", models.CharField(max_length=64, verbose_name="name")),
                ("starts_on", models.DateField(verbose_name="first day")),
                ("ends_on", models.DateField(verbose_name="last day")),
                ("created_at", models.DateTimeField(default=common.clock.now)),
            ],
            options={
                "ordering": ("-starts_on", "-id"),
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [models.Index(fields=["enterprise_id", "starts_on", "id"], name="campaign_start")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_on__gte", models.F("starts_on"))), name="campaign_interval"
                    )
                ],
            },
        ),
        TenantTable("Campaign"),
    ]
