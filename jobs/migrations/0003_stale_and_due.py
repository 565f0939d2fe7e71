"""What the sweeper and the schedule ask across enterprises, once for all of them instead of once for each."""

import django.db.models.deletion
from django.db import migrations, models

import common.clock
import common.tenancy

# When is an open run looked after by nobody? Queued: the time its message may take doubles up to ten minutes.
STALE = """
CREATE FUNCTION job_is_stale(
    state text, created timestamptz, dispatched timestamptz, heartbeat timestamptz, moment timestamptz, lease interval
) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE state
        WHEN 'queued' THEN dispatched < moment - least(greatest(dispatched - created, lease), interval '10 minutes')
        WHEN 'running' THEN heartbeat < moment - lease
        ELSE false
    END
$$;
"""

# Run as the owner, so they see over the wall: ids of enterprises and runs, and nothing else, come through.
STALE_RUNS = """
CREATE FUNCTION stale_job_runs(moment timestamptz, lease interval, most integer)
RETURNS TABLE (enterprise_id uuid, run_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.enterprise_id, r.id
    FROM public.jobs_jobrun r JOIN public.enterprises_enterprise e ON e.id = r.enterprise_id
    WHERE r.state IN ('queued', 'running') AND e.status = 'active'
      AND public.job_is_stale(r.state, r.created_at, r.dispatched_at, r.heartbeat_at, moment, lease)
    ORDER BY r.dispatched_at, r.id
    LIMIT most
$$;
REVOKE ALL ON FUNCTION stale_job_runs(timestamptz, interval, integer) FROM PUBLIC;
"""

# `share` (0 to 1) of the enterprises of a time zone, always the same ones first, that have no run of the window.
DUE = """
CREATE FUNCTION enterprises_due(
    job text, run_key text, zone text, share double precision, after uuid, most integer
) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.id
    FROM public.enterprises_enterprise e
    WHERE e.status = 'active' AND e.timezone = zone AND e.id > after
      AND (hashtextextended(e.id::text || job, 0) & 1023) < share * 1024
      AND NOT EXISTS (
          SELECT FROM public.jobs_jobrun r WHERE r.enterprise_id = e.id AND r.name = job AND r.key = run_key)
    ORDER BY e.id
    LIMIT most
$$;
REVOKE ALL ON FUNCTION enterprises_due(text, text, text, double precision, uuid, integer) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = (("jobs", "0002_wall"),)

    operations = (
        migrations.AlterField("jobrun", "dispatched_at", models.DateTimeField(default=common.clock.real)),
        migrations.AlterField(
            "jobrun",
            "undoes",
            common.tenancy.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="undone_by",
                to="jobs.jobrun",
            ),
        ),
        migrations.RunSQL(
            STALE,
            "DROP FUNCTION job_is_stale(text, timestamptz, timestamptz, timestamptz, timestamptz, interval)",
        ),
        migrations.RunSQL(STALE_RUNS, "DROP FUNCTION stale_job_runs(timestamptz, interval, integer)"),
        migrations.RunSQL(DUE, "DROP FUNCTION enterprises_due(text, text, text, double precision, uuid, integer)"),
    )
