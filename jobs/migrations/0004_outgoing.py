"""Notifications as mails, webhooks, and the log of what went out."""

import django.contrib.postgres.fields
import django.db.models.deletion
import uuid_utils.compat
from django.db import migrations, models

import common.clock
import common.tenancy
from common.postgres.operations import TenantTable

# Run as the owner, so it sees over the wall: ids of enterprises, and nothing else, come through.
WAITING = """
CREATE FUNCTION enterprises_with_deliveries(moment timestamptz, most integer) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.id
    FROM public.enterprises_enterprise e
    WHERE e.status = 'active' AND EXISTS (
        SELECT FROM public.jobs_delivery d
        WHERE d.enterprise_id = e.id AND d.state = 'waiting' AND d.due_at <= moment)
    ORDER BY e.id
    LIMIT most
$$;
REVOKE ALL ON FUNCTION enterprises_with_deliveries(timestamptz, integer) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("enterprises", "0003_people"),
        ("jobs", "0003_stale_and_due"),
    ]

    operations = [
        migrations.AddField(
            model_name="notification",
            name="bell",
            field=models.BooleanField(default=True),
        ),
        migrations.CreateModel(
            name="Webhook",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("enterprise_id", models.UUIDField(default=common.tenancy.current_enterprise_id, editable=False)),
                ("name", models.CharField(max_length=64, verbose_name="name")),
                ("url", models.CharField(max_length=500, verbose_name="address")),
                (
                    "events",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="events",
                    ),
                ),
                ("enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("secret_number", models.PositiveIntegerField(default=1)),
                ("previous_until", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(default=common.clock.now)),
                ("version", models.PositiveIntegerField(default=1)),
            ],
            options={
                "ordering": ("name", "id"),
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("enterprise_id", "name"), name="webhook_name")],
            },
        ),
        migrations.CreateModel(
            name="NotificationPreference",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("enterprise_id", models.UUIDField(default=common.tenancy.current_enterprise_id, editable=False)),
                ("kind", models.CharField(max_length=64)),
                ("bell", models.BooleanField()),
                ("mail", models.BooleanField()),
                (
                    "member",
                    common.tenancy.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="enterprises.member",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("enterprise_id", "member", "kind"), name="preference_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("enterprise_id", models.UUIDField(default=common.tenancy.current_enterprise_id, editable=False)),
                ("channel", models.CharField(choices=[("mail", "E-mail"), ("webhook", "Webhook")], max_length=16)),
                ("event", models.CharField(max_length=64)),
                ("key", models.CharField(max_length=128)),
                ("payload", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "To be sent"),
                            ("delivered", "Delivered"),
                            ("failed", "Given up"),
                            ("cancelled", "Dropped"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("due_at", models.DateTimeField(default=common.clock.real)),
                ("claim", models.UUIDField(null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("attempts", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(default=common.clock.now)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "notification",
                    common.tenancy.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="jobs.notification",
                    ),
                ),
                (
                    "webhook",
                    common.tenancy.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="jobs.webhook",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["enterprise_id", "due_at", "id"],
                        name="delivery_due",
                    ),
                    models.Index(fields=["enterprise_id", "webhook", "-created_at", "-id"], name="delivery_log"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("enterprise_id", "webhook", "key"), name="delivery_event_once"),
                    models.UniqueConstraint(fields=("enterprise_id", "notification"), name="delivery_mail_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("channel", "mail"), ("notification__isnull", False), ("webhook", None)),
                            models.Q(("channel", "webhook"), ("notification", None), ("webhook__isnull", False)),
                            _connector="OR",
                        ),
                        name="delivery_of_one",
                    ),
                ],
            },
        ),
        TenantTable("Webhook"),
        TenantTable("NotificationPreference"),
        TenantTable("Delivery"),
        migrations.RunSQL(WAITING, "DROP FUNCTION enterprises_with_deliveries(timestamptz, integer)"),
    ]
