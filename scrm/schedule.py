"""The schedule, in one place: what runs when.

Times of jobs are those of each enterprise (":07" is every hour); from then on the enterprises follow spread over
some minutes, and never at the full hour, when everybody else's jobs run. Every few minutes a tick looks who is due;
a missed tick is made up by the next. Messages that nobody fetched before the next tick are dropped.
"""

from typing import Any

from celery.schedules import schedule

TICK = 300  # seconds
SWEEP = 15
MINUTE = 60

# (job, from, spread over minutes)
JOBS = (
    ("quota.expire", ":07", 40),
    ("quota.notify", ":17", 40),
    ("collaboration.settle_transfers", ":23", 20),
    ("quota.forecast", "00:37", 60),
    ("collaboration.board", ":37", 20),
    ("collaboration.radar", "03:43", 60),
    ("collaboration.expire_grants", ":19", 30),
    ("contacts.grade", "02:11", 90),
    ("contacts.tag_inactive", "03:17", 60),
    ("contacts.index", "04:07", 60),
    ("contacts.tag_rules", "04:23", 60),
    ("contacts.warn_silence", "08:41", 30),
    ("quota.verify", "04:37", 60),
    ("contacts.compare_platform", "04:41", 60),
    ("contacts.sweep_files", "04:53", 60),
    ("contacts.forget", "05:03", 60),
    ("upstream.expire_invitations", "08:31", 60),
    ("upstream.follow", "05:33", 60),
    ("jobs.clean_up", "05:13", 120),
)

# Work with due times of its own: looked for every minute, and only enterprises that have some get a run.
WAITING = ("contacts.remind", "contacts.clean_up", "upstream.send_due_messages")

SCHEDULE: dict[str, dict[str, Any]] = {
    "sweep": {"task": "jobs.sweep", "schedule": schedule(SWEEP), "options": {"expires": SWEEP}},
    **{
        name: {
            "task": "jobs.fan_out",
            "args": [name, at, spread],
            "schedule": schedule(TICK),
            "options": {"expires": TICK},
        }
        for name, at, spread in JOBS
    },
    **{
        name: {
            "task": "jobs.fan_out_waiting",
            "args": [name],
            "schedule": schedule(MINUTE),
            "options": {"expires": MINUTE},
        }
        for name in WAITING
    },
}
