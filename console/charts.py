"""Charts that more than one page draws, each with the same numbers as a table for who cannot see it."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.formats import number_format


def bars(
    column: str, rows: Sequence[Sequence[Any]], labels: list[str], kinds: Iterable[tuple[str, str]], *, stack: str = ""
) -> dict[str, Any]:
    """A number of each kind by period. `rows`: the period, then its numbers; `kinds`: name and colour of each kind.

    `column` heads the periods in the table. With `stack` the kinds of a period stand on each other.
    """
    kinds = list(kinds)
    names = [name for name, _colour in kinds]
    stacked = {"stack": stack} if stack else {}
    series = [
        {
            "type": "bar",
            **stacked,
            "name": name,
            "color": colour,
            "barMaxWidth": 24,
            "data": [row[number] for row in rows],
        }
        for number, (name, colour) in enumerate(kinds, start=1)
    ]
    return {
        "option": {
            "legend": {"data": names},
            "tooltip": {"trigger": "axis"},
            "xAxis": {"type": "category", "data": labels},
            "yAxis": {"type": "value", "minInterval": 1},
            "series": series,
        },
        "columns": [column, *names],
        "rows": [
            [label, *(number_format(number, force_grouping=True) for number in row[1:])]
            for label, row in zip(labels, rows, strict=True)
        ],
    }
