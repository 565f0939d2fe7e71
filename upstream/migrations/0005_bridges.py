"""Connections with enterprises of this installation, and the functions that see over the wall for them (U11).

Each takes the caller from the wall's own setting, and touches only what a connection opens that the upstream offered,
the caller redeemed, and neither ended. Attacked in tests/upstream/test_bridge_attacks.py.
"""

import django.db.models.deletion
import uuid_utils.compat
from django.db import migrations, models

import common.clock
import common.tenancy
from common.postgres.operations import TenantTable

# One code, one enterprise, once: the row decides, whoever else has the code at the same moment.
JOIN = """
CREATE FUNCTION bridge_join(host uuid, code_digest text, moment timestamptz)
RETURNS TABLE (bridge uuid, space_name text, partner_name text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH taken AS (
        UPDATE public.upstream_bridge b
        SET peer_id = current_setting('app.enterprise_id')::uuid, joined_at = moment
        WHERE b.enterprise_id = host AND b.digest = code_digest
          AND b.peer_id IS NULL AND b.ended_at IS NULL AND b.expires_at > moment
          AND b.enterprise_id <> current_setting('app.enterprise_id')::uuid
          AND EXISTS (SELECT FROM public.enterprises_enterprise e WHERE e.id = host AND e.status = 'active')
        RETURNING b.id, b.partner_id
    )
    SELECT taken.id, s.name::text, p.name::text
    FROM taken
    JOIN public.upstream_partner p ON p.enterprise_id = host AND p.id = taken.partner_id
    JOIN public.upstream_space s ON s.enterprise_id = host AND s.id = p.space_id
$$;
REVOKE ALL ON FUNCTION bridge_join(uuid, text, timestamptz) FROM PUBLIC;
"""

# The downstream ends what it joined; nobody else's.
LEAVE = """
CREATE FUNCTION bridge_leave(host uuid, joined uuid, moment timestamptz) RETURNS SETOF uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE public.upstream_bridge b
    SET ended_at = moment, ended_by = 'downstream'
    WHERE b.enterprise_id = host AND b.id = joined AND b.ended_at IS NULL
      AND b.peer_id = current_setting('app.enterprise_id')::uuid
    RETURNING b.id
$$;
REVOKE ALL ON FUNCTION bridge_leave(uuid, uuid, timestamptz) FROM PUBLIC;
"""

# Which spaces the caller is in elsewhere: names, and how many people of its own.
SPACES = """
CREATE FUNCTION joined_spaces()
RETURNS TABLE (joined uuid, space_name text, purpose text, partner_name text, people integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT j.id, s.name::text, s.purpose::text, p.name::text, p.contact_count
    FROM public.upstream_joinedspace j
    JOIN public.upstream_bridge b
      ON b.enterprise_id = j.host_id AND b.id = j.bridge AND b.peer_id = j.enterprise_id AND b.ended_at IS NULL
    JOIN public.upstream_partner p ON p.enterprise_id = b.enterprise_id AND p.id = b.partner_id
    JOIN public.upstream_space s ON s.enterprise_id = b.enterprise_id AND s.id = p.space_id
    WHERE j.enterprise_id = current_setting('app.enterprise_id')::uuid AND j.ended_at IS NULL
$$;
REVOKE ALL ON FUNCTION joined_spaces() FROM PUBLIC;
"""

# What a partner may see of one of them, and no more: its own people, whom it may write to (upstream.rules.visibility),
# what is shared with it (upstream.services.shares), the names of other partners where the space is open. Of subgroups
# it learns nothing (U3); they only decide. Each list is those whose name has the `words`, 200 and one that says that
# there are more; `only_share` leaves one share.
SPACE = """
CREATE FUNCTION joined_space(wanted uuid, words text DEFAULT '', only_share uuid DEFAULT NULL)
RETURNS TABLE (people jsonb, contacts jsonb, shares jsonb, partners jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH RECURSIVE me AS (
        SELECT b.enterprise_id AS host, p.id AS partner, s.id AS space, s.series_id AS series, s.partners_open AS open
        FROM public.upstream_joinedspace j
        JOIN public.upstream_bridge b
          ON b.enterprise_id = j.host_id AND b.id = j.bridge AND b.peer_id = j.enterprise_id AND b.ended_at IS NULL
        JOIN public.enterprises_enterprise e ON e.id = b.enterprise_id AND e.status = 'active'
        JOIN public.upstream_partner p ON p.enterprise_id = b.enterprise_id AND p.id = b.partner_id
        JOIN public.upstream_space s ON s.enterprise_id = b.enterprise_id AND s.id = p.space_id
        WHERE j.enterprise_id = current_setting('app.enterprise_id')::uuid AND j.id = wanted AND j.ended_at IS NULL
    ),
    above AS (
        SELECT g.subgroup_id AS id FROM me, public.upstream_partnerplace g
        WHERE g.enterprise_id = me.host AND g.partner_id = me.partner
        UNION
        SELECT g.parent_id FROM me, above, public.upstream_subgroup g
        WHERE g.enterprise_id = me.host AND g.id = above.id AND g.parent_id IS NOT NULL
    ),
    seats AS (
        SELECT s.id AS seat, m.id AS member, m.name, m.department_id AS department
        FROM me, public.upstream_spacemember s, public.enterprises_member m
        WHERE s.enterprise_id = me.host AND s.space_id = me.space
          AND m.enterprise_id = me.host AND m.id = s.member_id AND m.status = 'active'
    ),
    departments AS (
        SELECT member, department FROM seats WHERE department IS NOT NULL
        UNION
        SELECT b.member, d.parent_id FROM me, departments b, public.enterprises_department d
        WHERE d.enterprise_id = me.host AND d.id = b.department AND d.parent_id IS NOT NULL
    ),
    ends AS (
        SELECT e.* FROM me, public.upstream_correspondencerule r, public.upstream_ruleend e
        WHERE r.enterprise_id = me.host AND r.space_id = me.space AND e.enterprise_id = me.host AND e.rule_id = r.id
    ),
    mine AS (
        SELECT DISTINCT e.rule_id FROM me, ends e
        WHERE e.partner_id = me.partner OR e.subgroup_id IN (SELECT id FROM above)
    ),
    theirs AS (
        SELECT e.rule_id, s.member FROM ends e JOIN seats s ON s.member = e.member_id
        UNION
        SELECT e.rule_id, d.member FROM ends e JOIN departments d ON d.department = e.department_id
    ),
    visible AS (
        SELECT s.* FROM seats s, me
        WHERE (NOT EXISTS (SELECT FROM public.upstream_subgroupmember n
                           WHERE n.enterprise_id = me.host AND n.seat_id = s.seat)
               OR EXISTS (SELECT FROM public.upstream_subgroupmember n
                          WHERE n.enterprise_id = me.host AND n.seat_id = s.seat
                            AND n.subgroup_id IN (SELECT id FROM above)))
          AND (s.member IN (SELECT t.member FROM theirs t JOIN mine m ON m.rule_id = t.rule_id)
               OR (NOT EXISTS (SELECT FROM mine) AND s.member NOT IN (SELECT member FROM theirs)))
    )
    SELECT
        (SELECT coalesce(jsonb_agg(to_jsonb(found)), '[]') FROM (
            SELECT r.name, c.title, c.leader, c.joined_at
            FROM public.upstream_partnercontact c
            JOIN public.upstream_person r ON r.enterprise_id = me.host AND r.id = c.person_id
            WHERE c.enterprise_id = me.host AND c.partner_id = me.partner
              AND position(lower(words) IN lower(r.name)) > 0
            ORDER BY c.joined_at, c.id LIMIT 201) AS found),
        (SELECT coalesce(jsonb_agg(to_jsonb(found)), '[]') FROM (
            SELECT v.name, coalesce(d.name, '') AS department
            FROM visible v
            LEFT JOIN public.enterprises_department d ON d.enterprise_id = me.host AND d.id = v.department
            WHERE position(lower(words) IN lower(v.name)) > 0
            ORDER BY v.name, v.member LIMIT 201) AS found),
        (SELECT coalesce(jsonb_agg(to_jsonb(found)), '[]') FROM (
            SELECT s.id, s.kind, s.title, s.note, s.url, s.starts_at, s.created_at, s.file_name, s.size, s.file
            FROM public.upstream_share s
            WHERE s.enterprise_id = me.host AND s.withdrawn_at IS NULL
              AND ((s.space_id = me.space AND (s.subgroup_id IS NULL OR s.subgroup_id IN (SELECT id FROM above)))
                   OR s.series_id = me.series)
              AND position(lower(words) IN lower(s.title)) > 0 AND (only_share IS NULL OR s.id = only_share)
            ORDER BY s.created_at DESC, s.id DESC LIMIT 201) AS found),
        (SELECT coalesce(jsonb_agg(found.name), '[]') FROM (
            SELECT p.name FROM public.upstream_partner p
            WHERE me.open AND p.enterprise_id = me.host AND p.space_id = me.space AND p.id <> me.partner
              AND position(lower(words) IN lower(p.name)) > 0
            ORDER BY p.name, p.id LIMIT 201) AS found)
    FROM me
$$;
REVOKE ALL ON FUNCTION joined_space(uuid, text, uuid) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("enterprises", "0003_people"),
        ("upstream", "0004_sharing"),
    ]

    operations = [
        migrations.CreateModel(
            name="Bridge",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("enterprise_id", models.UUIDField(default=common.tenancy.current_enterprise_id, editable=False)),
                ("digest", models.CharField(editable=False, max_length=64)),
                ("created_at", models.DateTimeField(default=common.clock.now)),
                ("expires_at", models.DateTimeField(verbose_name="expires")),
                ("joined_at", models.DateTimeField(null=True, verbose_name="joined")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                (
                    "ended_by",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("upstream", "The enterprise of the space"),
                            ("downstream", "The partner's enterprise"),
                        ],
                        max_length=10,
                    ),
                ),
                ("heard", models.CharField(blank=True, editable=False, max_length=6)),
                (
                    "created_by",
                    common.tenancy.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="enterprises.member",
                    ),
                ),
                (
                    "partner",
                    common.tenancy.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bridges",
                        to="upstream.partner",
                    ),
                ),
                (
                    "peer",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="enterprises.enterprise",
                    ),
                ),
            ],
            options={
                "verbose_name": "connection with a partner",
                "ordering": ("-created_at", "-id"),
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [models.Index(fields=["enterprise_id", "partner"], name="bridge_partner")],
                "constraints": [
                    models.UniqueConstraint(fields=("enterprise_id", "digest"), name="bridge_digest"),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)), fields=("enterprise_id", "partner"), name="bridge_live"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("joined_at", None), ("peer", None)),
                            models.Q(("joined_at__isnull", False), ("peer__isnull", False)),
                            _connector="OR",
                        ),
                        name="bridge_joined",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("peer", None),
                            models.Q(("peer", models.F("enterprise_id")), _negated=True),
                            _connector="OR",
                        ),
                        name="bridge_other",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="JoinedSpace",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("enterprise_id", models.UUIDField(default=common.tenancy.current_enterprise_id, editable=False)),
                ("bridge", models.UUIDField(editable=False)),
                ("space_name", models.CharField(max_length=64, verbose_name="space")),
                ("partner_name", models.CharField(max_length=128, verbose_name="as partner")),
                ("joined_at", models.DateTimeField(default=common.clock.now, verbose_name="joined")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                (
                    "ended_by",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("upstream", "The enterprise of the space"),
                            ("downstream", "The partner's enterprise"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "host",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="enterprises.enterprise",
                    ),
                ),
                (
                    "joined_by",
                    common.tenancy.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="enterprises.member",
                    ),
                ),
            ],
            options={
                "verbose_name": "joined space",
                "ordering": ("-joined_at", "-id"),
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [models.Index(fields=["enterprise_id", "joined_at", "id"], name="joined_space_joined")],
                "constraints": [
                    models.UniqueConstraint(fields=("enterprise_id", "bridge"), name="joined_space_bridge")
                ],
            },
        ),
        TenantTable("Bridge"),
        TenantTable("JoinedSpace"),
        migrations.RunSQL(JOIN, "DROP FUNCTION bridge_join(uuid, text, timestamptz)"),
        migrations.RunSQL(LEAVE, "DROP FUNCTION bridge_leave(uuid, uuid, timestamptz)"),
        migrations.RunSQL(SPACES, "DROP FUNCTION joined_spaces()"),
        migrations.RunSQL(SPACE, "DROP FUNCTION joined_space(uuid, text, uuid)"),
    ]
