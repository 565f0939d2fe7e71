"""`make bench`: the table of expected speed, as ratios in one run. ARGS="100000" measures one size only.

Sizes are numbers of contacts in one enterprise; both 100 000 and 1 000 000 when none is named. `--only` takes
some of: add import jobs lists sight search filters http pages export bulk timeline board handover.

With SCRM_DATA set to a folder the data stays there and is measured again the next time; else it is thrown away.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks import children, http, setup
from benchmarks.measure import Table, in_turns, seconds, show
from common.ids import uuid7

SECTIONS = ("add", "import", "jobs", "lists", "sight", "search", "filters", "http", "pages", "export")
SECTIONS += ("bulk", "timeline", "board", "handover")
MILLION = 1_000_000


class Bench:
    """One run: an enterprise of each size, and what is measured in it."""

    def __init__(self, only: list[str], folder: Path) -> None:
        self.only = only
        self.folder = folder
        self.table = Table()

    def wants(self, section: str) -> bool:
        return section in self.only

    def run(self, sizes: list[int]) -> None:
        if self.wants("add"):
            self.adding()
        for size in sizes:
            self.of_size(size)
        self.table.print()

    # --- One contact --------------------------------------------------------------------------------------

    def adding(self) -> None:
        from benchmarks import data

        enterprises = [data.enterprise(f"adding{number}") for number in range(8)]
        with children.clients() as rates:
            for label, chosen in (("one enterprise", enterprises[:1]), ("8 enterprises", enterprises)):
                ids = [enterprise.pk for enterprise in chosen]
                found = in_turns(lambda ids=ids: rates("ours", ids, 3), lambda ids=ids: rates("raw", ids, 3), 5)
                ours, theirs = (tuple(zip(*one, strict=True)) for one in found)
                work = f"add a contact, 8 clients, {label}"
                self.table.ratio(work, 0.5, ours[0], theirs[0], "a second")
                self.table.ratio(f"{work}: processors", 0.5, ours[1], theirs[1], "a second of work")

    # --- An enterprise of a size --------------------------------------------------------------------------

    def of_size(self, size: int) -> None:
        from benchmarks import crowd, data

        name = f"{size:,}".replace(",", " ")
        if self.wants("import"):
            people, orders = data.write_files(self.folder, size)
            (self._import_against_copy if size < MILLION else self._import_with_memory)(name, people, orders)
        self.enterprise = data.enterprise(f"size{size}")
        took = seconds(lambda: crowd.fill(self.enterprise, size))
        show(f"{name} contacts, filled by SQL", f"{took:.0f} s")
        _vacuum()
        if self.wants("jobs"):
            self._jobs(name)
        if self.wants("lists"):
            self._lists(name, size)
        if self.wants("http"):
            self._http(name)
        if self.wants("pages"):
            self._pages(name)
        if self.wants("export"):
            self._export(name)
        self._at_work(name, size)

    def _at_work(self, name: str, size: int) -> None:
        from benchmarks import crowd, team, work

        if self.wants("search"):
            work.search(self.table, self.enterprise, name)
        if self.wants("filters"):
            work.filters(self.table, self.enterprise, name)
        if self.wants("sight"):
            work.sight(self.table, self.enterprise, name)
        if self.wants("bulk"):
            work.bulk_work(self.table, self.enterprise, name, size)
        if self.wants("timeline") or self.wants("board"):
            crowd.interactions(self.enterprise, size)
        if self.wants("timeline"):
            work.timeline(self.table, self.enterprise, name)
        if self.wants("board"):
            team.board(self.table, self.enterprise, name)
        if self.wants("handover"):
            team.hand_over(self.table, self.enterprise, name, size)

    def _import_against_copy(self, name: str, people: Path, orders: Path) -> None:
        from benchmarks import data, raw

        def ours() -> tuple[Any, tuple[float, float]]:
            into = data.enterprise(f"import {uuid7()}")
            return into, (
                seconds(lambda: data.load(into, "contacts", people)),
                seconds(lambda: data.load(into, "purchases", orders)),
            )

        first, took = ours()
        show(f"import of {name}: seconds of contacts, of purchases", took)
        copies = raw.Copies(first.pk)
        _vacuum()

        def copied(keys: bool) -> float:
            copies.empty(keys=keys)
            return 1 / seconds(copies.fill)

        rates: dict[str, list[float]] = {"ours": [], "raw COPY": [], "COPY with foreign keys": []}
        for _round in range(3):
            rates["ours"].append(1 / sum(ours()[1]))
            rates["raw COPY"].append(copied(False))
            rates["COPY with foreign keys"].append(copied(True))
        copies.drop()
        mine = rates.pop("ours")
        for what, theirs in rates.items():
            self.table.ratio(f"import {name} contacts and purchases / {what}", 0.5, mine, theirs, "a second")

    def _import_with_memory(self, name: str, people: Path, orders: Path) -> None:
        from benchmarks import data

        into = data.enterprise(f"import {uuid7()}")
        for kind, path in (("contacts", people), ("purchases", orders)):
            result, took, memory = children.alone(children.import_file, into.pk, kind, str(path))
            found = f"{memory:.0f} MB more at the peak, {took:.0f} s, {result['rows'] / took:,.0f} rows a second"
            self.table.add(f"import {name} {kind}, memory", "< 400 MB", found, memory < 400)

    # --- Jobs ---------------------------------------------------------------------------------------------

    def _jobs(self, name: str) -> None:
        from benchmarks import data, raw
        from common.tenancy import tenant
        from contacts.rules import silent_since, spend_since
        from contacts.services.grading import grade_all
        from contacts.services.silence import tag_inactive
        from enterprises.services import policy

        with tenant(self.enterprise.pk):
            numbers = policy()
        params = {"e": self.enterprise.pk, "often": numbers.frequent_purchases}
        later = data.NOW + timedelta(days=150)
        silent = {**params, "since": silent_since(data.NOW, numbers)}
        spend = {**params, "since": spend_since(later, numbers)}
        with tenant(self.enterprise.pk):
            grade_all(data.NOW)  # so that what is measured is a night's change, not everything
        for label, ours, statements, values in (
            ("inactivity sweep", lambda: tag_inactive(data.NOW), raw.SWEEP, silent),
            ("grading", lambda: grade_all(later), (raw.GRADE,), spend),
        ):
            found = in_turns(
                lambda ours=ours: self._rolled_back(lambda cursor: ours()),
                lambda statements=statements, values=values: self._rolled_back(
                    lambda cursor: [cursor.execute(statement, values) for statement in statements]
                ),
                5,
            )
            self.table.ratio(f"{label}, {name} contacts / bare UPDATE", 0.9, *found, "a second")

    def _rolled_back(self, work: Callable[[Any], Any]) -> float:
        """How often a second; nothing is kept, and dead rows are cleared away outside of the time."""
        from django.db import connection, transaction

        from common.tenancy import tenant

        with tenant(self.enterprise.pk), connection.cursor() as cursor:
            took = seconds(lambda: work(cursor))
            transaction.set_rollback(True)
        _vacuum("contacts_contact")
        return 1 / took

    # --- Lists --------------------------------------------------------------------------------------------

    def _lists(self, name: str, size: int) -> None:
        from benchmarks import pages
        from common.paging import cursor_after
        from common.tenancy import tenant
        from contacts.models import Contact

        with tenant(self.enterprise.pk):
            before = Contact.objects.order_by("-added_at", "-id")[20 * 999 - 1]
            owner = before.owner_id
        api = pages.api(self.enterprise)
        root = "/api/v1/contacts?page_size=20"
        first = pages.cost(api, root)
        deep = pages.cost(api, f"{root}&cursor={cursor_after(before, '-added_at')}")
        found = {"first page": first, "1 000th page": deep}
        for label, query in (
            ("grade=high", "grade=high"),
            ("owner", f"owner={owner}"),
            ("inactive", "inactive=true"),
            ("search 王小", f"search={quote('王伟')}"),
            ("search of nobody", f"search={quote('欧阳')}"),
            ("by spend", "ordering=-spend"),
        ):
            found[label] = pages.cost(api, f"{root}&{query}")
        for label, cost in found.items():
            good = cost.status == 200 and cost.worked <= 30
            self.table.add(f"contacts as JSON, {name}: {label}", "<= 30 ms", str(cost), good)
        ratio = deep.worked / first.worked
        self.table.add(f"{name}: 1 000th page / first page", "<= 1.2", f"{ratio:.2f}", ratio <= 1.2)

    # --- Over HTTP ----------------------------------------------------------------------------------------

    def _http(self, name: str) -> None:
        from django.conf import settings

        from benchmarks import pages

        cookie = f"{settings.SESSION_COOKIE_NAME}={pages.console(self.enterprise).cookies['sessionid'].value}"
        bearer = {"Authorization": f"Bearer {pages.token(self.enterprise)}"}
        json_path, page_path = "/api/v1/contacts?page_size=20", f"/e/{self.enterprise.code}/contacts/?page_size=50"
        html = pages.cost(pages.console(self.enterprise), page_path, 1)
        environment = {"BENCH_ENTERPRISE": str(self.enterprise.pk)}
        with (
            http.served("scrm.wsgi:application") as product,
            http.served("benchmarks.bare:application", **environment) as bare,
        ):
            cases: list[tuple[str, str, dict[str, str], str]] = [("JSON, 20 rows", json_path, bearer, "/json")]
            if html.status == 200:
                cases.append(("HTML, 50 rows", page_path, {"Cookie": cookie}, "/page"))
                good = html.queries <= 12 and html.kilobytes <= 150
                self.table.add(f"contacts as HTML, {name}", "<= 12 q, 150 kB", str(html), good)
            else:
                self.table.add(f"contacts as HTML, {name}", "", f"no page yet ({html.status})")
            for label, path, headers, bare_path in cases:
                http.rate(product, path, headers, 2)
                http.rate(bare, bare_path, {}, 2)
                found = in_turns(
                    lambda path=path, headers=headers: http.rate(product, path, headers, 4),
                    lambda bare_path=bare_path: http.rate(bare, bare_path, {}, 4),
                    5,
                )
                self.table.ratio(f"contacts over HTTP, {name}: {label} / bare view", 0.35, *found, "a second")

    # --- The console --------------------------------------------------------------------------------------

    def _pages(self, name: str) -> None:
        from benchmarks import pages

        client = pages.console(self.enterprise)
        costs = {address: pages.cost(client, address, 5) for address in pages.console_addresses(self.enterprise.code)}
        shown = {address: cost for address, cost in costs.items() if cost.status == 200}
        for address, cost in sorted(shown.items(), key=lambda item: -item[1].worked):
            good = cost.worked <= 150 and cost.queries <= 15
            short = address.removeprefix(f"/e/{self.enterprise.code}")
            self.table.add(f"console, {name}: {short}", "<= 150 ms, 15 q", str(cost), good)

    # --- Export -------------------------------------------------------------------------------------------

    def _export(self, name: str) -> None:
        from benchmarks import data
        from common.tenancy import tenant
        from contacts.models import Contact

        with tenant(self.enterprise.pk):
            last = Contact.objects.order_by("added_at", "id")[50_000].added_at
        zone = timedelta(hours=8)
        for format in ("csv", "xlsx"):
            filter = {"added_before": f"{last + zone:%Y-%m-%dT%H:%M:%S}"}
            result, took, memory = children.alone(children.export_file, self.enterprise.pk, filter, format)
            found = f"{result['rows']} rows in {took:.1f} s, {memory:.0f} MB more at the peak"
            self.table.add(f"export of 50 000 of {name}, {format}", "<= 10 s", found, took <= 10)
        assert data


def _vacuum(table: str = "") -> None:
    """As autovacuum would, only now."""
    import psycopg

    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as connection:
        connection.execute(f"VACUUM (ANALYZE) {table}")  # type: ignore[arg-type]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[100_000, MILLION])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    arguments = parser.parse_args()
    began = time.monotonic()
    with setup.database(), tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments.only, Path(folder))
        bench.run(arguments.sizes)
    print(f"\n{time.monotonic() - began:.0f} s; load {os.getloadavg()}, {os.cpu_count()} processors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
