"""U2–U5, U8: spaces and their names, subgroups, partners and people; moving, splitting, merging."""

import pytest

from common.errors import Conflict, Invalid
from common.tenancy import tenant
from contacts.models import Contact
from contacts.services import merges
from contacts.services.contacts import archive_contact
from enterprises.models import AuditEntry
from enterprises.services import update_policy
from tests import factories
from tests.upstream.conftest import make_partner, make_person, make_space
from upstream import queries
from upstream.models import (
    CustomerLink,
    Partner,
    PartnerContact,
    PartnerPlace,
    Person,
    Series,
    Space,
    SpaceName,
    Subgroup,
)
from upstream.queries.capacity import capacity
from upstream.rules import names
from upstream.services import members, partners, people, spaces, subgroups
from upstream.services.limits import LimitReached

pytestmark = pytest.mark.django_db


def codes():
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


# --- names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "one, other",
    [
        ("Media", "media"),
        ("Ｍｅｄｉａ１", "media 1"),
        ("品牌 空间", "品牌空间"),
        ("ﬁt", "FIT"),
        ("a\u200bb", "AB"),
        ("STRASSE", "straße"),
    ],
)
def test_u2_case_width_and_spaces_do_not_tell_names_apart(one, other):
    assert names.digest(one) == names.digest(other)


@pytest.mark.parametrize("one, other", [("媒体 1", "媒体 2"), ("a-b", "ab")])
def test_u2_other_names_are_other_names(one, other):
    assert names.digest(one) != names.digest(other)


def test_u2_a_name_is_taken_over_the_whole_installation_and_free_ones_are_proposed(enterprise, other_enterprise):
    with tenant(other_enterprise.pk):
        make_space(factories.super_admin(other_enterprise), "品牌 A")
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        with pytest.raises(spaces.NameTaken) as refused:
            make_space(admin, "品牌ａ")
        proposals = refused.value.extra["proposals"]
        assert proposals == ["测试企业 品牌ａ", "品牌ａ (测试企业)", "品牌ａ 2"]
        assert not Space.objects.exists() and capacity(admin).spaces.used == 0
        assert make_space(admin, proposals[0]).name == proposals[0]


def test_u2_the_global_table_keeps_no_name(admin):
    make_space(admin, "秘密项目")
    [kept] = SpaceName.objects.all()
    assert "秘密" not in kept.digest and len(kept.digest) == 64


def test_u2_a_renamed_or_deleted_space_frees_its_name(admin):
    first = make_space(admin, "甲")
    spaces.edit_space(admin, space=first, changes={"name": "乙"})
    second = make_space(admin, "甲")
    with pytest.raises(spaces.NameTaken):
        spaces.edit_space(admin, space=second, changes={"name": " 乙 "})
    second.refresh_from_db()
    assert second.name == "甲"
    spaces.edit_space(admin, space=first, changes={"name": "乙 "})  # the same name
    spaces.delete_space(admin, space=first)
    assert make_space(admin, "乙").name == "乙"
    assert SpaceName.objects.count() == 2


@pytest.mark.parametrize("name", ["", "  ", "\u200b", "长" * 65])
def test_u2_a_name_is_something_readable(admin, name):
    with pytest.raises(Invalid):
        make_space(admin, name)
    assert not SpaceName.objects.exists()


# --- limits -----------------------------------------------------------------------------------------------


def test_u1_limits_are_policy_and_a_place_given_back_can_be_taken_again(admin):
    update_policy(admin, values={"spaces": 1, "space_partners": 1, "partner_people": 1})
    space = make_space(admin)
    with pytest.raises(LimitReached) as refused:
        make_space(admin)
    assert refused.value.extra == {"what": "spaces", "used": 1, "limit": 1}
    partner = make_partner(admin, space)
    with pytest.raises(LimitReached) as refused:
        make_partner(admin, space)
    assert refused.value.extra == {"what": "partners", "used": 1, "limit": 1}
    person = make_person(admin, partner)
    with pytest.raises(LimitReached) as refused:
        make_person(admin, partner)
    assert refused.value.extra == {"what": "people", "used": 1, "limit": 1}
    people.remove_person(admin, seat=person)
    make_person(admin, partner)
    partners.remove_partner(admin, partner=partner)
    make_partner(admin, space)
    with pytest.raises(Conflict) as kept:
        spaces.delete_space(admin, space=space)
    assert kept.value.code == "space_in_use"
    partners.remove_partner(admin, partner=Partner.objects.get())
    spaces.delete_space(admin, space=space)
    assert capacity(admin).spaces.used == 0
    make_space(admin)


# --- subgroups --------------------------------------------------------------------------------------------


def test_u3_a_tree_without_circles_as_deep_as_the_policy_says(admin):
    update_policy(admin, values={"subgroup_levels": 3})
    space = make_space(admin)
    top = subgroups.create_subgroup(admin, space=space, name="销售一组")
    middle = subgroups.create_subgroup(admin, space=space, name="华南", parent=top)
    leaf = subgroups.create_subgroup(admin, space=space, name="深圳", parent=middle)
    with pytest.raises(Invalid) as deep:
        subgroups.create_subgroup(admin, space=space, name="福田", parent=leaf)
    assert deep.value.code == "too_deep"
    with pytest.raises(Invalid) as circle:
        subgroups.edit_subgroup(admin, subgroup=top, changes={"parent": leaf})
    assert circle.value.code == "subgroup_circle"
    other = subgroups.create_subgroup(admin, space=space, name="销售二组")
    with pytest.raises(Invalid):
        subgroups.edit_subgroup(admin, subgroup=top, changes={"parent": other})  # four levels
    with pytest.raises(Conflict):
        subgroups.create_subgroup(admin, space=space, name="销售一组")
    elsewhere = subgroups.create_subgroup(admin, space=make_space(admin), name="别处")
    with pytest.raises(Invalid):
        subgroups.edit_subgroup(admin, subgroup=leaf, changes={"parent": elsewhere})
    subgroups.edit_subgroup(admin, subgroup=middle, changes={"parent": None, "name": "华南区"})
    assert Subgroup.objects.get(pk=leaf.pk).parent.name == "华南区"


def test_u3_a_partner_is_in_several_subgroups_and_the_filter_includes_those_below(admin):
    space = make_space(admin)
    top = subgroups.create_subgroup(admin, space=space, name="一组")
    below = subgroups.create_subgroup(admin, space=space, name="华南", parent=top)
    other = subgroups.create_subgroup(admin, space=space, name="二组")
    both = make_partner(admin, space, subgroups=[below, other])
    loose = make_partner(admin, space)
    for subgroup, expected in ((top, [both]), (below, [both]), (other, [both])):
        assert list(queries.partners(admin, {"subgroup": str(subgroup.pk)})) == expected
    assert list(queries.partners(admin, {"subgroup": "none"})) == [loose]
    partners.edit_partner(admin, partner=both, changes={"subgroups": [other]})
    assert list(PartnerPlace.objects.values_list("subgroup", flat=True)) == [other.pk]
    subgroups.delete_subgroup(admin, subgroup=other)
    assert not PartnerPlace.objects.exists() and Partner.objects.count() == 2


def test_u6_a_subgroup_that_narrows_somebody_is_not_deleted(admin):
    space = make_space(admin)
    group = subgroups.create_subgroup(admin, space=space, name="一组")
    [seat] = members.add_members(admin, space=space, members=[factories.member()], subgroups=[group])
    with pytest.raises(Conflict) as refused:
        subgroups.delete_subgroup(admin, subgroup=group)
    assert refused.value.code == "subgroup_in_use"
    members.place_member(admin, seat=seat, subgroups=[])
    subgroups.delete_subgroup(admin, subgroup=group)


# --- partners and people ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        "华兴",
        "兴科",
        "huaxing",
        "HuaXing",
        "hxkj",
        "老华",
        "laohua",
        "ＨＸＫＪ",
        "王小明",
        "wxm",
        "wangxiao",
        "zengshi",
        "cs",
    ],
)
def test_u5_a_partner_is_found_by_any_name_pinyin_and_person(admin, asked):
    space = make_space(admin)
    partner = make_partner(admin, space, "深圳华兴科技有限公司", short_name="华兴", aliases=["老华", "曾氏"])
    make_person(admin, partner, "王小明")
    make_partner(admin, space, "别的公司")
    assert list(queries.partners(admin, {"search": asked})) == [partner]


def test_u5_percent_signs_are_no_wildcards(admin):
    make_partner(admin, make_space(admin), "百分百")
    assert not queries.partners(admin, {"search": "%"}).exists()


def test_u5_one_person_in_several_spaces_and_a_customer_as_well(admin):
    customer = factories.contact(admin, name="王小明")
    one, two = make_space(admin), make_space(admin)
    first = make_person(admin, make_partner(admin, one), "王小明", phone="+86 138-1234-5678", contact=customer)
    second = make_person(admin, make_partner(admin, two), "小明", phone="13812345678")
    assert first.person_id == second.person_id and Person.objects.count() == 1
    found = list(queries.people(admin, {"space": str(one.pk)}))
    queries.linked(admin, found)
    assert [seat.space for seat in found[0].also.seats] == [two]
    assert found[0].also.customer == customer
    people.remove_person(admin, seat=first)
    assert Person.objects.count() == 1
    people.remove_person(admin, seat=second)
    assert not Person.objects.exists() and not CustomerLink.objects.exists()
    assert Contact.objects.filter(pk=customer.pk).exists()


def test_o5_the_customer_of_somebody_else_is_not_shown(enterprise, admin):
    customer = factories.contact(admin)
    space = make_space(admin)
    seat = make_person(admin, make_partner(admin, space), contact=customer)
    staff = factories.member()
    members.add_members(admin, space=space, members=[staff])
    found = list(queries.people(factories.acting(enterprise, staff)))
    queries.linked(factories.acting(enterprise, staff), found)
    assert found == [seat] and found[0].also.customer is None


def test_u5_the_link_goes_with_the_customer_and_the_person_stays(admin):
    from contacts.services.bulk.removal import BELONGINGS

    assert "upstream_customerlink" in BELONGINGS
    customer = factories.contact(admin)
    archive_contact(admin, contact=customer)
    seat = make_person(admin, make_partner(admin, make_space(admin)), contact=customer)
    people.link_customer(admin, seat=seat, contact=None)
    assert not CustomerLink.objects.exists() and PartnerContact.objects.filter(pk=seat.pk).exists()


def test_u5_the_link_goes_over_when_customers_are_merged_and_comes_back(admin):
    stays, gone = factories.contact(admin), factories.contact(admin)
    seat = make_person(admin, make_partner(admin, make_space(admin)), contact=gone)
    merge = merges.merge(admin, contact=stays, gone=gone)
    assert CustomerLink.objects.get(person=seat.person).contact_id == stays.pk
    merges.undo(admin, merge=merge)
    assert CustomerLink.objects.get(person=seat.person).contact_id == gone.pk


def test_u5_in_one_space_a_person_stands_for_one_partner(admin):
    space = make_space(admin)
    make_person(admin, make_partner(admin, space, "甲公司"), phone="13812345678")
    other = make_partner(admin, space, "乙公司")
    with pytest.raises(people.PersonKnown) as refused:
        make_person(admin, other, phone="138 1234 5678")
    assert "甲公司" in str(refused.value)
    other.refresh_from_db()
    assert other.contact_count == 0


def test_u4_a_virtual_partner_is_verified_and_keeps_its_old_name(admin):
    space = make_space(admin)
    partner = make_partner(admin, space, "老王的店", virtual=True)
    partners.verify_partner(
        admin, partner=partner, name="王氏商贸有限公司", credit_code="91440300MA5DXXXXXX".replace("X", "1")
    )
    partner.refresh_from_db()
    assert (partner.virtual, partner.aliases) == (False, ["老王的店"]) and partner.verified_at
    assert list(queries.partners(admin, {"search": "老王"})) == [partner]


def test_u4_whoever_turns_out_to_be_known_is_merged(admin):
    space = make_space(admin)
    group = subgroups.create_subgroup(admin, space=space, name="一组")
    real = make_partner(admin, space, "王氏商贸有限公司", credit_code="91440300MA5D111111")
    virtual = make_partner(admin, space, "老王的店", virtual=True, subgroups=[group], region="深圳")
    for partner in (real, virtual):
        make_person(admin, partner)
    with pytest.raises(partners.PartnerKnown) as refused:
        partners.verify_partner(admin, partner=virtual, credit_code="91440300MA5D111111")
    assert refused.value.extra["partner"] == str(real.pk)
    staff = factories.member()
    members.add_members(admin, space=space, members=[staff])
    rule = members.create_rule(admin, space=space, name="只对老王", members=[staff], partners=[virtual])
    partners.merge_partners(admin, partner=virtual, into=real)
    real.refresh_from_db()
    space.refresh_from_db()
    assert (real.contact_count, space.partner_count, real.region) == (2, 1, "深圳")
    assert real.aliases == ["老王的店"] and not Partner.objects.filter(pk=virtual.pk).exists()
    assert set(PartnerContact.objects.values_list("partner", flat=True)) == {real.pk}
    assert list(rule.ends.exclude(partner=None).values_list("partner", flat=True)) == [real.pk]
    assert PartnerPlace.objects.get().partner == real


def test_u1_a_merge_that_does_not_fit_changes_nothing(admin):
    update_policy(admin, values={"partner_people": 1})
    space = make_space(admin)
    one, two = make_partner(admin, space), make_partner(admin, space)
    make_person(admin, one)
    make_person(admin, two)
    with pytest.raises(LimitReached):
        partners.merge_partners(admin, partner=one, into=two)
    assert Partner.objects.count() == 2 and PartnerContact.objects.filter(partner=one).count() == 1


def test_u3_moving_takes_the_people_along_and_the_places_change(admin):
    update_policy(admin, values={"space_partners": 1})
    one, two = make_space(admin), make_space(admin)
    group = subgroups.create_subgroup(admin, space=one, name="一组")
    partner = make_partner(admin, one, subgroups=[group])
    seat = make_person(admin, partner)
    partners.move_partner(admin, partner=partner, space=two)
    seat.refresh_from_db()
    assert seat.space_id == two.pk and not PartnerPlace.objects.exists()
    assert dict(Space.objects.values_list("name", "partner_count")) == {one.name: 0, two.name: 1}
    full = make_partner(admin, one)
    with pytest.raises(LimitReached):
        partners.move_partner(admin, partner=full, space=two)


def test_u3_a_move_to_where_somebody_is_already_is_refused(admin):
    one, two = make_space(admin), make_space(admin)
    partner = make_partner(admin, one)
    make_person(admin, partner, "王小明", phone="13812345678")
    make_person(admin, make_partner(admin, two), "王小明", phone="13812345678")
    with pytest.raises(people.PersonKnown):
        partners.move_partner(admin, partner=partner, space=two)
    partner.refresh_from_db()
    assert partner.space_id == one.pk


def test_u3_splitting_keeps_the_counts(admin):
    space = make_space(admin)
    partner = make_partner(admin, space)
    stays, goes = make_person(admin, partner), make_person(admin, partner)
    made = partners.split_partner(admin, partner=partner, seats=[goes], name="子公司")
    partner.refresh_from_db()
    made.refresh_from_db()
    space.refresh_from_db()
    assert (partner.contact_count, made.contact_count, space.partner_count) == (1, 1, 2)
    assert PartnerContact.objects.get(pk=goes.pk).partner == made
    assert PartnerContact.objects.get(pk=stays.pk).partner == partner
    with pytest.raises(Invalid):
        partners.split_partner(admin, partner=partner, seats=[goes], name="别人的人")


def test_leaders_are_few(admin):
    update_policy(admin, values={"partner_leaders": 1})
    partner = make_partner(admin, make_space(admin))
    make_person(admin, partner, leader=True)
    other = make_person(admin, partner)
    with pytest.raises(Conflict) as refused:
        people.edit_person(admin, seat=other, changes={"leader": True})
    assert refused.value.code == "too_many_leaders"


# --- series -----------------------------------------------------------------------------------------------


def test_u8_a_series_opens_its_next_space_before_the_last_is_full(admin):
    update_policy(admin, values={"space_partners": 4, "series_open_percent": 75, "spaces": 3})
    series = spaces.create_series(admin, name="媒体", purpose="投放合作")
    assert list(Space.objects.values_list("name", flat=True)) == ["媒体 1"]
    staff = factories.member()
    members.add_members(admin, space=Space.objects.get(), members=[staff])
    where = [partners.add_partner(admin, series=series, name=f"媒体号{number}").space.name for number in range(12)]
    assert where == ["媒体 1"] * 4 + ["媒体 2"] * 4 + ["媒体 3"] * 4
    assert sorted(Space.objects.values_list("name", flat=True)) == ["媒体 1", "媒体 2", "媒体 3"]
    assert all(space.members.filter(member=staff).exists() for space in Space.objects.all())
    assert {space.purpose for space in Space.objects.all()} == {"投放合作"}
    with pytest.raises(LimitReached) as refused:
        partners.add_partner(admin, series=series, name="一个也不多")
    assert refused.value.extra["what"] == "spaces"
    assert queries.partners(admin, {"series": str(series.pk)}).count() == 12
    assert codes().count("series.opened") == 2


def test_u8_the_next_space_stands_ready_while_the_last_has_room(admin):
    update_policy(admin, values={"space_partners": 4, "series_open_percent": 75})
    series = spaces.create_series(admin, name="媒体")
    for number in range(3):
        partners.add_partner(admin, series=series, name=f"媒体号{number}")
    assert [(space.name, space.partner_count) for space in Space.objects.order_by("number")] == [
        ("媒体 1", 3),
        ("媒体 2", 0),
    ]


def test_u8_a_taken_name_does_not_stop_the_series(enterprise, other_enterprise):
    with tenant(other_enterprise.pk):
        make_space(factories.super_admin(other_enterprise), "媒体 1")
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        spaces.create_series(admin, name="媒体")
        assert Space.objects.get().name == "测试企业 媒体 1"
        with pytest.raises(Conflict):
            spaces.create_series(admin, name="媒体")
        assert Series.objects.count() == 1


def test_u8_a_partner_is_in_a_series_once(admin):
    series = spaces.create_series(admin, name="媒体")
    partners.add_partner(admin, series=series, name="媒体号")
    with pytest.raises(partners.PartnerKnown):
        partners.add_partner(admin, series=series, name="媒体號".replace("號", "号 "))
