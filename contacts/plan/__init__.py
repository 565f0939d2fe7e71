"""The plan (Q16): what it costs to keep everybody, and whose archiving makes a smaller scale enough.

* `rules`: the decisions; pure. `candidates`: who could be archived, least loss first, by SQL. `reading`: the plan.
* `contacts.services.plan` carries it out.

It stands here and not in `quota`, because it asks what contacts are worth.
"""
