"""Signing in and out, and one's own account."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login, logout, update_session_auth_hash
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.access.limits import is_too_often
from dashboard.access.models import User


def _next(request: HttpRequest) -> str:
    """Where to go after signing in: a page of ours, else the first one."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return wanted
    return reverse("dashboard:home")


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The form; attempts are limited by address and by name."""
    form = AuthenticationForm(request, data=request.POST or None)
    status, problem = 200, ""
    if request.method == "POST":
        name = request.POST.get("username", "")[:150].casefold()
        if is_too_often(request, "sign-in", settings.SPANBOARD_SIGN_IN_RATE, name):
            status, problem = (
                429,
                _("Too many attempts. Wait five minutes, then retry."),
            )
        elif form.is_valid():
            login(request, form.get_user())
            return redirect(_next(request))
        else:
            status, problem = 403, _("The name or the password is wrong.")
    context = {"form": form, "next": _next(request), "problem": problem}
    return render(request, "dashboard/sign_in.html", context, status=status)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    return redirect("dashboard:home")


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Who one is here, and another password."""
    user = request.user if isinstance(request.user, User) else None
    form = None
    changed = False
    if user is not None and user.has_usable_password():
        form = PasswordChangeForm(user, request.POST or None)
        if request.method == "POST" and form.is_valid():
            update_session_auth_hash(request, form.save())
            changed = True
            form = PasswordChangeForm(user)
    status = 400 if form is not None and form.errors else 200
    context = {"form": form, "changed": changed, "nav": "account"}
    return render(request, "dashboard/account.html", context, status=status)
