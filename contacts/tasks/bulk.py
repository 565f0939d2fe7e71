"""The jobs of bulk work, one for each action and one for each undo; one handler does them all."""

from contacts.services.bulk.actions import BY_JOB
from contacts.services.bulk.selection import forget
from contacts.services.bulk.work import run
from jobs import registry

for action in BY_JOB.values():
    registry.job(
        action.job,
        label=action.label,
        undo=action.undo,
        permission=action.permission,
        guard=registry.needs("contacts.view"),
    )(run)

registry.BEFORE_REMOVAL.append(forget)
