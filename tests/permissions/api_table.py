"""The API's rows (paths below /api/v1/)."""

from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from common import clock
from contacts.rules import Right
from tests.permissions.table import Row
from tests.permissions.world import OURS, World

TODAY = str(clock.now().date())


def file(text: str, **more: str) -> Callable[[World], dict[str, Any]]:
    """An upload."""
    return lambda _world: {"file": SimpleUploadedFile("upload.csv", text.encode()), **more}


NEW_CONTACT = file("external_userid,name\nwm-new,新客户\n", kind="contacts")
NEW_FILE = file("三件八折")
NEW_MEMBER = file("userid,name\nnew,新人\n")
NEW_DEPARTMENT = file("path\n东区\n")


def plan(world: World) -> dict[str, Any]:
    """Everything to the newcomer."""
    return {"parts": [{"takers": [world.ids["member"]]}]}


def order(world: World) -> dict[str, Any]:
    """Of the one who left."""
    return {"member": world.ids["leaver"], "plan": plan(world)}


def rule(world: World) -> dict[str, Any]:
    """For the south."""
    return {"department": world.ids["department"], "plan": plan(world)}


WHOLE = {"graded_in": 403, "graded_out": 403}


def new_rule(world: World) -> dict[str, Any]:
    """A tag rule."""
    return {"name": "高价值", "conditions": {"grade": ["high"]}, "effect": "tag", "tag": world.ids["tag"]}


# A follow-up is its author's, or an admin's, to change.
NOT_THEIRS = dict.fromkeys(("follower", "viewer", "editor"), 403)

API = [
    Row("POST", "auth/token", ok=401, body={"email": "x@example.com", "password": "x"}, public=True),
    Row("GET", "me"),
    Row("GET", "enterprise"),
    Row("PATCH", "enterprise", "policy.manage", body={"name": "新名"}),
    Row("GET", "enterprise/policy"),
    Row("PATCH", "enterprise/policy", "policy.manage", body={"undo_days": 7}),
    # --- departments, members, roles, tokens
    Row("GET", "departments", "members.view"),
    Row("POST", "departments", "members.manage", 201, {"name": "东区"}),
    Row("GET", "departments/{department}", "members.view"),
    Row("PATCH", "departments/{department}", "members.manage", body={"name": "南大区"}),
    Row("DELETE", "departments/{leaf}", "members.manage", 204),
    Row("GET", "members", "members.view"),
    Row(
        "POST",
        "members",
        "members.manage",
        201,
        lambda w: {"userid": "n", "name": "新", "department": w.ids["department"]},
    ),
    Row("POST", "members/import", "members.manage", 200, NEW_MEMBER, multipart=True),
    Row("POST", "departments/import", "members.manage", 200, NEW_DEPARTMENT, multipart=True),
    Row("GET", "members/{member}", "members.view"),
    Row("PATCH", "members/{member}", "members.manage", body={"name": "改名"}),
    Row("POST", "members/{member}/disable", "members.manage"),
    Row("POST", "members/{away}/enable", "members.manage"),
    Row("POST", "members/{member}/resign", "members.manage"),
    Row("POST", "members/{invited}/invite", "members.manage"),
    Row("GET", "roles", "members.view"),
    Row("POST", "roles", "roles.manage", 201, {"name": "客服", "scope": "related", "permissions": ["contacts.view"]}),
    Row("GET", "roles/{role}", "members.view"),
    Row("PATCH", "roles/{role}", "roles.manage", body={"name": "改名"}),
    Row("DELETE", "roles/{role}", "roles.manage", 204),
    Row("GET", "tokens"),
    Row("POST", "tokens", ok=201, body={"name": "t"}),
    Row("DELETE", "tokens/{token}", ok=204),
    Row("GET", "audit", "audit.view"),
    # --- the scale
    Row("GET", "quota", "quota.view"),
    Row("GET", "quota/packages", "quota.view"),
    Row("POST", "quota/packages", "quota.buy", 201, {"tier": 5000, "kind": "purchase"}),
    Row("GET", "quota/prices", "quota.view"),
    Row("PUT", "quota/platform", "quota.buy", body={"served": 5}),
    Row("GET", "quota/ledger", "quota.ledger"),
    Row("GET", "quota/alerts", "quota.view"),
    Row("GET", "quota/forecast", "quota.view"),
    Row("GET", "quota/campaigns", "quota.view"),
    Row(
        "POST",
        "quota/campaigns",
        "quota.buy",
        201,
        {"name": "双十一", "starts_on": TODAY, "ends_on": TODAY},
    ),
    Row("DELETE", "quota/campaigns/{campaign}", "quota.buy", 204),
    # Counts of all teams: for those who see the whole enterprise.
    Row("GET", "quota/history/teams", "quota.view", but=dict.fromkeys(set(OURS) - {"admin"}, 403)),
    Row("GET", "quota/platform/comparison", "quota.view", but=dict.fromkeys(set(OURS) - {"admin"}, 403)),
    Row("POST", "quota/platform/comparison", "quota.buy", 202),
    Row("GET", "quota/platform/differences", "quota.view", but=dict.fromkeys(set(OURS) - {"admin"}, 403)),
    Row("GET", "quota/platform/release", "contacts.view"),
    Row("POST", "quota/platform/release", "quota.buy"),
    Row("GET", "quota/rehearsal", "quota.view"),
    Row("GET", "reply-windows", "contacts.view"),
    Row("GET", "contacts/{contact}/reply", "contacts.view"),
    Row("GET", "quota/budgets", "quota.view"),
    Row("POST", "quota/budgets", "quota.budgets", 201, lambda w: {"department": w.ids["north"], "places": 5}),
    Row("GET", "quota/budgets/{budget}", "quota.view"),
    Row("PATCH", "quota/budgets/{budget}", "quota.budgets", body={"places": 60}),
    Row("DELETE", "quota/budgets/{budget}", "quota.budgets", 409),  # places are asked for
    Row("GET", "quota/reserve", "quota.view"),
    Row("PUT", "quota/reserve", "quota.budgets", body={"places": 5}),
    Row("GET", "quota/loans", "quota.view"),
    # Who may not speak for a team that they see cannot ask for it; who does not see it cannot name it.
    Row(
        "POST",
        "quota/loans",
        "quota.view",
        201,
        lambda w: {"borrower": w.ids["budget"], "places": 1},
        but={"owner": 403, **dict.fromkeys(("staff", "viewer", "editor", "follower", "graded_out"), 400)},
    ),
    Row("POST", "quota/loans/{loan}/approve", "quota.view", but={"owner": 403, "graded_in": 403}),
    Row("POST", "quota/loans/{loan}/refuse", "quota.view", but={"owner": 403, "graded_in": 403}),
    Row("POST", "quota/loans/{loan}/withdraw", "quota.view", but={"owner": 403}),
    Row("POST", "quota/loans/{lent}/return", "quota.view", but={"owner": 403}),
    # The plan of the whole enterprise: for those who see all of it.
    Row("GET", "quota/seats", "quota.view", but=dict.fromkeys(set(OURS) - {"admin"}, 403)),
    Row("GET", "quota/plan", "quota.view", but=dict.fromkeys(set(OURS) - {"admin"}, 403)),
    Row("GET", "quota/plan/contacts", "quota.view", but=dict.fromkeys(set(OURS) - {"admin"}, 403)),
    Row(
        "POST",
        "quota/plan/carry-out",
        "contacts.archive",
        202,
        {"archive_count": 1},
        but=dict.fromkeys(set(OURS) - {"admin"}, 403),
    ),
    # --- contacts
    Row("GET", "contacts", "contacts.view"),
    Row("POST", "contacts", "contacts.add", 201, {"external_userid": "wm-new", "name": "新客户"}),
    Row("GET", "contacts/search", "contacts.view"),
    Row("GET", "contacts/views", "contacts.view"),
    Row("POST", "contacts/views", "contacts.view", 201, {"name": "我的", "filter": {"owner": "me"}}),
    Row("GET", "contacts/views/{view}", "contacts.view"),
    Row("PATCH", "contacts/views/{view}", "views.share", body={"name": "改名"}),
    Row("DELETE", "contacts/views/{view}", "views.share", 204),
    Row("GET", "contacts/{contact}", "contacts.view"),
    Row("PATCH", "contacts/{contact}", Right.REMARK, body={"remark": "x"}),
    Row("POST", "contacts/{contact}/archive", Right.ARCHIVE),
    Row("POST", "contacts/{archived}/restore", Right.ARCHIVE),
    Row("POST", "contacts/{contact}/grade", Right.GRADE, body={"grade": "high"}),
    Row("POST", "contacts/{contact}/owner", Right.ASSIGN, body=lambda w: {"owner": w.ids["member"]}),
    Row("POST", "contacts/{contact}/tags", Right.TAG, body=lambda w: {"add": [w.ids["tag"]]}),
    Row("POST", "contacts/{contact}/follows", "contacts.add", (200, 201), {"remark": "x"}),
    # The friendship of somebody else is theirs, or an admin's, to end.
    Row(
        "DELETE",
        "contacts/{contact}/follows/{friend}",
        "contacts.edit",
        204,
        but=dict.fromkeys(("owner", "editor", "viewer"), 403),
    ),
    Row("POST", "contacts/{contact}/interactions", Right.FOLLOW_UP, 201, {"kind": "message_in"}),
    Row("POST", "contacts/{contact}/purchases", Right.PURCHASE, 201, {"order_no": "1", "amount": "9.90"}),
    Row("POST", "contacts/{contact}/phones", "contacts.phones"),
    Row("POST", "contacts/{contact}/export", "contacts.export", 202),
    Row("POST", "contacts/{contact}/erase", Right.DELETE, 400, {"confirm": "x"}),
    Row("GET", "contacts/{contact}/timeline", "contacts.view"),
    Row("GET", "contacts/{contact}/collaborators", "contacts.view"),
    Row(
        "POST",
        "contacts/{contact}/collaborators",
        Right.SHARE,
        # The contact has its three (a viewer, an editor, an invitation).
        409,
        lambda w: {"member": w.ids["member"], "level": "viewer"},
    ),
    Row("PATCH", "contacts/{contact}/collaborators/{editor}", Right.SHARE, body={"level": "viewer"}),
    # Collaborators leave by themselves.
    Row(
        "DELETE",
        "contacts/{contact}/collaborators/{editor}",
        "contacts.view",
        204,
        but={"viewer": 403, "follower": 403},
    ),
    Row("GET", "collaborations", "contacts.view"),
    Row("GET", "collaborations/invitations", "contacts.view"),
    Row("POST", "collaborations/invitations/{invitation}/accept", "contacts.view"),
    Row("POST", "collaborations/invitations/{invitation}/decline", "contacts.view", 204),
    Row("GET", "collaborations/rules", "policy.manage"),
    Row("PATCH", "collaborations/rules/{role}", "policy.manage", body={"most": 5}),
    Row("GET", "members/{member}/visibility", "members.view"),
    Row("GET", "contacts/{contact}/visibility", "contacts.view"),
    Row("GET", "contacts/{contact}/follow-ups", "contacts.view"),
    Row("POST", "contacts/{contact}/follow-ups", Right.FOLLOW_UP, 201, {"text": "回访"}),
    Row("GET", "follow-ups", "contacts.view"),
    Row("GET", "follow-ups/{follow_up}", "contacts.view"),
    # What somebody else wrote is theirs, or an admin's, to change.
    Row("PATCH", "follow-ups/{follow_up}", "contacts.edit", body={"text": "再访"}, but=NOT_THEIRS),
    Row("DELETE", "follow-ups/{follow_up}", "contacts.edit", 204, but=NOT_THEIRS),
    Row("POST", "follow-ups/{follow_up}/done", Right.FOLLOW_UP),
    Row("POST", "follow-ups/{follow_up}/files", "contacts.edit", 201, NEW_FILE, multipart=True, but=NOT_THEIRS),
    Row("GET", "follow-ups/{follow_up}/files/{file}", "contacts.view"),
    Row("DELETE", "follow-ups/{follow_up}/files/{file}", "contacts.edit", 204, but=NOT_THEIRS),
    Row("GET", "follow-ups/calendar", "contacts.view"),
    Row("POST", "follow-ups/calendar", "contacts.view", 201),
    Row("DELETE", "follow-ups/calendar", "contacts.view", 204),
    Row("POST", "contacts/bulk", "contacts.archive", 202, lambda w: {"action": "archive", "ids": [w.ids["contact"]]}),
    Row(
        "POST",
        "contacts/bulk/preview",
        "contacts.archive",
        body=lambda w: {"action": "archive", "ids": [w.ids["contact"]]},
    ),
    Row("POST", "imports", "contacts.import", 202, NEW_CONTACT, multipart=True),
    Row("POST", "exports", "contacts.export", 202, {"format": "csv"}),
    Row("GET", "groups", "groups.view"),
    Row("POST", "groups", "groups.manage", 201, {"name": "新群"}),
    Row("GET", "groups/{group}", "groups.view"),
    Row("PATCH", "groups/{group}", "groups.manage", body={"name": "改名"}),
    Row("DELETE", "groups/{group}", "groups.manage", 204),
    Row("GET", "groups/{group}/members", "groups.view"),
    Row("POST", "groups/{group}/members", "groups.manage", body=lambda w: {"contacts": [w.ids["contact"]]}),
    Row("DELETE", "groups/{group}/members", "groups.manage", 200, lambda w: {"contacts": [w.ids["contact"]]}),
    Row("GET", "tag-groups", "contacts.view"),
    Row("POST", "tag-groups", "tags.manage", 201, {"name": "行业"}),
    Row("GET", "tag-groups/{tag_group}", "contacts.view"),
    Row("PATCH", "tag-groups/{tag_group}", "tags.manage", body={"name": "改名"}),
    Row("DELETE", "tag-groups/{tag_group}", "tags.manage", 204),
    Row("GET", "tags", "contacts.view"),
    Row("POST", "tags", "tags.manage", 201, lambda w: {"group": w.ids["tag_group"], "name": "新标签"}),
    Row("GET", "tags/{tag}", "contacts.view"),
    Row("PATCH", "tags/{tag}", "tags.manage", body={"name": "改名"}),
    Row("DELETE", "tags/{tag}", "tags.manage", 204),
    # --- hand-over
    Row("GET", "transfers", "contacts.assign"),
    Row("POST", "transfers", "contacts.assign", 201, order, but={"graded_out": 403}),
    Row("POST", "transfers/preview", "contacts.assign", 200, order, but={"graded_out": 403}),
    Row("GET", "transfers/pool", "contacts.assign"),
    Row("GET", "transfers/rules", "contacts.assign"),
    Row("POST", "transfers/rules", "contacts.assign", 200, rule, but={"graded_out": 403}),
    Row("DELETE", "transfers/rules/{inheritance_rule}", "contacts.assign", 204),
    Row("GET", "transfers/{transfer}", "contacts.assign"),
    Row("GET", "transfers/{transfer}/items", "contacts.assign"),
    Row("POST", "transfers/{stopped}/retry", "contacts.assign", body=lambda w: {"taker": w.ids["member"]}),
    Row("POST", "transfers/{transfer}/cancel", "contacts.assign"),
    Row(
        "POST",
        "transfers/{transfer}/results",
        "contacts.assign",
        body=lambda w: {"results": [{"item": w.ids["handed"], "state": "refused"}]},
    ),
    Row("GET", "clean-ups", "contacts.view"),
    # Nobody silent in somebody's range: there is nothing to announce.
    Row("POST", "clean-ups", "contacts.archive", (201, 409)),
    Row("GET", "clean-ups/{clean_up}", "contacts.view"),
    Row("POST", "clean-ups/{clean_up}/keep", "contacts.edit", body={}),
    Row(
        "POST",
        "clean-ups/{clean_up}/let-go",
        "contacts.edit",
        body={"contacts": ["01900000-0000-7000-8000-000000000000"]},
    ),
    Row("DELETE", "clean-ups/{clean_up}", "contacts.archive", 204),
    Row("GET", "contacts/merge-suggestions", "contacts.merge"),
    Row("GET", "contacts/{contact}/merges", "contacts.view"),
    Row("POST", "contacts/{contact}/merges", "contacts.merge", 201, lambda w: {"gone": w.ids["silent"]}),
    Row("POST", "contacts/{contact}/merges/preview", "contacts.merge", 200, lambda w: {"gone": w.ids["silent"]}),
    Row("POST", "contacts/{contact}/merges/{merge}/undo", "contacts.merge"),
    Row("GET", "losses", "contacts.view"),
    Row("GET", "losses/report", "contacts.view"),
    Row("GET", "losses/ahead", "contacts.view"),
    Row("GET", "contacts/{contact}/tags/explained", "contacts.view"),
    # Rules and counts speak about every contact: for those who see every contact.
    Row("GET", "tags/usage", "tags.manage", but=WHOLE),
    Row("POST", "tags/{tag}/merge", "tags.manage", 202, lambda w: {"into": w.ids["other_tag"]}),
    Row("GET", "tag-rules", "tags.manage", but=WHOLE),
    Row("POST", "tag-rules", "tags.manage", 201, new_rule, but=WHOLE),
    Row("POST", "tag-rules/trial", "tags.manage", 200, new_rule, but=WHOLE),
    Row("GET", "tag-rules/conflicts", "tags.manage", but=WHOLE),
    Row("GET", "tag-rules/{tag_rule}", "tags.manage", but=WHOLE),
    Row("PUT", "tag-rules/{tag_rule}", "tags.manage", 200, new_rule, but=WHOLE),
    Row("DELETE", "tag-rules/{tag_rule}", "tags.manage", 204, but=WHOLE),
    Row("POST", "tag-rules/{tag_rule}/apply", "tags.manage", 202, but=WHOLE),
    # --- duplicates, team board
    Row("GET", "duplicates", "contacts.assign"),
    Row("POST", "duplicates/settle", "contacts.assign", 202, {"by": "first"}),
    Row("POST", "duplicates/look", "contacts.assign", 202),
    Row("POST", "duplicates/{duplicate}/settle", "contacts.assign", body=lambda w: {"owner": w.ids["holder"]}),
    Row("POST", "duplicates/{settled_duplicate}/undo", "contacts.assign"),
    Row("GET", "team-board", "team.view"),
    Row("GET", "team-board/export", "team.view"),
    # --- jobs
    Row("GET", "jobs"),
    Row("GET", "jobs/{job}"),
    Row("GET", "jobs/{job}/report", ok=404),
    Row("POST", "jobs/{open_job}/cancel"),
    Row("POST", "jobs/{failed_job}/retry", ok=202),
    Row("POST", "jobs/{job}/undo", ok=202),
    Row("GET", "notifications"),
    Row("POST", "notifications/read"),
    Row("POST", "notifications/{notification}/read"),
    Row("GET", "notifications/preferences"),
    Row("PATCH", "notifications/preferences", body={"job.done": {"mail": True}}),
    Row("GET", "webhooks", "webhooks.manage"),
    Row("POST", "webhooks", "webhooks.manage", 201, {"name": "x", "url": "https://hooks.example.com/"}),
    Row("GET", "webhooks/events", "webhooks.manage"),
    Row("GET", "webhooks/{webhook}", "webhooks.manage"),
    Row("PATCH", "webhooks/{webhook}", "webhooks.manage", body={"name": "CRM"}),
    Row("DELETE", "webhooks/{webhook}", "webhooks.manage", 204),
    Row("POST", "webhooks/{webhook}/rotate", "webhooks.manage"),
    Row("POST", "webhooks/{webhook}/test", "webhooks.manage", 202),
    Row("GET", "webhooks/{webhook}/deliveries", "webhooks.manage"),
    Row("GET", "webhooks/{webhook}/deliveries/{delivery}", "webhooks.manage"),
    Row("POST", "webhooks/{webhook}/deliveries/{delivery}/redeliver", "webhooks.manage", 202),
    # --- upstream and downstream
    Row("GET", "spaces", "spaces.view"),
    Row("POST", "spaces", "spaces.manage", 201, {"name": "新空间"}),
    Row("GET", "spaces/{space}", "spaces.view"),
    Row("PATCH", "spaces/{space}", "spaces.manage", body={"purpose": "合作"}),
    Row("DELETE", "spaces/{empty_space}", "spaces.manage", 204),
    Row("GET", "series", "spaces.view"),
    Row("POST", "series", "spaces.manage", 201, {"name": "系列"}),
    Row("GET", "spaces/{space}/subgroups", "spaces.view"),
    Row("POST", "spaces/{space}/subgroups", "spaces.manage", 201, {"name": "二组"}),
    Row("PATCH", "spaces/{space}/subgroups/{subgroup}", "spaces.manage", body={"name": "改名"}),
    Row("DELETE", "spaces/{space}/subgroups/{empty_subgroup}", "spaces.manage", 204),
    Row("GET", "spaces/{space}/partners", "spaces.view"),
    Row("POST", "spaces/{space}/partners", "spaces.edit", 201, {"name": "新伙伴"}),
    Row("GET", "spaces/{space}/contacts", "spaces.view"),
    Row(
        "POST",
        "spaces/{space}/contacts",
        "spaces.edit",
        201,
        lambda w: {"partner": w.ids["partner"], "name": "韩梅梅"},
        but={"graded_out": 404},
    ),
    Row("GET", "spaces/{space}/members", "spaces.view"),
    Row("POST", "spaces/{space}/members", "spaces.manage", 201, lambda w: {"members": [w.ids["member"]]}),
    Row("PATCH", "spaces/{space}/members/{space_member}", "spaces.manage", body={"subgroups": []}),
    Row("DELETE", "spaces/{space}/members/{space_member}", "spaces.manage", 204),
    Row("GET", "spaces/{space}/rules", "spaces.manage"),
    Row(
        "POST",
        "spaces/{space}/rules",
        "spaces.manage",
        201,
        lambda w: {"name": "新规则", "members": [w.ids["member"]], "subgroups": [w.ids["subgroup"]]},
    ),
    Row("PATCH", "spaces/{space}/rules/{rule}", "spaces.manage", body={"name": "改名"}),
    Row("DELETE", "spaces/{space}/rules/{rule}", "spaces.manage", 204),
    Row("GET", "spaces/{space}/visibility", "spaces.manage", 400),
    Row("POST", "spaces/{space}/import", "spaces.edit", 202, file("company,name\n新公司,某人\n"), multipart=True),
    Row("GET", "spaces/{space}/shares", "spaces.view"),
    Row("GET", "shares", "spaces.view"),
    Row(
        "POST",
        "shares",
        "spaces.share",
        201,
        lambda w: {"kind": "link", "title": "x", "url": "https://example.com/", "space": w.ids["space"]},
        but={"graded_out": 400},
    ),
    Row("GET", "shares/{share}", "spaces.view"),
    Row("DELETE", "shares/{share}", "spaces.share"),
    Row("POST", "partner-contacts/{seat}/workbench", "spaces.share", 201),
    Row("DELETE", "partner-contacts/{seat}/workbench", "spaces.share", 204),
    Row("GET", "spaces/{space}/invitations", "spaces.invite"),
    Row("POST", "spaces/{space}/invitations", "spaces.manage", 201, {"source": "展会"}),
    Row("GET", "invitations", "spaces.invite"),
    Row(
        "POST",
        "invitations",
        "spaces.manage",
        201,
        lambda w: {"space": w.ids["space"]},
        but={"graded_out": 400},
    ),
    Row(
        "POST",
        "invitations/customers",
        "spaces.invite",
        201,
        lambda w: {"space": w.ids["space"], "ids": [w.ids["contact"]]},
        but=dict.fromkeys(set(OURS), 400),
    ),
    Row("GET", "invitations/{link}", "spaces.invite"),
    Row("DELETE", "invitations/{link}", "spaces.invite"),
    Row("GET", "invitations/{personal}/invitees", "spaces.invite"),
    Row(
        "POST",
        "invitations/{personal}/sent",
        "spaces.invite",
        body=lambda w: {"ids": [w.ids["invitee"]]},
        but={"graded_in": 400},
    ),
    Row("POST", "invitations/{personal}/remind", "spaces.invite"),
    Row("GET", "applications", "spaces.edit"),
    Row("POST", "applications/{application}/approve", "spaces.edit"),
    Row("POST", "applications/{application}/decline", "spaces.edit"),
    Row("GET", "partners", "spaces.view"),
    Row(
        "POST",
        "partners",
        "spaces.edit",
        201,
        lambda w: {"name": "新伙伴", "space": w.ids["space"]},
        but={"graded_out": 400},
    ),
    Row("GET", "partners/{partner}", "spaces.view"),
    Row("PATCH", "partners/{partner}", "spaces.edit", body={"region": "华南"}),
    Row("DELETE", "partners/{partner}", "spaces.edit", 204),
    Row("POST", "partners/{partner}/verify", "spaces.edit", body={"credit_code": "91440300MA5D111111"}),
    Row(
        "POST",
        "partners/{other_partner}/move",
        "spaces.edit",
        body=lambda w: {"space": w.ids["empty_space"]},
        but={"graded_in": 400},
    ),
    Row(
        "POST",
        "partners/{partner}/split",
        "spaces.edit",
        201,
        lambda w: {"name": "子公司", "contacts": [w.ids["seat"]]},
    ),
    Row("POST", "partners/{partner}/merge", "spaces.edit", body=lambda w: {"into": w.ids["other_partner"]}),
    Row("GET", "partner-contacts", "spaces.view"),
    Row("GET", "partner-contacts/{seat}", "spaces.view"),
    Row("PATCH", "partner-contacts/{seat}", "spaces.edit", body={"title": "采购"}),
    Row("DELETE", "partner-contacts/{seat}", "spaces.edit", 204),
    Row("PUT", "partner-contacts/{seat}/customer", "spaces.edit", body={"contact": None}),
    Row("GET", "schema", public=True),
]
