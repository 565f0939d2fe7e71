"""U11: connecting two enterprises by console and API, from the code to the end."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from common.tenancy import tenant
from tests import factories
from tests.upstream.test_bridges import Sides
from upstream.models import Bridge, JoinedSpace, PartnerContact, ShareOpen
from upstream.services import bridges, shares, spaces

pytestmark = pytest.mark.django_db


@pytest.fixture
def sides(enterprise, other_enterprise) -> Sides:
    return Sides(enterprise, other_enterprise)


def console(actor) -> Client:
    client = Client()
    client.force_login(actor.member.user)
    client.cookies["language"] = "en"
    return client


def test_u11_from_the_code_on_the_partner_s_page_to_what_is_shared_and_the_end(sides):
    upload = SimpleUploadedFile("报价.html", b"<script>alert(1)</script>")
    sides.share(title="价目表", space=sides.space)
    sides.share(title="报价文件", space=sides.space, kind="file", url="", file=upload)
    ours, theirs = console(sides.admin), console(sides.boss)
    partner = f"/e/{sides.up.code}/partners/{sides.partner.pk}/"
    page = ours.post(f"{partner}connection/").content.decode()
    code = re.search(rf"{sides.up.code}-\w{{24}}", page)[0]
    assert code not in ours.get(f"{partner}connection/").content.decode(), "shown once"
    home = f"/e/{sides.down.code}/joined-spaces/"
    wrong = theirs.post(home, {"code": code[:-1]})
    assert wrong.status_code == 400 and "This code does not work" in wrong.content.decode()
    answer = theirs.post(home, {"code": code})
    assert answer.status_code == 302
    inside = theirs.get(answer["Location"]).content.decode()
    assert all(word in inside for word in ("价目表", "报价文件", "王小明", "澜语", sides.up.name))
    assert not any(word in inside for word in ("密组", "对手", "13812345678"))
    assert "品牌空间" in theirs.get(home).content.decode()
    assert f"Connected: {sides.down.name}" in ours.get(partner).content.decode()
    links = re.findall(rf'href="({home}[^"]+/shares/[^"]+)"', inside)
    file, link = (theirs.get(url) for url in links)
    assert b"".join(file.streaming_content) == b"<script>alert(1)</script>"
    assert file["Content-Type"] == "application/octet-stream" and "attachment" in file["Content-Disposition"]
    assert (link.status_code, link["Location"]) == (302, "https://example.com/a")
    assert ours.post(f"{partner}connection/end/").status_code == 302
    assert theirs.get(links[1]).status_code == 404
    ended = theirs.get(answer["Location"]).content.decode()
    assert "This connection is ended" in ended and "价目表" not in ended


def test_u11_a_joined_enterprise_that_opens_something_is_counted_as_one_with_how_often(sides):
    sides.share(title="价目表", space=sides.space)
    joined = sides.connect()
    with tenant(sides.up.pk):
        [share] = shares.shared_with(sides.partner)
        person = PartnerContact.objects.get(partner=sides.partner).person
        shares.count_open(share, person)
    client = console(sides.boss)
    inside = f"/e/{sides.down.code}/joined-spaces/{joined.pk}/"
    client.get(inside)  # to see it is not to open it
    for _time in range(2):
        assert client.get(f"{inside}shares/{share.pk}/").status_code == 302
    [listed] = factories.api_client(sides.up).get("/api/v1/shares").json()["results"]
    assert (listed["people"], listed["opens"]) == (2, 3)
    with tenant(sides.down.pk):
        clerk = factories.member(role=factories.role("spaces.view"))
    assert client.post(f"/e/{sides.down.code}/members/{clerk.pk}/view-as/").status_code == 302
    assert client.get(f"{inside}shares/{share.pk}/").status_code == 302  # looks through another's eyes: not counted
    with tenant(sides.up.pk):
        assert sum(ShareOpen.objects.values_list("times", flat=True)) == 3
        assert ShareOpen.objects.get(person=None).last_at > ShareOpen.objects.get(person=None).first_at
        bridges.forget(sides.admin, partner=sides.partner)
        assert list(ShareOpen.objects.values_list("person", flat=True)) == [person.pk]


def test_u11_a_share_of_another_space_is_not_opened_by_its_id(sides):
    joined = sides.connect()
    with tenant(sides.up.pk):
        elsewhere = spaces.create_space(sides.admin, name="另一空间")
        foreign = shares.create_share(sides.admin, kind="link", title="x", url="https://example.com/", space=elsewhere)
    client = console(sides.boss)
    assert client.get(f"/e/{sides.down.code}/joined-spaces/{joined.pk}/shares/{foreign.pk}/").status_code == 404


def test_u11_the_api_joins_shows_and_leaves(sides):
    sides.share(title="价目表", space=sides.space)
    ours, theirs = factories.api_client(sides.up), factories.api_client(sides.down)
    partner = f"/api/v1/partners/{sides.partner.pk}/connection"
    assert ours.get(partner).json()["state"] == "none"
    code = ours.post(partner).json()["code"]
    assert ours.get(partner).json()["state"] == "offered"
    joined = theirs.post("/api/v1/joined-spaces", {"code": code}, content_type="application/json")
    assert joined.status_code == 201
    body = joined.json()
    assert (body["enterprise"], body["space"], body["partner"], body["people"]) == (
        sides.up.name,
        "品牌空间",
        "澜语",
        1,
    )
    assert [share["title"] for share in body["shares"]] == ["价目表"] and "file" not in body["shares"][0]
    assert ours.get(partner).json()["enterprise"] == sides.down.name
    again = theirs.post("/api/v1/joined-spaces", {"code": code}, content_type="application/json")
    assert (again.status_code, again.json()["code"]) == (400, "code_invalid")
    [listed] = theirs.get("/api/v1/joined-spaces").json()["results"]
    assert listed == {key: value for key, value in body.items() if key in listed}
    left = theirs.delete(f"/api/v1/joined-spaces/{body['id']}").json()
    assert (left["ended_by"], left["shares"], left["own_people"]) == ("downstream", [], [])
    assert ours.get(partner).json()["state"] == "none"


def test_u11_a_refused_join_leaves_nothing(sides):
    code = sides.offer()
    with tenant(sides.down.pk):
        staff = factories.member()
    client = console(factories.Actor.of(sides.down, staff, "console"))
    assert client.post(f"/e/{sides.down.code}/joined-spaces/", {"code": code}).status_code == 302
    with tenant(sides.down.pk):
        assert not JoinedSpace.objects.exists()
    with tenant(sides.up.pk):
        assert Bridge.objects.get().peer_id is None
