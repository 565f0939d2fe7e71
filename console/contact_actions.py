"""What can be done with contacts, one at a time: forms and buttons that call one service each."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from common.errors import Refusal, Text
from console import contact_forms
from console.base import Page
from console.contact_page import OneContact
from console.forms import attach
from contacts import access
from contacts.models import Contact, FollowTag
from contacts.rules import RIGHT_OF, Right
from contacts.services import contacts as services
from contacts.services import history, relations, tags
from enterprises.models import Member
from enterprises.rest import get_or_404
from quota import queries as quota
from quota.rules import Action


class ContactAdd(Page):
    """Add somebody: takes a place, or one more friend of a known contact (C1)."""

    permission = "contacts.add"
    template = "console/contacts/form.html"
    title = _("Add a contact")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._show(contact_forms.AddForm(None, self.actor))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = contact_forms.AddForm(request.POST, self.actor)
        if not form.is_valid():
            return self._show(form, status=400)
        given = dict(form.cleaned_data)
        follower = given.pop("follower", "")
        try:
            with transaction.atomic():
                member = get_or_404(Member.objects.all(), follower) if follower else None
                contact, is_new = services.add_contact(self.actor, follower=member, **given)
        except Refusal as refusal:
            return self._show(attach(form, refusal), status=refusal.status)  # type: ignore[arg-type]
        messages.success(
            request, _("The contact was added.") if is_new else _("This contact was known; you are friends now.")
        )
        return self.redirect(reverse("contact", kwargs={"code": self.enterprise.code, "pk": contact.pk}))

    def _show(self, form: forms.Form, status: int = 200) -> HttpResponseBase:
        context = {
            "form": form,
            "button": _("Add"),
            "back": reverse("contacts", kwargs={"code": self.enterprise.code}),
            "decision": quota.decide(self.enterprise, Action.ADD_CONTACT),
        }
        return self.render(context, status=status)


class FormPage(OneContact):
    """A form about a contact: `form` makes it, `save` calls the service."""

    template = "console/contacts/form.html"
    right: ClassVar[Right]
    done: ClassVar[Text] = ""
    button: ClassVar[Text] = _("Save")
    tab: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.permission = cls.right.code

    def get(self, request: HttpRequest, pk: UUID, **_more: Any) -> HttpResponseBase:
        contact = self.contact(pk)
        access.require(self.actor, contact, self.right)
        return self._show(contact, self.form(contact, None))

    def post(self, request: HttpRequest, pk: UUID, **_more: Any) -> HttpResponseBase:
        contact = self.contact(pk)
        access.require(self.actor, contact, self.right)
        form = self.form(contact, request.POST)
        if not form.is_valid():
            return self._show(contact, form, status=400)
        try:
            with transaction.atomic():
                self.save(contact, form)
        except Refusal as refusal:
            return self._show(contact, attach(form, refusal), status=refusal.status)  # type: ignore[arg-type]
        messages.success(request, str(self.done))
        return self.redirect(self.after(contact, self.tab))

    def form(self, contact: Contact, data: Any) -> Any:
        raise NotImplementedError

    def save(self, contact: Contact, form: Any) -> None:
        raise NotImplementedError

    def _show(self, contact: Contact, form: forms.BaseForm, status: int = 200) -> HttpResponseBase:
        context = {"contact": contact, "form": form, "button": self.button, "back": self.address(contact)}
        return self.render(context, status=status)


class ContactEdit(FormPage):
    right = Right.REMARK
    title = _("Edit the contact")
    done = _("The contact was changed.")

    def form(self, contact: Contact, data: Any) -> forms.Form:
        fields = (*services.EDITABLE, "version")
        form = contact_forms.EditForm(data, initial={name: getattr(contact, name) for name in fields})
        rights = access.rights(self.actor, contact)
        for name in services.EDITABLE:
            if RIGHT_OF[name] not in rights:
                del form.fields[name]
        if "phones" in form.fields and not self.actor.may("contacts.phones"):
            del form.fields["phones"]
        elif "phones" in form.fields and data is None and contact.phones:
            services.show_phones(self.actor, contact=contact)  # the form has them in full
        return form

    def save(self, contact: Contact, form: Any) -> None:
        services.edit_contact(self.actor, contact=contact, **form.cleaned_data)


class ContactOwner(FormPage):
    right = Right.ASSIGN
    title = _("Change the owner")
    done = _("The contact has a new owner.")

    def form(self, contact: Contact, data: Any) -> forms.Form:
        return contact_forms.OwnerForm(data, self.actor)

    def save(self, contact: Contact, form: Any) -> None:
        owner = get_or_404(Member.objects.all(), form.cleaned_data["owner"])
        relations.change_owner(self.actor, contact=contact, owner=owner)


class ContactGrade(FormPage):
    right = Right.GRADE
    title = _("Value grade")
    done = _("The grade was set.")

    def form(self, contact: Contact, data: Any) -> forms.Form:
        by_hand = contact.grade_source == "manual"
        return contact_forms.GradeForm(data, initial={"grade": contact.grade if by_hand else ""})

    def save(self, contact: Contact, form: Any) -> None:
        services.set_grade(self.actor, contact=contact, grade=form.cleaned_data["grade"] or None)


class ContactTags(FormPage):
    right = Right.TAG
    title = _("Tags")
    done = _("The tags were changed.")

    def form(self, contact: Contact, data: Any) -> forms.Form:
        worn = FollowTag.objects.filter(contact=contact).values_list("tag_id", flat=True)
        return contact_forms.TagsForm(data, initial={"tags": [str(tag) for tag in worn]})

    def save(self, contact: Contact, form: Any) -> None:
        worn, wanted = set(form.initial["tags"]), set(form.cleaned_data["tags"])
        tags.tag_contact(
            self.actor,
            contact=contact,
            add=[form.known[pk] for pk in wanted - worn],
            remove=[form.known[pk] for pk in worn - wanted if pk in form.known],
        )


class ContactInteraction(FormPage):
    right = Right.FOLLOW_UP
    title = _("Record an interaction")
    done = _("The interaction was recorded.")

    def form(self, contact: Contact, data: Any) -> forms.Form:
        return contact_forms.InteractionForm(data)

    def save(self, contact: Contact, form: Any) -> None:
        history.record_interaction(self.actor, contact=contact, **form.given())


class ContactPurchase(FormPage):
    right = Right.PURCHASE
    title = _("Record a purchase")
    done = _("The purchase was recorded.")
    tab = "purchases"

    def form(self, contact: Contact, data: Any) -> forms.Form:
        return contact_forms.PurchaseForm(data)

    def save(self, contact: Contact, form: Any) -> None:
        history.record_purchase(self.actor, contact=contact, **form.cleaned_data)


class ContactArchive(OneContact):
    """The button behind the question."""

    permission = "contacts.archive"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        contact = services.archive_contact(self.actor, contact=self.contact(pk))
        messages.success(request, _("The contact is archived; its place is free."))
        return self.redirect(self.address(contact))


class ContactRestore(OneContact):
    permission = "contacts.archive"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        contact = services.restore_contact(self.actor, contact=self.contact(pk))
        messages.success(request, _("The contact is served again."))
        return self.redirect(self.address(contact))


class ContactFollow(OneContact):
    """Become a friend of the contact."""

    permission = "contacts.add"

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        contact = self.contact(pk)
        relations.add_follow(self.actor, contact=contact)
        messages.success(request, _("You are a friend of this contact now."))
        return self.redirect(self.address(contact, "followers"))


class ContactUnfollow(OneContact):
    """The end of a relation."""

    permission = "contacts.edit"

    def post(self, request: HttpRequest, pk: UUID, member_id: UUID) -> HttpResponseBase:
        contact = self.contact(pk)
        member = get_or_404(Member.objects.all(), member_id)
        by = request.POST.get("by", "member")
        relations.end_follow(self.actor, contact=contact, member=member, by=by)
        messages.success(request, _("The relation has ended."))
        return self.redirect(self.after(contact, "followers"))
