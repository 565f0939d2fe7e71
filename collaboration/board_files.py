"""The team board as a file."""

import io
from datetime import UTC

from django.http import HttpResponse
from django.utils.translation import gettext as _

from collaboration.queries.board import FIELDS, Board
from contacts.files.writers import open_writer
from enterprises import audit
from enterprises.actors import Actor


def as_csv(actor: Actor, found: Board) -> HttpResponse:
    """The members' figures, a row each, in the language of the moment. Who takes them along is written down."""
    if actor.looking is None:
        members = sum(len(team.members) for team in found.teams)
        audit.record(
            actor,
            "team_board.exported",
            subject_type="team_board",
            subject_label=f"{found.first} – {found.last}",
            after={"members": members},
        )
    titles = {
        "high": _("High value"),
        "middle": _("Middle value"),
        "low": _("Low value"),
        "silent": _("Inactive"),
        "added": _("New contacts"),
        "lost": _("Lost contacts"),
        "follow_ups": _("Follow-ups"),
        "asked": _("Waited for an answer"),
        "answered": _("Answered"),
        "in_minutes": _("Answered quickly"),
        "in_hours": _("Answered in time"),
    }
    stream = io.BytesIO()
    with open_writer("csv", stream, zone=UTC) as writer:
        writer.write_header([_("Department"), _("Member"), *(titles[name] for name in FIELDS), _("Response rate")])
        for team in found.teams:
            writer.write_rows(
                [team.name, one.name, *(getattr(one, name) for name in FIELDS), one.rate] for one in team.members
            )
    response = HttpResponse(stream.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="team-board_{found.first}_{found.last}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response
