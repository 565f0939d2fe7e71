"""The policy record: defaults of the domain, bounds, overrides, texts."""

import json
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation
from pydantic import ValidationError

from enterprises.policy import Group, Policy
from enterprises.policy_messages import messages


def refusals(**overrides: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        Policy.from_overrides(overrides)
    with translation.override("en"):
        return {name: [str(text) for text in texts] for name, texts in messages(caught.value).items()}


def test_defaults_are_the_numbers_of_the_domain():
    """Q3, Q5, Q8, Q13, C5, C7, C9, U1."""
    assert Policy().model_dump(mode="json") == {
        "spaces": 10,
        "space_partners": 1000,
        "partner_people": 10000,
        "partner_leaders": 5,
        "space_chat_people": 2000,
        "customer_chat_people": 500,
        "subgroup_levels": 9,
        "series_open_percent": 90,
        "space_invitation_days": 30,
        "invitation_reminder_days": 3,
        "import_partners": 1000,
        "import_partner_people": 200,
        "import_people": 2000,
        "bridge_days": 14,
        "workbench_days": 180,
        "silence_warning_days": 30,
        "buyer_warning_days": 60,
        "valued_warning_days": 60,
        "veto_days": 7,
        "dead_tag_days": 180,
        "attachment_mb": 10,
        "attachments": 9,
        "free_unverified": 100,
        "free_verified": 2000,
        "renewal_window_days": 90,
        "reply_window_hours": 48,
        "forecast_days": 180,
        "forecast_least_days": 56,
        "forecast_confidence": 90,
        "alert_thresholds": [80, 90, 95, 100],
        "alert_hysteresis": 2,
        "alert_days": [90, 30, 7, 1],
        "webhook_overlap_hours": 24,
        "delivery_days": 30,
        "inactive_days": 180,
        "inactive_kinds": ["message_in", "group_message", "material_click", "purchase", "refund"],
        "spend_window_days": 365,
        "grade_high": "5000",
        "grade_middle": "1000",
        "frequent_purchases": 4,
        "undo_days": 30,
        "job_file_days": 30,
        "job_days": 180,
        "interaction_days": 0,
        "transfer_wait_hours": 24,
        "transfer_limit": 2,
        "transfer_days": 90,
        "taker_limit": 5000,
        "pool_warn_days": 3,
        "answer_minutes": 30,
        "answer_hours": 24,
        "radar_days": 90,
        "collaborators_max": 3,
        "collaboration_invitation_days": 14,
        "collaboration_warning_days": 3,
        "invitation_days": 7,
        "token_days": 365,
    }


def test_only_differences_are_stored_and_read_back_from_json():
    policy = Policy.from_overrides(
        {
            "free_verified": "3000",
            "grade_high": "6000.50",
            "grade_middle": "1000.00",
            "alert_days": [14, 7, 3],
        }
    )
    stored = json.loads(json.dumps(policy.overrides()))
    assert stored == {"free_verified": 3000, "grade_high": "6000.50", "alert_days": [14, 7, 3]}
    assert Policy.from_overrides(stored) == policy
    assert Policy().overrides() == {}


def test_changing_a_setting_keeps_the_others_and_setting_the_default_forgets_it():
    policy = Policy.from_overrides({"undo_days": 10, "inactive_days": 90})
    assert policy.changed({"undo_days": 30}).overrides() == {"inactive_days": 90}
    assert policy.changed({"grade_high": 9000}).overrides() == {
        "undo_days": 10,
        "inactive_days": 90,
        "grade_high": "9000",
    }


def test_a_set_of_kinds_is_stored_in_one_way():
    policy = Policy.from_overrides({"inactive_kinds": ["purchase", "message_in", "purchase"]})
    assert policy.overrides() == {"inactive_kinds": ["message_in", "purchase"]}


def test_a_policy_cannot_be_changed_in_place():
    with pytest.raises(ValidationError):
        Policy().free_verified = 9  # type: ignore[misc]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"renewal_window_days": 0}, {"renewal_window_days": ["Must be at least 1."]}),
        ({"reply_window_hours": 721}, {"reply_window_hours": ["Must be at most 720."]}),
        ({"free_verified": "many"}, {"free_verified": ["Enter a whole number."]}),
        ({"free_verified": None}, {"free_verified": ["Enter a whole number."]}),
        ({"free_verified": 99}, {"free_verified": ["Must be at least the scale without verification."]}),
        ({"grade_high": "lots"}, {"grade_high": ["Enter an amount."]}),
        ({"grade_high": "NaN"}, {"grade_high": ["Enter an amount."]}),
        ({"grade_middle": "1.234"}, {"grade_middle": ["At most 2 decimal places."]}),
        ({"grade_high": 1000}, {"grade_middle": ["Must be less than the amount for high value."]}),
        ({"grade_middle": 5000}, {"grade_middle": ["Must be less than the amount for high value."]}),
        ({"alert_thresholds": [80, 80]}, {"alert_thresholds": ["Must be ascending, each value once."]}),
        (
            {"alert_thresholds": [0, 101]},
            {"alert_thresholds": ["Must be at least 1.", "Must be at most 100."]},
        ),
        ({"alert_days": [1, 7]}, {"alert_days": ["Must be descending, each value once."]}),
        ({"inactive_kinds": []}, {"inactive_kinds": ["Choose at least 1."]}),
        ({"inactive_kinds": ["purchase", "call"]}, {"inactive_kinds": ["Choose one of the offered values."]}),
        ({"free_places": 1}, {"free_places": ["There is no such setting."]}),
        ({"alert_days": "soon"}, {"alert_days": ["Enter a valid value."]}),
        (
            {"undo_days": 0, "token_days": 0},
            {"undo_days": ["Must be at least 1."], "token_days": ["Must be at least 1."]},
        ),
    ],
)
def test_each_bad_setting_is_named_with_a_readable_message(overrides, expected):
    assert refusals(**overrides) == expected


def test_fields_describe_every_setting_with_texts_and_bounds():
    fields = {field.name: field for field in Policy.fields()}
    assert sorted(fields) == sorted(Policy.model_fields)
    groups = list(Group)
    assert [groups.index(field.group) for field in fields.values()] == sorted(
        groups.index(field.group) for field in fields.values()
    )
    assert all(str(field.label) and str(field.help) for field in fields.values())
    window = fields["renewal_window_days"]
    assert (window.type, window.many, window.minimum, window.maximum, window.default) == (
        int,
        False,
        1,
        365,
        90,
    )
    thresholds = fields["alert_thresholds"]
    assert (thresholds.type, thresholds.many, thresholds.minimum, thresholds.maximum) == (int, True, 1, 100)
    assert (fields["grade_high"].type, fields["grade_high"].minimum) == (Decimal, 0)
    assert fields["inactive_kinds"].many
    kinds = fields["inactive_kinds"].type.choices()  # type: ignore[union-attr]
    assert [value for value, _label in kinds] == [
        "message_in",
        "group_message",
        "material_click",
        "purchase",
        "refund",
    ]
