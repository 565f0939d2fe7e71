"""U11, X2: attacks on the connection between two enterprises, and the functions that see over the wall for it."""

import json
from datetime import timedelta
from functools import partial

import pytest
from django.db import DatabaseError, transaction
from django.db.utils import IntegrityError
from hypothesis import HealthCheck, given, settings

from common import clock
from common.errors import Invalid
from common.ids import uuid7
from common.sql import execute, rows
from common.tenancy import current_enterprise_id, tenant
from common.throttle import TooOften
from enterprises.models import Enterprise, Member
from tests import factories
from tests.parallel import in_parallel, meet
from tests.permissions.world import rolled_back
from tests.upstream import test_visibility_rules as small
from tests.upstream.conftest import make_partner, make_person, make_space
from tests.upstream.test_bridges import Sides
from upstream.models import Bridge, EndedBy, JoinedSpace, ShareOpen
from upstream.queries import bridges as queries
from upstream.services import bridges, shares, subgroups

FUNCTIONS = ("bridge_join", "bridge_leave", "joined_share_opened", "joined_space", "joined_spaces")


@pytest.fixture
def sides(enterprise, other_enterprise) -> Sides:
    return Sides(enterprise, other_enterprise)


@pytest.fixture
def third(db) -> Enterprise:
    return factories.enterprise("第三家")


def refused(statement: str, *params) -> bool:
    """Does the database refuse it?"""
    try:
        with transaction.atomic():
            rows(statement, params)
    except DatabaseError:
        return True
    return False


# --- what the functions tell --------------------------------------------------------------------------------


@pytest.mark.django_db
def test_x2_the_functions_return_these_columns_and_no_others():
    found = rows(
        "SELECT proname::text, pg_get_function_result(oid), prosecdef, proacl::text FROM pg_proc"
        " WHERE proname = ANY (%s) ORDER BY proname",
        [list(FUNCTIONS)],
    )
    assert [(name, result, definer) for name, result, definer, _acl in found] == [
        ("bridge_join", "TABLE(bridge uuid, space_name text, partner_name text)", True),
        ("bridge_leave", "SETOF uuid", True),
        ("joined_share_opened", "boolean", True),
        ("joined_space", "TABLE(people jsonb, contacts jsonb, shares jsonb, partners jsonb)", True),
        ("joined_spaces", "TABLE(joined uuid, space_name text, purpose text, partner_name text, people integer)", True),
    ]
    assert not any(entry.startswith("=") for *_rest, acl in found for entry in acl.strip("{}").split(",")), "no PUBLIC"


@pytest.mark.django_db
def test_x2_u3_what_is_inside_has_these_keys_and_no_others(sides):
    sides.share(title="给空间", space=sides.space)
    joined = sides.connect()
    with tenant(sides.down.pk):
        [parts] = rows("SELECT people->0, contacts->0, shares->0, partners FROM joined_space(%s)", [joined.pk])
    people, contacts, shares, partners = map(json.loads, parts)
    assert set(people) == {"name", "title", "leader", "joined_at"}
    assert set(contacts) == {"name", "department"}
    kept = {"file_name", "size", "file"}
    assert set(shares) == {"id", "kind", "title", "note", "url", "starts_at", "created_at"} | kept
    assert partners == []


# --- who is not connected -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_x2_without_a_scope_nothing_is_answered(sides):
    joined = sides.connect()
    with tenant(sides.up.pk):
        waiting, _code = bridges.offer(sides.admin, partner=sides.rival)
    asked = (
        ("SELECT * FROM joined_spaces()",),
        ("SELECT * FROM joined_space(%s)", joined.pk),
        ("SELECT * FROM bridge_join(%s, %s, now())", sides.up.pk, waiting.digest),
        ("SELECT * FROM bridge_leave(%s, %s, now())", sides.up.pk, joined.bridge),
        ("SELECT joined_share_opened(%s, %s, now())", joined.pk, uuid7()),
    )
    for setting in ("", "nonsense"):
        with transaction.atomic():
            execute(f"SET LOCAL app.enterprise_id = '{setting}'")
            assert [refused(*question) for question in asked] == [True] * 5
    assert sides.inside(joined) is not None, "and nothing was ended"
    with tenant(sides.up.pk):
        assert Bridge.objects.get(pk=waiting.pk).peer_id is None


@pytest.mark.django_db
def test_x2_another_enterprise_sees_nothing_with_ids_that_are_right(sides, third):
    joined = sides.connect()
    for firm in (third, sides.up):
        with tenant(firm.pk):
            assert rows("SELECT * FROM joined_spaces()") == []
            for wanted in (joined.pk, joined.bridge, uuid7()):
                assert rows("SELECT * FROM joined_space(%s)", [wanted]) == []
            assert rows("SELECT * FROM bridge_leave(%s, %s, now())", [sides.up.pk, joined.bridge]) == []
    assert sides.inside(joined) is not None, "and nobody could end it"


@pytest.mark.django_db
def test_x2_a_forged_row_of_the_downstream_opens_nothing(sides, third):
    """The row behind one's own wall can be anything; the other side's must name the same enterprise."""
    joined = sides.connect()
    with tenant(sides.up.pk):
        bridges.offer(sides.admin, partner=sides.rival)  # a code that is open is no connection either
        waiting = Bridge.objects.get(partner=sides.rival)
    with tenant(third.pk):
        for bridge in (joined.bridge, waiting.pk, uuid7()):
            forged = JoinedSpace.objects.create(host=sides.up, bridge=bridge, space_name="x", partner_name="x")
            assert queries.inside(forged) is None
        assert rows("SELECT * FROM joined_spaces()") == []
        with pytest.raises(IntegrityError), transaction.atomic():
            JoinedSpace.objects.create(host_id=uuid7(), bridge=joined.bridge, space_name="x", partner_name="x")
            execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.django_db
def test_x2_a_forged_row_of_the_upstream_shows_nobody_anything(sides, third):
    """An upstream that names somebody who redeemed nothing is in nobody's list."""
    with tenant(sides.up.pk):
        Bridge.objects.create(
            partner=sides.rival, digest="x", expires_at=clock.now(), peer=third, joined_at=clock.now()
        )
    with tenant(third.pk):
        assert rows("SELECT * FROM joined_spaces()") == []


@pytest.mark.django_db
@pytest.mark.parametrize("by", list(EndedBy))
def test_x2_whichever_side_ended_it_both_show_nothing(sides, by):
    joined = sides.connect()
    if by == EndedBy.UPSTREAM:
        with tenant(sides.up.pk):
            bridges.end(sides.admin, partner=sides.partner)
    else:
        with tenant(sides.down.pk):
            bridges.leave(sides.boss, joined=joined)
        with tenant(sides.up.pk):
            assert Bridge.objects.get().ended_by == EndedBy.DOWNSTREAM
    with tenant(sides.down.pk):
        JoinedSpace.objects.update(ended_at=None, ended_by="")  # even when one's own row says otherwise
        assert rows("SELECT * FROM joined_spaces()") == rows("SELECT * FROM joined_space(%s)", [joined.pk]) == []


@pytest.mark.django_db
def test_x2_only_what_is_shared_with_a_joined_enterprise_is_counted_as_opened_by_it(sides, third):
    with tenant(sides.up.pk):
        secret = subgroups.create_subgroup(sides.admin, space=sides.space, name="别组")
        given = {"kind": "link", "url": "https://example.com/a", "space": sides.space}
        ours, theirs, gone = (
            shares.create_share(sides.admin, title="x", **given, subgroup=group) for group in (None, secret, None)
        )
        shares.withdraw(sides.admin, share=gone)
    joined = sides.connect()

    def opened(firm, wanted, share) -> bool:
        with tenant(firm.pk):
            [(counted,)] = rows("SELECT joined_share_opened(%s, %s, now())", [wanted, share])
        return counted

    with tenant(third.pk):
        forged = JoinedSpace.objects.create(host=sides.up, bridge=joined.bridge, space_name="x", partner_name="x")
    for firm, wanted, share in (
        (sides.down, joined.pk, theirs.pk),
        (sides.down, joined.pk, gone.pk),
        (sides.down, joined.pk, uuid7()),
        (sides.down, uuid7(), ours.pk),
        (third, joined.pk, ours.pk),
        (third, forged.pk, ours.pk),
        (sides.up, joined.pk, ours.pk),
    ):
        assert not opened(firm, wanted, share)
    assert opened(sides.down, joined.pk, ours.pk)
    with tenant(sides.up.pk):
        [one] = ShareOpen.objects.all()
        assert (one.share_id, one.person_id, one.bridge_id, one.times) == (ours.pk, None, joined.bridge, 1)
        bridges.end(sides.admin, partner=sides.partner)
    assert not opened(sides.down, joined.pk, ours.pk)


@pytest.mark.django_db
def test_x2_the_scope_is_the_downstream_s_before_and_after(sides):
    """Looking into a joined space opens nothing else of it."""
    joined = sides.connect()
    with tenant(sides.down.pk):
        assert queries.inside(joined) is not None
        assert rows("SELECT current_setting('app.enterprise_id')::uuid") == [(sides.down.pk,)]
        for table in ("space", "partner", "partnercontact", "person", "share", "subgroup", "bridge"):
            assert rows(f"SELECT count(*) FROM upstream_{table}") == [(0,)], table


# --- codes ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_u11_codes_that_do_not_work_are_answered_alike(sides, third):
    used = sides.offer()
    with tenant(sides.down.pk):
        bridges.join(sides.boss, code=used)
    with tenant(sides.up.pk):
        withdrawn = bridges.offer(sides.admin, partner=sides.rival)[1]
        bridges.end(sides.admin, partner=sides.rival)
        expired = bridges.offer(sides.admin, partner=sides.rival)[1]
    guessed = f"{sides.up.code}-{'b' * 24}"
    elsewhere = f"{sides.down.code}-{used.rpartition('-')[2]}"
    with tenant(third.pk), clock.at(clock.now() + timedelta(days=14)):
        boss = factories.super_admin(third)
        answers = []
        for code in (used, withdrawn, expired, guessed, elsewhere, "nobody-x", "", "-", "x" * 100):
            with pytest.raises(Invalid) as refusal:
                bridges.join(boss, code=code)
            answers.append((refusal.value.code, str(refusal.value)))
        assert len(set(answers)) == 1 and answers[0][0] == "code_invalid"
        assert not JoinedSpace.objects.exists()
    with tenant(sides.up.pk):
        assert Bridge.objects.filter(peer=third).count() == 0


@pytest.mark.django_db
def test_u11_guessing_ends_after_twenty_tries_an_hour(sides):
    code = sides.offer()
    with tenant(sides.down.pk):
        for number in range(20):
            with pytest.raises(Invalid):
                bridges.join(sides.boss, code=f"{sides.up.code}-{number}")
        with pytest.raises(TooOften):
            bridges.join(sides.boss, code=code)
        assert not JoinedSpace.objects.exists()


@pytest.mark.django_db
def test_u11_nobody_joins_their_own_space(sides):
    code = sides.offer()
    with tenant(sides.up.pk):
        with pytest.raises(Invalid) as refusal:
            bridges.join(sides.admin, code=code)
        assert refusal.value.code == "own_code"
        digest = Bridge.objects.get().digest
        assert rows("SELECT * FROM bridge_join(%s, %s, %s)", [sides.up.pk, digest, clock.now()]) == []
        with pytest.raises(IntegrityError), transaction.atomic():
            Bridge.objects.update(peer=sides.up, joined_at=clock.now())
        assert Bridge.objects.get().peer_id is None
    with tenant(sides.down.pk):
        assert bridges.join(sides.boss, code=code).host == sides.up, "and the code is none the worse"


@pytest.mark.django_db
def test_u11_a_suspended_upstream_lets_nobody_in(sides):
    code = sides.offer()
    Enterprise.objects.filter(pk=sides.up.pk).update(status=Enterprise.Status.SUSPENDED)
    with tenant(sides.down.pk), pytest.raises(Invalid):
        bridges.join(sides.boss, code=code)


@pytest.mark.django_db
def test_u11_only_a_digest_of_the_code_is_kept(sides):
    code = sides.offer()
    with tenant(sides.up.pk):
        kept = rows("SELECT b::text FROM upstream_bridge b")
        assert code.rpartition("-")[2] not in str(kept)


# --- at the same moment -----------------------------------------------------------------------------------


@pytest.fixture
def open_code(committed_db):
    """An upstream with a code, and eight enterprises that have it."""
    up = factories.enterprise("上游")
    firms = [factories.enterprise(f"下游{number}") for number in range(8)]
    with tenant(up.pk):
        admin = factories.super_admin(up)
        partner = make_partner(admin, make_space(admin, "品牌空间"), "澜语")
        make_person(admin, partner, "王小明")
        code = bridges.offer(admin, partner=partner)[1]
    return up, firms, code


def redeem(firm: Enterprise, code: str) -> bool:
    try:
        with tenant(firm.pk):
            bridges.join(factories.super_admin(firm), code=code)
    except Invalid:
        return False
    return True


def counted(firms) -> int:
    found = 0
    for firm in firms:
        with tenant(firm.pk):
            found += len(rows("SELECT * FROM joined_spaces()"))
    return found


def test_q10_one_code_redeemed_by_eight_enterprises_at_once_connects_one(open_code):
    up, firms, code = open_code
    answers = in_parallel([partial(redeem, firm, code) for firm in firms])
    assert sorted(answers) == [False] * 7 + [True] and counted(firms) == 1
    winner = firms[answers.index(True)]
    with tenant(up.pk):
        assert Bridge.objects.get().peer == winner
    rest = 0
    for firm in firms:
        with tenant(firm.pk):
            rest += JoinedSpace.objects.count()
    assert rest == 1


def test_q10_one_code_redeemed_eight_times_by_one_enterprise_at_once_connects_it_once(open_code):
    _up, firms, code = open_code
    assert sorted(in_parallel([partial(redeem, firms[0], code)] * 8)) == [False] * 7 + [True]
    assert counted(firms) == 1


def test_q10_without_the_guard_everybody_is_told_that_they_are_in(open_code, monkeypatch):
    """The negative control: look whether the code is free, then take it."""
    up, firms, code = open_code
    real = bridges.rows

    def unguarded(statement, params=()):
        if "bridge_join" not in statement:
            return real(statement, params)
        mine = current_enterprise_id()
        execute(f"SET LOCAL app.enterprise_id = '{up.pk}'")
        [(bridge,)] = real("SELECT id FROM upstream_bridge WHERE digest = %s AND peer_id IS NULL", [params[1]])
        meet()
        taken = {"mine": mine, "bridge": bridge}
        execute("UPDATE upstream_bridge SET peer_id = %(mine)s, joined_at = now() WHERE id = %(bridge)s", taken)
        execute(f"SET LOCAL app.enterprise_id = '{mine}'")
        return [(bridge, "品牌空间", "澜语")]

    monkeypatch.setattr(bridges, "rows", unguarded)
    assert in_parallel([partial(redeem, firm, code) for firm in firms]) == [True] * 8
    assert counted(firms) == 1, "seven of them were told a lie"


# --- the rules of visibility ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_u6_whom_a_joined_enterprise_may_write_to_agrees_with_the_oracle(sides, monkeypatch):
    """In SQL and for another enterprise, the answer is that of the one decision."""
    monkeypatch.setattr(bridges, "_TRIES", 10_000)
    small.ENTERPRISE[:] = [sides.up]
    with tenant(sides.up.pk):
        for number in range(small.MEMBERS):
            Member.objects.filter(pk=factories.member().pk).update(userid=f"oracle{number}")

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(small.small_worlds())
    def check(world):
        with rolled_back():
            with tenant(sides.up.pk):
                _space, members, partners = small.build(world)
                codes = [bridges.offer(sides.admin, partner=partner)[1] for partner in partners]
            with tenant(sides.down.pk):
                joined = [bridges.join(sides.boss, code=code) for code in codes]
                for place, one in enumerate(joined):
                    expected = {one.name for number, one in enumerate(members) if small.oracle(world, number, place)}
                    found = queries.inside(one)
                    assert {name for name, _department in found.contacts} == expected
                    assert len(found.partners) == (small.PARTNERS - 1 if world["open"] else 0)

    check()
