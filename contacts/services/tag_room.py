"""How many tags a relation takes: WeCom has a limit (C13), and whatever puts tags on asks here.

Who asks has locked the contacts in a statement before (`steps.lock_all`), as all do that put tags on: of two at once
the second counts what the first put on.
"""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict
from common.sql import rows
from common.tenancy import current_enterprise_id
from contacts.models import Follow, Tag
from contacts.rules import MOST_TAGS_OF_A_FOLLOW


def beside(follow: str, tags: str = "'{}'::uuid[]") -> str:
    """SQL: how many tags the relation takes besides what it wears; those of `tags` are not counted as worn."""
    return f"""({MOST_TAGS_OF_A_FOLLOW} - (
        SELECT count(*) FROM contacts_followtag AS counted WHERE counted.enterprise_id = %(enterprise)s
           AND counted.follow_id = {follow} AND counted.tag_id <> ALL ({tags})))"""  # noqa: S608 - SQL of ours


def require(follow: Follow, tags: Sequence[Tag]) -> None:
    """Raise Conflict too_many_tags when the relation cannot wear these as well."""
    params = {"enterprise": current_enterprise_id(), "follow": follow.pk, "tags": [tag.pk for tag in tags]}
    if rows(f"SELECT WHERE cardinality(%(tags)s::uuid[]) > {beside('%(follow)s', '%(tags)s::uuid[]')}", params):
        raise too_many()


def too_many() -> Conflict:
    """What is said where a relation would wear more than WeCom takes."""
    return Conflict(
        _("A member can put at most %(limit)s tags on one contact.") % {"limit": MOST_TAGS_OF_A_FOLLOW},
        code="too_many_tags",
        limit=MOST_TAGS_OF_A_FOLLOW,
    )
