"""REST: what tags mean on a contact, how much they are worn, and rules (C13)."""

from typing import Any

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.rest import Body
from contacts import tag_history, tag_usage, worn_tags
from contacts.api import shapes
from contacts.api.contacts import ContactView
from contacts.models import Tag, TagRule
from contacts.rules import TagEffect
from contacts.services import tag_rules as services
from enterprises.rest import check_version, etag, get_or_404, reference
from jobs.api import JobReference


class WearerShape(serializers.Serializer):
    member = shapes.NamedShape()
    rule = shapes.NamedShape(allow_null=True, help_text=_("The rule that put it on; null: by hand."))


class WornTagShape(serializers.Serializer):
    id = serializers.UUIDField(allow_null=True, help_text=_("Null for the system's own tag."))
    name = serializers.CharField()
    group = serializers.CharField()
    colour = serializers.CharField()
    system = serializers.BooleanField()
    by = WearerShape(many=True)


class VerdictShape(serializers.Serializer):
    rule = shapes.NamedShape()
    tag = shapes.NamedShape()
    effect = serializers.ChoiceField(TagEffect.choices())
    answers = serializers.BooleanField(help_text=_("Does the contact answer the conditions now?"))
    decided_by = shapes.NamedShape(allow_null=True, help_text=_("The earlier rule that decided about this tag."))


class ContactTagsShape(serializers.Serializer):
    tags = WornTagShape(many=True)
    rules = VerdictShape(many=True)


class UsageShape(serializers.Serializer):
    tag = shapes.TagShape()
    contacts = serializers.IntegerField()
    last_at = serializers.DateTimeField(allow_null=True)
    dead = serializers.BooleanField()
    rules = shapes.NamedShape(many=True)


class UsageReportShape(serializers.Serializer):
    at = serializers.DateTimeField(help_text=_("When it was counted."))
    results = UsageShape(many=True)


class TagRuleBody(Body):
    name = serializers.CharField(max_length=64)
    conditions = serializers.DictField(help_text=_("A filter of contacts, as in GET contacts."))
    effect = serializers.ChoiceField(TagEffect.choices())
    tag = serializers.UUIDField()
    active = serializers.BooleanField(default=False)
    position = serializers.IntegerField(min_value=0, max_value=10000, required=False)


class TrialBody(TagRuleBody):
    past_days = serializers.IntegerField(
        min_value=1,
        max_value=tag_history.LONGEST,
        required=False,
        help_text=_("Also tell what the rule would have done in so many days that are over."),
    )


class TagRuleShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    conditions = serializers.DictField()
    effect = serializers.ChoiceField(TagEffect.choices())
    tag = shapes.NamedShape()
    active = serializers.BooleanField()
    position = serializers.IntegerField()
    applied_at = serializers.DateTimeField(allow_null=True)


RULES = shapes.page_of(TagRuleShape)


class RulePastDayShape(serializers.Serializer):
    day = serializers.DateField()
    put = serializers.IntegerField()
    taken = serializers.IntegerField()


class RulePastExampleShape(serializers.Serializer):
    contact = shapes.NamedShape()
    day = serializers.DateField()
    answers = serializers.BooleanField(help_text=_("It began to answer the conditions; false: it ceased to."))
    known_days = serializers.IntegerField()
    silent_days = serializers.IntegerField()
    spend = serializers.DecimalField(max_digits=14, decimal_places=2)


class RulePastShape(serializers.Serializer):
    days = serializers.IntegerField()
    contacts = shapes.CountShape()
    looked_at = serializers.IntegerField(help_text=_("So many of the contacts were looked at, drawn by chance."))
    asked = serializers.ListField(
        child=serializers.CharField(), help_text=_("The conditions that were asked of each night.")
    )
    as_today = serializers.ListField(
        child=serializers.CharField(), help_text=_("The conditions that are known only as they are today.")
    )
    blurred = serializers.BooleanField(help_text=_("Interactions of that time are deleted in part."))
    at_first = serializers.IntegerField(help_text=_("Contacts that answered on the first night already."))
    put = serializers.IntegerField()
    taken = serializers.IntegerField()
    by_day = RulePastDayShape(many=True)
    examples = RulePastExampleShape(many=True)


class TrialShape(serializers.Serializer):
    matching = shapes.CountShape()
    changes = shapes.CountShape(help_text=_("Contacts that would get or lose the tag."))
    refused = shapes.CountShape(
        help_text=_("Contacts that would get it, but whose member put as many on as WeCom takes.")
    )
    removes = shapes.CountShape(help_text=_("Contacts from whom the rule would take it off again."))
    contacts = shapes.NamedShape(many=True, help_text=_("Some of those that would change."))
    history = RulePastShape(allow_null=True, help_text=_("Null unless past_days was given."))


class FindingShape(serializers.Serializer):
    trouble = serializers.ChoiceField(services.Trouble.choices())
    detail = serializers.CharField()
    rule = shapes.NamedShape()
    other = shapes.NamedShape()
    contacts = shapes.CountShape(allow_null=True)


class FindingsShape(serializers.Serializer):
    results = FindingShape(many=True)


def named(row: Any) -> dict[str, Any] | None:
    """Something by id and name."""
    return {"id": row.pk, "name": str(row)} if row is not None else None


def counted(count: Any) -> dict[str, Any]:
    """A number, and whether it is exact."""
    return {"value": count.value, "exact": count.exact}


def represent(rule: TagRule) -> dict[str, Any]:
    """A rule as documents show it."""
    return {
        "id": rule.pk,
        "name": rule.name,
        "conditions": rule.conditions,
        "effect": rule.effect,
        "tag": named(rule.tag),
        "active": rule.active,
        "position": rule.position,
        "applied_at": rule.applied_at,
    }


def past_of(history: tag_history.History) -> dict[str, Any]:
    """What a rule would have done, as documents show it."""
    told = history.told
    return {
        "days": history.days,
        "contacts": counted(history.contacts),
        "looked_at": history.looked_at,
        "asked": history.asked,
        "as_today": history.as_today,
        "blurred": history.blurred,
        "at_first": told.at_first,
        "put": told.put,
        "taken": told.taken,
        "by_day": [{"day": day, "put": put, "taken": taken} for day, put, taken in told.days],
        "examples": [
            {
                "contact": named(one.contact),
                "day": one.day,
                "answers": one.put,
                "known_days": one.known_days,
                "silent_days": one.silent_days,
                "spend": one.spend,
            }
            for one in history.examples
        ],
    }


class ContactTagsListView(ContactView):
    """The tags of a contact with whose they are, and what every rule says about it."""

    permissions = {"GET": "contacts.view"}

    @extend_schema(responses=ContactTagsShape)
    def get(self, request: Request, pk: str) -> Response:
        contact = self.contact(pk)
        worn = [
            {
                "id": one.id,
                "name": one.name,
                "group": one.group,
                "colour": one.colour,
                "system": one.system,
                "by": [{"member": named(member), "rule": named(rule)} for member, rule in one.by],
            }
            for one in worn_tags.of(contact)
        ]
        verdicts = [
            {
                "rule": named(one.rule),
                "tag": named(one.rule.tag),
                "effect": one.rule.effect,
                "answers": one.answers,
                "decided_by": named(one.decided_by),
            }
            for one in services.explain(self.actor, contact)
        ]
        return Response({"tags": worn, "rules": verdicts})


class UsageView(ContactView):
    """How much each tag is worn, the dead ones first. Kept for an hour; fresh=1 counts anew."""

    permissions = {"GET": "tags.manage"}

    @extend_schema(parameters=[OpenApiParameter("fresh", bool)], responses=UsageReportShape)
    def get(self, request: Request) -> Response:
        self.check_query(("fresh",))
        services.require(self.actor)
        report = tag_usage.report(fresh=self.flag("fresh"))
        results = [
            {
                "tag": {"id": one.tag.pk, "name": one.tag.name, "group": one.tag.group.name},
                "contacts": one.contacts,
                "last_at": one.last_at,
                "dead": one.dead,
                "rules": [named(rule) for rule in one.rules],
            }
            for one in report.tags
        ]
        return Response({"at": report.at, "results": results})


class RuleView(ContactView):
    """What the views of rules share: they are for those who see every contact."""

    def rule(self, pk: str) -> TagRule:
        """The rule; 403 for those who do not see every contact."""
        services.require(self.actor)
        return get_or_404(TagRule.objects.select_related("tag"), pk)

    def given(self, body: type[TagRuleBody] = TagRuleBody) -> dict[str, Any]:
        """The checked body, with its tag."""
        data = self.read(body)
        data["tag"] = reference(Tag.objects.all(), data["tag"], "tag")
        return data


class RulesView(RuleView):
    """All rules in the order in which they apply."""

    permissions = {"GET": "tags.manage", "POST": "tags.manage"}

    @extend_schema(parameters=shapes.PAGING, responses=RULES)
    def get(self, request: Request) -> Response:
        self.check_query()
        services.require(self.actor)
        return self.page(TagRule.objects.select_related("tag"), represent, orderings=("position",), default="position")

    @extend_schema(request=TagRuleBody, responses={201: TagRuleShape})
    def post(self, request: Request) -> Response:
        rule = services.save(self.actor, **self.given())
        return etag(Response(represent(rule), status=201), rule.version)


class OneRuleView(RuleView):
    """One rule; PUT replaces it."""

    permissions = {"GET": "tags.manage", "PUT": "tags.manage", "DELETE": "tags.manage"}

    @extend_schema(responses=TagRuleShape)
    def get(self, request: Request, pk: str) -> Response:
        rule = self.rule(pk)
        return etag(Response(represent(rule)), rule.version)

    @extend_schema(request=TagRuleBody, responses=TagRuleShape)
    def put(self, request: Request, pk: str) -> Response:
        rule = self.rule(pk)
        check_version(request, rule)
        rule = services.save(self.actor, rule=rule, **self.given())
        return etag(Response(represent(rule)), rule.version)

    @extend_schema(
        request=None,
        parameters=[OpenApiParameter("take_off", bool, description=_("With the tags that it put on."))],
        responses={204: None},
    )
    def delete(self, request: Request, pk: str) -> Response:
        self.check_query(("take_off",))
        services.delete(self.actor, rule=self.rule(pk), take_off=self.flag("take_off"))
        return Response(status=204)


class TrialView(RuleView):
    """What a rule would do to the contacts as they are, and would have done in the past, without writing anything."""

    permissions = {"POST": "tags.manage"}

    @extend_schema(request=TrialBody, responses=TrialShape)
    def post(self, request: Request) -> Response:
        data = self.given(TrialBody)
        conditions = services.checked(self.actor, data["conditions"])
        last = data.get("position", 10**6)
        rule = TagRule(conditions=conditions, effect=data["effect"], tag=data["tag"], position=last)
        trial = services.try_out(self.actor, rule=rule)
        numbers = {name: counted(getattr(trial, name)) for name in ("matching", "changes", "refused", "removes")}
        contacts = [named(contact) for contact in trial.contacts]
        days = data.get("past_days")
        past = past_of(tag_history.look_back(self.actor, rule=rule, days=days)) if days else None
        return Response({**numbers, "contacts": contacts, "history": past})


class ApplyView(RuleView):
    """Apply a rule now, as a job."""

    permissions = {"POST": "tags.manage"}

    @extend_schema(request=None, responses={202: JobReference})
    def post(self, request: Request, pk: str) -> Response:
        return Response(JobReference(services.start(self.actor, rule=self.rule(pk))).data, status=202)


class ConflictsView(RuleView):
    """How the active rules get into each other's way."""

    permissions = {"GET": "tags.manage"}

    @extend_schema(responses=FindingsShape)
    def get(self, request: Request) -> Response:
        results = [
            {
                "trouble": one.trouble.value,
                "detail": one.trouble.label,
                "rule": named(one.rule),
                "other": named(one.other),
                "contacts": counted(one.contacts) if one.contacts else None,
            }
            for one in services.conflicts(self.actor)
        ]
        return Response({"results": results})


urlpatterns = [
    path("contacts/<uuid:pk>/tags/explained", ContactTagsListView.as_view(), name="contact-tags-explained"),
    path("tags/usage", UsageView.as_view(), name="tag-usage"),
    path("tag-rules", RulesView.as_view(), name="tag-rules"),
    path("tag-rules/trial", TrialView.as_view(), name="tag-rule-trial"),
    path("tag-rules/conflicts", ConflictsView.as_view(), name="tag-rule-conflicts"),
    path("tag-rules/<uuid:pk>", OneRuleView.as_view(), name="tag-rule"),
    path("tag-rules/<uuid:pk>/apply", ApplyView.as_view(), name="tag-rule-apply"),
]
