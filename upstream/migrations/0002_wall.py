"""The tables go behind the wall; who sees which partners, as a set."""

from django.db import migrations

from common.postgres.operations import TenantTable

SEEN = """
CREATE FUNCTION upstream_seen_partners(viewer uuid) RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
    -- The partners that a member sees in all the spaces they are in (U6): upstream.rules.visibility.decide as a set.
    WITH RECURSIVE scope AS (SELECT current_setting('app.enterprise_id')::uuid AS enterprise),
    seats AS (
        SELECT s.id, s.space_id,
               EXISTS (SELECT FROM upstream_subgroupmember g
                       WHERE g.enterprise_id = s.enterprise_id AND g.seat_id = s.id) AS narrowed
        FROM upstream_spacemember s, scope WHERE s.enterprise_id = enterprise AND s.member_id = viewer
    ),
    departments AS (
        SELECT m.department_id AS id FROM enterprises_member m, scope
        WHERE m.enterprise_id = enterprise AND m.id = viewer AND m.department_id IS NOT NULL
        UNION
        SELECT d.parent_id FROM departments b, enterprises_department d, scope
        WHERE d.enterprise_id = enterprise AND d.id = b.id AND d.parent_id IS NOT NULL
    ),
    above AS (
        SELECT g.id AS below, g.id AS subgroup_id FROM upstream_subgroup g, scope
        WHERE g.enterprise_id = enterprise AND g.space_id IN (SELECT space_id FROM seats)
        UNION
        SELECT a.below, g.parent_id FROM above a, upstream_subgroup g, scope
        WHERE g.enterprise_id = enterprise AND g.id = a.subgroup_id AND g.parent_id IS NOT NULL
    ),
    placed AS (
        SELECT DISTINCT p.partner_id, a.subgroup_id FROM upstream_partnerplace p, above a, scope
        WHERE p.enterprise_id = enterprise AND p.subgroup_id = a.below
    ),
    ends AS (
        SELECT r.space_id, e.* FROM upstream_correspondencerule r, upstream_ruleend e, scope
        WHERE r.enterprise_id = enterprise AND r.space_id IN (SELECT space_id FROM seats)
          AND e.enterprise_id = enterprise AND e.rule_id = r.id
    ),
    mine AS (
        SELECT DISTINCT rule_id, space_id FROM ends
        WHERE member_id = viewer OR department_id IN (SELECT id FROM departments)
    ),
    theirs AS (
        SELECT e.rule_id, e.partner_id FROM ends e WHERE e.partner_id IS NOT NULL
        UNION
        SELECT e.rule_id, p.partner_id FROM ends e JOIN placed p ON p.subgroup_id = e.subgroup_id
    ),
    narrowing AS (
        SELECT DISTINCT p.partner_id FROM placed p
        JOIN upstream_subgroupmember g ON g.subgroup_id = p.subgroup_id
        JOIN seats s ON s.id = g.seat_id, scope WHERE g.enterprise_id = enterprise
    ),
    joined AS (SELECT DISTINCT t.partner_id FROM theirs t JOIN mine m ON m.rule_id = t.rule_id),
    named AS (SELECT DISTINCT partner_id FROM theirs)
    SELECT p.id FROM upstream_partner p JOIN seats s ON s.space_id = p.space_id, scope
    WHERE p.enterprise_id = enterprise
      AND (NOT s.narrowed OR p.id IN (SELECT partner_id FROM narrowing))
      AND (p.id IN (SELECT partner_id FROM joined)
           OR (p.space_id NOT IN (SELECT space_id FROM mine) AND p.id NOT IN (SELECT partner_id FROM named)))
$$;
"""

SUBTREE = """
CREATE FUNCTION subgroup_subtree(roots uuid[]) RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
    -- The subgroups and all below them, in the enterprise in scope (U3).
    WITH RECURSIVE tree AS (
        SELECT g.id FROM upstream_subgroup g
        WHERE g.enterprise_id = current_setting('app.enterprise_id')::uuid AND g.id = ANY (roots)
        UNION
        SELECT g.id FROM upstream_subgroup g JOIN tree ON g.parent_id = tree.id
        WHERE g.enterprise_id = current_setting('app.enterprise_id')::uuid
    )
    SELECT id FROM tree
$$;
"""


class Migration(migrations.Migration):
    dependencies = (
        ("upstream", "0001_initial"),
        ("enterprises", "0002_wall"),
        ("contacts", "0003_wall"),
    )

    operations = (
        TenantTable("SpaceAccount"),
        TenantTable("Series"),
        TenantTable("Space"),
        TenantTable("Subgroup"),
        TenantTable("Partner"),
        TenantTable("PartnerPlace"),
        TenantTable("Person"),
        TenantTable("CustomerLink"),
        TenantTable("PartnerContact"),
        TenantTable("SpaceMember"),
        TenantTable("SubgroupMember"),
        TenantTable("CorrespondenceRule"),
        TenantTable("RuleEnd"),
        migrations.RunSQL(SUBTREE, "DROP FUNCTION subgroup_subtree(uuid[])"),
        migrations.RunSQL(SEEN, "DROP FUNCTION upstream_seen_partners(uuid)"),
    )
