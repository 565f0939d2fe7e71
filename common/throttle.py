"""So many tries in a while: for what anybody may do without having logged in."""

from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal


class TooOften(Refusal):
    """Somebody tries too often; waiting helps."""

    status = 429
    code = "throttled"
    title = _("Too many tries")


def consume(scope: str, who: str, *, limit: int, seconds: int) -> None:
    """Count a try of `who`; raises TooOften beyond `limit` within `seconds` of the first."""
    key = f"throttle:{scope}:{who}"
    cache.add(key, 0, timeout=seconds)
    try:
        tries = cache.incr(key)
    except ValueError:  # it ran out between the two lines
        tries = 1
    if tries > limit:
        raise TooOften(_("Please wait a while, then try again."))
