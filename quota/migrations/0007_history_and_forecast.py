"""Daily history of the scale, and the forecast."""

import django.contrib.postgres.fields
import uuid_utils.compat
from django.db import migrations, models

import common.tenancy
from common.postgres.operations import TenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("quota", "0006_alerts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Forecast",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("enterprise_id", models.UUIDField(default=common.tenancy.current_enterprise_id, editable=False)),
                ("as_of", models.DateField()),
                ("computed_at", models.DateTimeField()),
                (
                    "gain",
                    django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), default=list, size=None),
                ),
                (
                    "low",
                    django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), default=list, size=None),
                ),
                (
                    "high",
                    django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), default=list, size=None),
                ),
                (
                    "facts",
                    models.JSONField(default=dict, help_text="What the expectation rests on, for those who ask."),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [models.UniqueConstraint(models.F("enterprise_id"), name="forecast_one_per_enterprise")],
            },
        ),
        migrations.CreateModel(
            name="HistoryDay",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("enterprise_id", models.UUIDField(default=common.tenancy.current_enterprise_id, editable=False)),
                ("day", models.DateField()),
                ("served", models.IntegerField(help_text="At the end of the day.")),
                ("arrived", models.IntegerField()),
                ("lost", models.IntegerField()),
            ],
            options={
                "ordering": ("day",),
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("enterprise_id", "day"), name="history_day_once")],
            },
        ),
        migrations.CreateModel(
            name="TeamDay",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("enterprise_id", models.UUIDField(default=common.tenancy.current_enterprise_id, editable=False)),
                ("day", models.DateField()),
                ("department_id", models.UUIDField(null=True)),
                ("served", models.IntegerField()),
            ],
            options={
                "ordering": ("day", "department_id"),
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("enterprise_id", "day", "department_id"), name="team_day_once", nulls_distinct=False
                    )
                ],
            },
        ),
        TenantTable("HistoryDay"),
        TenantTable("TeamDay"),
        TenantTable("Forecast"),
    ]
