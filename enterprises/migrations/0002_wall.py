"""The tables go behind the wall; the functions that everything set-based and the log-in lean on."""

from django.db import migrations

from common.postgres.operations import TenantForeignKeys, TenantTable

UUID7 = """
CREATE FUNCTION uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    -- UUIDv7 for set-based inserts: 48 bits of milliseconds over a random UUID, version bits set to 7.
    SELECT encode(
        set_bit(set_bit(
            overlay(uuid_send(gen_random_uuid())
                PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                FROM 1 FOR 6),
            52, 1), 53, 1), 'hex')::uuid
$$;
"""

MEMBERSHIPS = """
CREATE FUNCTION memberships_of(person uuid)
RETURNS TABLE (enterprise_id uuid, code varchar, name varchar, role varchar)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    -- Runs as the owner, so it sees over the wall: it tells one person where they themselves belong, no more.
    SELECT e.id, e.code, e.name, r.name
    FROM enterprises_member m
    JOIN enterprises_enterprise e ON e.id = m.enterprise_id
    JOIN enterprises_role r ON r.enterprise_id = m.enterprise_id AND r.id = m.role_id
    WHERE m.user_id = person AND m.status = 'active' AND e.status = 'active'
$$;
"""

SUBTREE = """
CREATE FUNCTION department_subtree(roots uuid[]) RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
    -- The departments and all below them, in the enterprise in scope (O4).
    WITH RECURSIVE tree AS (
        SELECT d.id FROM enterprises_department d
        WHERE d.enterprise_id = current_setting('app.enterprise_id')::uuid AND d.id = ANY (roots)
        UNION
        SELECT d.id FROM enterprises_department d JOIN tree ON d.parent_id = tree.id
        WHERE d.enterprise_id = current_setting('app.enterprise_id')::uuid
    )
    SELECT id FROM tree
$$;
"""


class Migration(migrations.Migration):
    dependencies = (("enterprises", "0001_initial"),)

    operations = (
        migrations.RunSQL(UUID7, "DROP FUNCTION uuid7()"),
        TenantTable("PolicyRecord"),
        TenantTable("Role"),
        TenantTable("Department", later=("leader",)),
        TenantTable("Member"),
        TenantForeignKeys("Department", ("leader",)),
        TenantTable("AdminRange"),
        TenantTable("ApiToken"),
        TenantTable("AuditEntry"),
        TenantTable("IdempotencyRecord"),
        migrations.RunSQL(MEMBERSHIPS, "DROP FUNCTION memberships_of(uuid)"),
        migrations.RunSQL(SUBTREE, "DROP FUNCTION department_subtree(uuid[])"),
    )
