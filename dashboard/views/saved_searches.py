"""Keeping a search under a name, and forgetting it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboard.actions.saved_searches import forget_search, keep_search
from dashboard.gate import person_of
from dashboard.traces.query import TraceQuery


@require_POST
def keep(request: HttpRequest) -> HttpResponse:
    """Keep the search ``query`` (a query string) as ``name``; leads back to it."""
    asked = _search(request.POST.get("query", ""))
    try:
        keep_search(person_of(request), request.POST.get("name", ""), asked)
    except PermissionError:
        return redirect("dashboard:sign-in")  # guests keep nothing
    except ValueError as problem:
        sentences = {
            "name": _("Give the search a name of at most 80 characters."),
            "long": _("This search is too long to be kept."),
            "many": _("You keep 100 searches. Remove one first."),
        }
        sentence = sentences[str(problem)]
        return JsonResponse({"ok": False, "error": sentence, "status": 400}, status=400)
    return redirect(f"{reverse('dashboard:search')}?{asked}")


@require_POST
def forget(request: HttpRequest, search_id: int) -> HttpResponse:
    """Remove one of the person's own searches; leads to the list that was shown."""
    if forget_search(person_of(request), search_id) is None:
        raise Http404(_("There is no such search."))
    asked = _search(request.POST.get("query", ""))
    return redirect(f"{reverse('dashboard:search')}?{asked}")


def _search(text: str) -> str:
    """A query string with nothing but what a search understands."""
    given = QueryDict(text.replace("\0", ""))
    query, _problems, _unknown = TraceQuery.read(
        {name: given.getlist(name) for name in given}
    )
    return query.to_query_string()
