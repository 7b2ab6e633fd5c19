"""What redaction does, in words: rules, and what a preview shows of them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from dashboard.presenters import text


def rule_words() -> dict[str, str]:
    """Names of the rules for readers; rules of the settings keep their own."""
    return {
        "secret-tag": _("Secret by its key"),
        "personal-tag": _("Personal by its key"),
        "baggage": _("Baggage"),
        "binary": _("Binary values"),
        "encoded": _("Secrets in encodings"),
        "split": _("Secrets in pieces"),
        "sql-literal": _("SQL literals"),
        "private-key": _("Private keys"),
        "url-credentials": _("Passwords in URLs"),
        "query-string": _("Query strings"),
        "header": _("Authorization and cookies"),
        "jwt": _("JWTs"),
        "credentials": _("Credentials"),
        "key": _("Keys of providers"),
        "assigned-secret": _("Assigned secrets"),
        "matrix-parameter": _("Matrix parameters"),
        "ldap": _("LDAP names"),
        "e-mail": _("E-mail addresses"),
        "iban": _("IBANs"),
        "card-number": _("Card numbers"),
        "phone": _("Telephone numbers"),
        "ip": _("IP addresses"),
        "path-token": _("Tokens in paths"),
        "password-hash": _("Hashes of passwords"),
        "national-id": _("National ids"),
        "by-hand": _("Removed by hand"),
        "not-allowed": _("Not on the allow-list"),
    }


def rules_found(rules: dict[str, int]) -> list[dict[str, Any]]:
    """All rules that ran: those that found something first, the most first."""
    words = rule_words()
    ordered = sorted(rules.items(), key=lambda item: (-item[1], item[0]))
    return [
        {"rule": name, "words": words.get(name, name), "count": number}
        for name, number in ordered
    ]


def place_words(example: dict[str, Any]) -> str:
    """Where a field was found: ``300 spans of mysql``."""
    services = example.get("services") or []
    names = ", ".join(service["name"] for service in services[:3])
    if len(services) > 3:
        names += " …"
    spans = text.spans(example["spans"])
    if not names:
        return spans
    return _("%(spans)s of %(services)s") % {"spans": spans, "services": names}


def _notes_text(notes: int, pins: int) -> str:
    """How much of what people wrote goes along; empty where there is nothing."""
    if not notes and not pins:
        return ""
    return _("It takes along notes: %(notes)s, pins: %(pins)s.") % {
        "notes": notes,
        "pins": pins,
    }


def preview_answer(found: dict[str, Any]) -> dict[str, Any]:
    """A preview for the dialog: the sentence, rules, and a page of examples."""
    return {
        "ok": True,
        "total": found["total"],
        "total_text": text.count(found["total"]),
        "notes_text": _notes_text(found.get("notes", 0), found.get("pins", 0)),
        "rules": rules_found(found["rules"]),
        "examples": [
            {**example, "where": place_words(example)} for example in found["examples"]
        ],
        "fields": found["fields"],
        "page": found["page"],
        "pages": found["pages"],
    }


def name_kind_words(kind: str) -> str:
    """What kind of name of the service graph it is."""
    words = {
        "service": _("service"),
        "peer": _("not traced"),
        "version": _("version"),
        "operation": _("operation"),
        "instance": _("instance"),
        "namespace": _("namespace"),
    }
    return words.get(kind, kind)


def graph_preview_answer(found: dict[str, Any]) -> dict[str, Any]:
    """``preview_answer`` for names of the service graph."""
    return {
        "ok": True,
        "total": found["total"],
        "total_text": text.count(found["total"]),
        "rules": rules_found(found["rules"]),
        "examples": [
            {
                **example,
                "field": name_kind_words(example["field"]),
                "where": text.times(example["times"]).strip(" ()"),
            }
            for example in found["examples"]
        ],
        "fields": found["fields"],
        "page": found["page"],
        "pages": found["pages"],
    }
