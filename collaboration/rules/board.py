"""Rules of the team board (O10)."""

from datetime import timedelta

# Somebody who wrote and was not answered for so long waits anew when they write again.
ANEW = timedelta(days=7)
