"""U11, U3, U6: an enterprise sees the spaces that it joined elsewhere, by a connection that both sides made."""

from datetime import timedelta

import pytest
from django.test import Client

from common import clock
from common.errors import Conflict, Forbidden, Invalid
from common.sql import execute
from common.tenancy import tenant
from enterprises.models import AuditEntry, Enterprise, Member
from jobs.models import JobRun, Notification
from jobs.notifications import text
from jobs.runner import execute_run
from jobs.services import enqueue_scheduled
from tests import factories
from tests.upstream.conftest import make_partner, make_person, make_space
from upstream.models import Bridge, JoinedSpace, SpaceMember
from upstream.queries import bridges as queries
from upstream.services import bridges, members, partners, shares, spaces, subgroups

pytestmark = pytest.mark.django_db


class Sides:
    """An upstream with a partner, and the enterprise that the partner is."""

    def __init__(self, up: Enterprise, down: Enterprise) -> None:
        self.up, self.down = up, down
        with tenant(up.pk):
            self.admin = factories.super_admin(up)
            self.space = make_space(self.admin, "品牌空间", purpose="选品与价格")
            self.group = subgroups.create_subgroup(self.admin, space=self.space, name="密组")
            self.below = subgroups.create_subgroup(self.admin, space=self.space, name="密组下", parent=self.group)
            self.partner = make_partner(self.admin, self.space, "澜语", subgroups=[self.below])
            self.rival = make_partner(self.admin, self.space, "对手公司")
            make_person(self.admin, self.partner, "王小明", phone="13812345678", title="采购", leader=True)
            make_person(self.admin, self.rival, "对手乙")
        with tenant(down.pk):
            self.boss = factories.super_admin(down)

    def offer(self) -> str:
        with tenant(self.up.pk):
            return bridges.offer(self.admin, partner=self.partner)[1]

    def connect(self) -> JoinedSpace:
        code = self.offer()
        with tenant(self.down.pk):
            return bridges.join(self.boss, code=code)

    def inside(self, joined: JoinedSpace) -> queries.Inside | None:
        with tenant(self.down.pk):
            return queries.inside(joined)

    def share(self, **fields) -> None:
        with tenant(self.up.pk):
            given = {"kind": "link", "url": "https://example.com/a", **fields}
            shares.create_share(self.admin, **given)

    def follow(self, firm: Enterprise) -> dict[str, int]:
        with tenant(firm.pk):
            return bridges.follow(firm)


@pytest.fixture
def sides(enterprise, other_enterprise) -> Sides:
    return Sides(enterprise, other_enterprise)


def trail(firm: Enterprise) -> list[tuple[str, str]]:
    with tenant(firm.pk):
        found = AuditEntry.objects.filter(subject_type__in=("bridge", "joinedspace")).order_by("at", "id")
        return [(entry.action, entry.actor_kind) for entry in found]


def told(firm: Enterprise) -> list[str]:
    with tenant(firm.pk):
        found = Notification.objects.filter(kind__startswith="upstream.bridge").order_by("created_at", "id")
        return [text(one) for one in found]


# --- what is seen -----------------------------------------------------------------------------------------


def test_u11_a_partner_s_enterprise_sees_what_it_joined_and_who_of_it_is_there(sides):
    joined = sides.connect()
    with tenant(sides.down.pk):
        listed = list(queries.joined(sides.boss))
        queries.present(listed)
        [one] = listed
        assert one == joined and one.host == sides.up and one.joined_by == sides.boss.member
        assert one.present == queries.Present("品牌空间", "选品与价格", "澜语", 1)
    found = sides.inside(joined)
    assert [(person.name, person.title, person.leader) for person in found.people] == [("王小明", "采购", True)]
    assert (found.contacts, found.shares, found.partners) == ([(sides.admin.member.name, "")], [], [])


def test_u11_u3_what_is_shared_is_what_the_partner_has_and_no_word_of_subgroups_or_other_partners(sides):
    with tenant(sides.up.pk):
        other = subgroups.create_subgroup(sides.admin, space=sides.space, name="别的组")
        series = spaces.create_series(sides.admin, name="媒体")
        elsewhere = make_space(sides.admin)
    sides.share(title="给空间", space=sides.space)
    sides.share(title="给上级分组", space=sides.space, subgroup=sides.group)
    sides.share(title="给别的分组", space=sides.space, subgroup=other)
    sides.share(title="给系列", series=series)
    sides.share(title="给另一个空间", space=elsewhere)
    joined = sides.connect()
    found = sides.inside(joined)
    assert [one.title for one in found.shares] == ["给上级分组", "给空间"]
    with tenant(sides.up.pk):
        assert [one.pk for one in shares.shared_with(sides.partner)] == [one.id for one in found.shares]
        shares.withdraw(sides.admin, share=shares.shared_with(sides.partner)[0])
    assert [one.title for one in sides.inside(joined).shares] == ["给空间"]
    assert not any(word in repr(found) for word in ("密组", "别的组", "对手", "13812345678"))


def test_u11_long_lists_say_that_there_is_more_and_a_search_finds_it(sides, monkeypatch):
    """Names of every kind; `%` and `_` are letters; a share that the list does not show is opened all the same."""
    for title in ("Price 100%", "价目表", "price_list"):
        sides.share(title=title, space=sides.space)
    joined = sides.connect()
    browser, api = Client(), factories.api_client(sides.down)
    with tenant(sides.down.pk):
        browser.force_login(sides.boss.member.user)
    path = f"joined-spaces/{joined.pk}"

    def page(search=""):
        return browser.get(f"/e/{sides.down.code}/{path}/", {"search": search} if search else {}).content.decode()

    form = 'role="search"><input class="form-control"'
    assert form not in page() and api.get(f"/api/v1/{path}").json()["more"] == []
    monkeypatch.setattr(queries, "SHOWN", 2)
    found = sides.inside(joined)
    assert ([one.title for one in found.shares], found.cut) == (["price_list", "价目表"], ("shares",))
    assert form in page() and "Price 100%" not in page()
    with tenant(sides.down.pk):
        for search, titles in (
            ("PRICE", ["price_list", "Price 100%"]), ("0%", ["Price 100%"]), ("_", ["price_list"]),
            ("价目", ["价目表"]), ("' OR true --", []), ("x\0", []),
        ):  # fmt: skip
            found = queries.inside(joined, search)
            assert ([one.title for one in found.shares], found.cut) == (titles, ())
        [hidden] = queries.inside(joined, "100%").shares
        assert queries.shared_item(joined, hidden.id) == hidden
    assert "Price 100%" in page("100%") and "王小明" not in page("100%") and "王小明" in page("小明")
    answer = api.get(f"/api/v1/{path}", {"search": "小明"}).json()
    assert ([one["name"] for one in answer["own_people"]], answer["shares"]) == (["王小明"], [])
    assert api.get(f"/api/v1/{path}").json()["more"] == ["shares"]
    assert api.get(f"/api/v1/{path}", {"page": "2"}).status_code == 400


def test_u11_every_list_inside_ends_at_200_and_says_so(sides):
    with tenant(sides.up.pk):
        execute(
            """
            INSERT INTO upstream_share (id, enterprise_id, space_id, kind, title, note, url, file, file_name, size,
                                        created_at)
            SELECT uuid7(), %(enterprise)s, %(space)s, 'link', 'n' || number, '', 'https://example.com', '', '', 0,
                   now()
            FROM generate_series(1, 201) AS number
            """,
            {"enterprise": sides.up.pk, "space": sides.space.pk},
        )
    found = sides.inside(sides.connect())
    assert (len(found.shares), found.cut) == (200, ("shares",))


def test_u11_u8_a_share_with_the_series_is_seen_as_well(sides):
    with tenant(sides.up.pk):
        series = spaces.create_series(sides.admin, name="媒体")
        first = series.spaces.get()
        partners.move_partner(sides.admin, partner=sides.partner, space=first)
    sides.share(title="给系列", series=series)
    assert [one.title for one in sides.inside(sides.connect()).shares] == ["给系列"]


def test_u6_other_partners_are_names_only_and_only_in_an_open_space(sides):
    joined = sides.connect()
    with tenant(sides.up.pk):
        spaces.edit_space(sides.admin, space=sides.space, changes={"partners_open": True})
    assert sides.inside(joined).partners == ["对手公司"]


def test_u6_whom_we_may_write_to_follows_the_rules_of_the_other_enterprise(sides):
    joined = sides.connect()
    with tenant(sides.up.pk):
        SpaceMember.objects.all().delete()
        near, far, gone = factories.member("近的"), factories.member("远的"), factories.member("离职的")
        members.add_members(sides.admin, space=sides.space, members=[near, far, gone])
        Member.objects.filter(pk=gone.pk).update(status=Member.Status.RESIGNED)
    assert sides.inside(joined).contacts == [("近的", ""), ("远的", "")]
    with tenant(sides.up.pk):
        members.create_rule(sides.admin, space=sides.space, name="规则", members=[near], partners=[sides.partner])
    assert sides.inside(joined).contacts == [("近的", "")]


def test_u11_two_enterprises_of_one_upstream_see_each_their_own(sides):
    third = factories.enterprise("第三家")
    mine = sides.connect()
    with tenant(sides.up.pk):
        code = bridges.offer(sides.admin, partner=sides.rival)[1]
    with tenant(third.pk):
        boss = factories.super_admin(third)
        theirs = bridges.join(boss, code=code)
        assert [person.name for person in queries.inside(theirs).people] == ["对手乙"]
        assert queries.inside(mine) is None
    assert [person.name for person in sides.inside(mine).people] == ["王小明"]
    assert sides.inside(theirs) is None


# --- making and ending it -----------------------------------------------------------------------------------


def test_u11_each_side_has_it_in_its_audit_trail_and_hears_of_the_other(sides):
    joined = sides.connect()
    assert sides.follow(sides.up) == {"upstream": 1, "downstream": 0}
    assert sides.follow(sides.up) == {"upstream": 0, "downstream": 0}, "told once"
    with tenant(sides.down.pk):
        bridges.leave(sides.boss, joined=joined)
    assert sides.follow(sides.up) == {"upstream": 1, "downstream": 0}
    assert sides.follow(sides.down) == {"upstream": 0, "downstream": 0}, "it did so itself"
    assert trail(sides.up) == [("bridge.offered", "member"), ("bridge.joined", "system"), ("bridge.left", "system")]
    assert trail(sides.down) == [("joined_space.joined", "member"), ("joined_space.left", "member")]
    assert told(sides.up) == [
        f"{sides.down.name} 已作为您的伙伴“澜语”建立连接",
        f"{sides.down.name}（您的伙伴“澜语”）已断开连接",
    ]
    assert told(sides.down) == []


def test_u11_the_upstream_ends_it_and_the_downstream_hears_of_it(sides):
    joined = sides.connect()
    with tenant(sides.up.pk):
        bridges.end(sides.admin, partner=sides.partner)
        bridges.end(sides.admin, partner=sides.partner)
        assert queries.connection(sides.partner) == queries.Connection(queries.State.NONE, None)
    assert sides.inside(joined) is None, "at once"
    assert [sides.follow(sides.down)["downstream"] for _time in range(2)] == [1, 0]
    assert trail(sides.up)[-1] == ("bridge.ended", "member")
    assert trail(sides.down)[-1] == ("joined_space.ended", "system")
    assert told(sides.down) == [f"{sides.up.name} 已断开您与其空间“品牌空间”的连接"]
    with tenant(sides.down.pk):
        joined.refresh_from_db()
        assert joined.ended_by == "upstream" and joined.ended_at is not None


def test_x6_the_daily_job_finds_what_the_task_missed_and_the_task_what_is_there(sides, monkeypatch):
    from upstream.tasks import follow_bridges

    sides.connect()
    with tenant(sides.up.pk):
        run = enqueue_scheduled(sides.up, name="upstream.follow")
    assert execute_run(sides.up.pk, run.pk).state == JobRun.State.DONE
    assert len(told(sides.up)) == 1
    follow_bridges(str(sides.up.pk))
    assert len(told(sides.up)) == 1


def test_u11_after_the_commit_the_other_side_is_told_by_a_worker(
    sides, monkeypatch, django_capture_on_commit_callbacks
):
    from upstream import tasks

    asked = []
    monkeypatch.setattr(tasks.follow_bridges, "delay", asked.append)
    with django_capture_on_commit_callbacks(execute=True):
        joined = sides.connect()
    with django_capture_on_commit_callbacks(execute=True), tenant(sides.down.pk):
        bridges.leave(sides.boss, joined=joined)
        bridges.leave(sides.boss, joined=joined)
    sides.connect()
    with django_capture_on_commit_callbacks(execute=True), tenant(sides.up.pk):
        bridges.end(sides.admin, partner=sides.partner)
    assert asked == [str(sides.up.pk), str(sides.up.pk), str(sides.down.pk)]


def test_u11_a_new_code_ends_the_one_before_and_a_connected_partner_gets_none(sides):
    old, new = sides.offer(), sides.offer()
    with tenant(sides.down.pk):
        with pytest.raises(Invalid) as refused:
            bridges.join(sides.boss, code=old)
        assert refused.value.code == "code_invalid" and not JoinedSpace.objects.exists()
        bridges.join(sides.boss, code=f" {new.upper()} ")
    with tenant(sides.up.pk):
        with pytest.raises(Conflict) as refused:
            bridges.offer(sides.admin, partner=sides.partner)
        assert refused.value.code == "connected" and Bridge.objects.filter(ended_at=None).count() == 1


def test_u11_only_who_manages_spaces_makes_and_ends_connections(sides):
    code = sides.offer()
    for firm in (sides.up, sides.down):
        with tenant(firm.pk):
            staff = factories.acting(firm, factories.member())
            for refused in (
                lambda: bridges.offer(staff, partner=sides.partner),  # noqa: B023
                lambda: bridges.end(staff, partner=sides.partner),  # noqa: B023
                lambda: bridges.join(staff, code=code),  # noqa: B023
            ):
                with pytest.raises(Forbidden):
                    refused()
    joined = sides.connect()
    with tenant(sides.down.pk), pytest.raises(Forbidden):
        bridges.leave(factories.acting(sides.down, factories.member()), joined=joined)
    assert sides.inside(joined) is not None


# --- partners change ----------------------------------------------------------------------------------------


def test_u4_a_merged_partner_takes_its_connection_along(sides):
    joined = sides.connect()
    with tenant(sides.up.pk):
        partners.merge_partners(sides.admin, partner=sides.partner, into=sides.rival)
    with tenant(sides.down.pk):
        queries.present([joined])
        assert joined.present.partner_name == "对手公司" and joined.present.people == 2


def test_u4_of_two_connected_partners_that_merge_the_one_that_stays_keeps_its_connection(sides):
    third = factories.enterprise("第三家")
    mine = sides.connect()
    with tenant(sides.up.pk):
        code = bridges.offer(sides.admin, partner=sides.rival)[1]
    with tenant(third.pk):
        theirs = bridges.join(factories.super_admin(third), code=code)
    with tenant(sides.up.pk):
        partners.merge_partners(sides.admin, partner=sides.partner, into=sides.rival)
        assert Bridge.objects.get().peer == third
    assert sides.inside(mine) is None and sides.follow(sides.down)["downstream"] == 1
    with tenant(third.pk):
        assert len(queries.inside(theirs).people) == 2


def test_u11_a_removed_partner_ends_the_connection(sides):
    joined = sides.connect()
    with tenant(sides.up.pk):
        partners.remove_partner(sides.admin, partner=sides.partner)
        assert not Bridge.objects.exists()
    assert sides.inside(joined) is None
    assert sides.follow(sides.down)["downstream"] == 1 and trail(sides.up)[-1] == ("bridge.ended", "member")


def test_u11_a_suspended_upstream_shows_nothing_inside_and_nothing_ends(sides):
    joined = sides.connect()
    Enterprise.objects.filter(pk=sides.up.pk).update(status=Enterprise.Status.SUSPENDED)
    assert sides.inside(joined) is None
    assert sides.follow(sides.down) == {"upstream": 0, "downstream": 0}
    Enterprise.objects.filter(pk=sides.up.pk).update(status=Enterprise.Status.ACTIVE)
    assert sides.inside(joined) is not None


def test_u11_a_code_works_until_its_very_second(sides):
    code = sides.offer()
    with tenant(sides.up.pk):
        until = Bridge.objects.get().expires_at
    with clock.at(until), tenant(sides.down.pk), pytest.raises(Invalid):
        bridges.join(sides.boss, code=code)
    with clock.at(until - timedelta(seconds=1)), tenant(sides.down.pk):
        bridges.join(sides.boss, code=code)
