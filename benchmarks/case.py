"""The case of issue 2, told as calls of the REST API: who makes the calls is for `casestudy` and the tests to say.

A real retailer's year (UCI "Online Retail"): 4 372 customers are imported into 2 000 free places, a package is
bought, everybody is graded, the silent are found, the low-value ones are archived, and all is undone.
"""

import csv
import gzip
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "online_retail_invoices.csv.gz"
MISSING = f"The retailer's data is not part of the product and was not found at {DATA}"
MOMENT = "2011-12-10T00:00"
CUSTOMERS, INVOICES, FREE, TIER = 4372, 22190, 2000, 5000


class Api(Protocol):
    """One super admin at the REST API of a running instance, and the one who may start scheduled jobs there."""

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer's document; raises for other answers than 2xx. `path` behind /api/v1/."""

    def upload(self, path: str, filename: str, content: bytes, **fields: str) -> Any:
        """The same for a multipart form."""

    def fetch(self, url: str) -> bytes:
        """A file that an answer named."""

    def nightly(self, name: str, now: str | None = None) -> dict[str, Any]:
        """`manage.py run_job`: the result of a scheduled job, done at once as of `now`."""

    def finished(self, job: str) -> dict[str, Any]:
        """The job's document once it has ended."""


@dataclass(frozen=True)
class Line:
    """A line of the table: what was looked at, what it had to be and what it was."""

    step: str
    what: str
    expected: Any
    actual: Any

    @property
    def holds(self) -> bool:
        return bool(self.expected == self.actual)


@dataclass
class Case:
    """Plays the case and compares."""

    api: Api
    tell: Callable[[Line], None] = lambda line: None
    lines: list[Line] = field(default_factory=list)

    def play(self) -> bool:
        """Every step; did all numbers hold?"""
        customers, invoices = contacts_file(), purchases_file()
        self._quota("a verified enterprise", served=0, capacity=FREE, state="below")

        step = "import, as many as fit"
        run = self._import("customers.csv", customers, "contacts")
        self._counts(step, run, created=FREE, unchanged=0, refused=CUSTOMERS - FREE)
        self._is(step, "reasons", {"quota_exceeded": CUSTOMERS - FREE}, run["result"]["refusals"])
        self._is(step, "lines in the report", CUSTOMERS - FREE, self._report_lines(run))
        self._quota(step, served=FREE, capacity=FREE, state="at_capacity")
        self._is(step, "adding is allowed", False, self._actions()["add_contact"]["allowed"])

        step = "buy a package of 5 000"
        self.api.call("POST", "quota/packages", {"tier": TIER, "kind": "purchase"})
        self._quota(step, served=FREE, capacity=TIER, state="below")

        step = "import the same file again"
        run = self._import("customers.csv", customers, "contacts")
        self._counts(step, run, created=CUSTOMERS - FREE, unchanged=FREE, refused=0)
        self._quota(step, served=CUSTOMERS, capacity=TIER, state="below")

        step = "import the purchases"
        self._counts(step, self._import("orders.csv", invoices, "purchases"), created=INVOICES, unchanged=0, refused=0)
        step = "import the purchases again"
        self._counts(step, self._import("orders.csv", invoices, "purchases"), created=0, unchanged=INVOICES, refused=0)

        step = "grade"
        grades = self.api.nightly("contacts.grade", MOMENT)["grades"]
        self._is(step, "high / middle / low", (253, 1342, 2777), (grades["high"], grades["middle"], grades["low"]))
        self._is(step, "found by the filter grade=low", 2777, self._count("grade=low"))

        step = "tag the silent"
        self._is(step, "inactive", 865, self.api.nightly("contacts.tag_inactive", MOMENT)["inactive"])
        self._is(step, "found by the filter inactive=true", 865, self._count("inactive=true"))

        step = "archive grade=low"
        archive = self._job(self.api.call("POST", "contacts/bulk", {"action": "archive", "filter": {"grade": ["low"]}}))
        self._is(step, "places freed", 2777, archive["result"]["freed"])
        self._quota(step, served=1595, capacity=TIER, state="below")
        self._is(step, "fits the free 2 000", True, self.api.call("GET", "quota")["served"] <= FREE)

        step = "undo"
        undone = self._job(self.api.call("POST", f"jobs/{archive['id']}/undo"))
        self._is(step, "places taken", 2777, undone["result"]["taken"])
        self._quota(step, served=CUSTOMERS, capacity=TIER, state="below")
        self._is(step, "archived", 0, self._count("status=archived"))
        return all(line.holds for line in self.lines)

    # --- Asking -------------------------------------------------------------------------------------------

    def _import(self, filename: str, content: bytes, kind: str) -> dict[str, Any]:
        return self._job(self.api.upload("imports", filename, content, kind=kind, on_full="partial"))

    def _job(self, answer: dict[str, Any]) -> dict[str, Any]:
        job = self.api.finished(answer["job"])
        if job["state"] != "done":
            raise RuntimeError(f"{job['name']} ended as {job['state']}: {job['error']}")
        return job

    def _report_lines(self, job: dict[str, Any]) -> int:
        report = self.api.fetch(job["report_url"]).decode("utf-8-sig")
        return sum(1 for _row in csv.reader(io.StringIO(report))) - 1

    def _count(self, query: str) -> int:
        return self.api.call("GET", f"contacts?{query}&count=1&page_size=1")["count"]["value"]

    def _actions(self) -> dict[str, Any]:
        return self.api.call("GET", "quota")["actions"]

    # --- Comparing ----------------------------------------------------------------------------------------

    def _is(self, step: str, what: str, expected: Any, actual: Any) -> None:
        line = Line(step, what, expected, actual)
        self.lines.append(line)
        self.tell(line)

    def _counts(self, step: str, job: dict[str, Any], **expected: int) -> None:
        names = " / ".join(expected)
        self._is(step, names, tuple(expected.values()), tuple(job["result"][name] for name in expected))

    def _quota(self, step: str, *, served: int, capacity: int, state: str) -> None:
        quota = self.api.call("GET", "quota")
        found = quota["served"], quota["capacity"], quota["state"]
        self._is(step, "served / capacity / state", (served, capacity, state), found)
        checked = self.api.nightly("quota.verify")
        found = checked["ledger"], checked["counter"], checked["contacts"]
        self._is(step, "ledger sum = counter = contacts", (served,) * 3, found)


def contacts_file() -> bytes:
    """The customers as an import file: added with their first purchase, in that order."""
    first: dict[str, str] = {}
    for row in _invoices():
        number, moment = row["customer"], row["purchased_at"]
        first[number] = min(moment, first.get(number, moment))
    people = sorted(first.items(), key=lambda person: (person[1], person[0]))
    header = ("external_userid", "name", "added_at")
    return _csv(header, ((number, f"客户{number}", moment) for number, moment in people))


def purchases_file() -> bytes:
    """The invoices as an import file, amounts one to one in CNY."""
    rows = ((row["customer"], row["invoice"], row["purchased_at"], row["amount_gbp"]) for row in _invoices())
    return _csv(("external_userid", "order_no", "paid_at", "amount"), rows)


def _invoices() -> Iterator[dict[str, str]]:
    with gzip.open(DATA, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _csv(header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()
