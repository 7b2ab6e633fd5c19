"""Snapshots as files: written for who may open the link, taken in by who may share."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dashboard.actions.carry import (
    ENDING,
    TooLarge,
    import_snapshot,
    snapshot_file,
)
from dashboard.gate import person_of
from dashboard.share_models import ShareLink
from dashboard.traces.portable import BadFile
from dashboard.views.errors import problem_page
from dashboard.views.share import link_or_404, private, told_once
from dashboard.views.trace_exports import attached, share_download

UNPACKED = 2  # how much larger than an upload its content may be


@require_safe
def download(request: HttpRequest, token: str) -> HttpResponse:
    """A snapshot as a file: ``format=spanboard`` can be taken in elsewhere."""
    if request.GET.get("format") != "spanboard":
        return share_download(request, token=token)
    link = link_or_404(request, token)
    # Account names are for people who have an account.
    known = person_of(request).kind in ("local", "user")
    try:
        body = snapshot_file(link, names_author=known)
    except BadFile as problem:
        title = _("This can not be done")
        return private(problem_page(request, 400, title, str(problem)))
    name = link.snapshot.trace_id
    return private(attached(body, "application/gzip", name, ENDING))


@require_POST
def take_in(request: HttpRequest) -> HttpResponse:
    """Take in a snapshot's file; answers as the making of a share does."""
    file = request.FILES.get("file")
    if file is None:
        return _refuse(400, _("No file came. Choose the file of a snapshot."))
    limit = settings.SPANBOARD_UPLOAD_MAX_BYTES
    if (file.size or 0) > limit:
        text = _("The file is larger than %(limit)s MiB.") % {"limit": limit // 2**20}
        return _refuse(413, text)
    try:
        link, token = import_snapshot(
            file.read(),
            max_bytes=UNPACKED * limit,
            days=int(request.POST.get("days") or settings.SPANBOARD_SHARE_DAYS),
            audience=request.POST.get("audience") or ShareLink.Audience.SIGNED_IN,
            person=person_of(request),
            note=request.POST.get("note", ""),
        )
    except TooLarge as problem:
        return _refuse(413, str(problem))
    except ValueError as problem:
        return _refuse(400, str(problem))
    return told_once(request, link, token)


def _refuse(status: int, text: str) -> JsonResponse:
    answer = JsonResponse({"ok": False, "error": text, "status": status}, status=status)
    answer["Cache-Control"] = "no-store"
    return answer
