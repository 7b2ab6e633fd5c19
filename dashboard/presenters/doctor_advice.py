"""What to change: the exact headers for a mesh's dialect, and code that copies them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

REQUEST_ID = "x-request-id"
B3 = (
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "b3",
)
W3C = ("traceparent", "tracestate")
OLD = ("x-ot-span-context",)
SELDOM = (
    "x-b3-flags",
    "b3",
    "x-ot-span-context",
    "tracestate",
)  # few proxies send them


def headers_for(dialect: str) -> list[str]:
    """The headers that an application must copy in a mesh of this dialect."""
    if dialect == "w3c":
        return [REQUEST_ID, *W3C]
    if dialect == "b3":
        return [REQUEST_ID, *B3, *OLD]
    return [REQUEST_ID, *B3, *OLD, *W3C]


def headers_seen(rule: str, variant: str, dialect: str) -> list[dict[str, str]]:
    """Each header and what became of it: ``forwarded``, ``lost``, …"""
    words = {
        "forwarded": _("forwarded"),
        "lost": _("lost"),
        "unknown": _("can not be seen"),
        "seldom": _("lost, if it came in"),
    }
    found = []
    for name in headers_for(dialect):
        state = "unknown"
        if rule == "context-lost" and variant in ("request-id-only", "nothing"):
            state = "lost"
            if name == REQUEST_ID and variant == "request-id-only":
                state = "forwarded"
            elif name in SELDOM:
                state = "seldom"
        elif rule == "request-id-lost":
            state = "lost" if name == REQUEST_ID else "forwarded"
        elif rule == "sampling-lost" and name in ("x-b3-sampled", REQUEST_ID):
            state = "lost"
        if state != "unknown" or rule == "context-lost":
            found.append({"name": name, "state": state, "text": words[state]})
    return found


def dialect_text(dialect: str) -> str:
    """What this mesh speaks."""
    if dialect == "w3c":
        return _("This mesh speaks W3C Trace Context. B3 headers are not enough here.")
    if dialect == "b3":
        return _("This mesh speaks B3. traceparent is not enough here.")
    return _("The mesh's dialect is not known, so both families are listed.")


def advice(rule: str, variant: str, dialect: str) -> dict[str, Any]:
    """What to change, in a sentence, and code where code is the answer."""
    if rule in ("context-lost", "request-id-lost", "sampling-lost") and (
        variant != "mesh"
    ):
        names = headers_for(dialect)
        return {
            "text": _(
                "Copy these headers from the incoming request to every outgoing one."
            ),
            "dialect": dialect_text(dialect),
            "snippets": snippets(names),
        }
    words = {
        "context-lost": _(
            "Look whether the mesh disables context propagation "
            "(disableContextPropagation), then at the applications."
        ),
        "context-leaked": _(
            "Take the headers from the request that is being served, not from a "
            "thread-local or global variable that an earlier request has set. Clear it "
            "at the end of each request."
        ),
        "missing-hop": _(
            "Give the workload a sidecar (the label istio-injection), or instrument it. "
            "If it is outside the mesh on purpose, say that this is no fault."
        ),
        "mixed-formats": _(
            "Use one tracing provider for the whole mesh, or let the Zipkin provider "
            "write both families (USE_B3_WITH_W3C_PROPAGATION); and let applications "
            "forward both."
        ),
        "clock-skew": _("Let the host keep its time by NTP or chrony."),
        "lost-spans": _(
            "Look at the exporters' and collectors' queues and at the sidecars' logs "
            "for spans that were dropped."
        ),
    }
    return {"text": words[rule], "dialect": "", "snippets": []}


def snippets(names: list[str]) -> list[dict[str, str]]:
    """The same in each language; the names are ours, nothing of a trace is in it."""
    quoted = ",\n    ".join(
        ", ".join(f'"{n}"' for n in names[i : i + 3]) for i in range(0, len(names), 3)
    )
    python = f"""FORWARD = (
    {quoted},
)

def forward(request):
    return {{h: request.headers[h] for h in FORWARD if h in request.headers}}

requests.get(url, headers=forward(request))"""
    java = f"""private static final String[] FORWARD = {{
    {quoted} }};

for (String h : FORWARD) {{
    String v = incoming.getHeaderString(h);
    if (v != null) outgoing.header(h, v);
}}"""
    go = f"""var forward = []string{{
    {quoted},
}}

for _, h := range forward {{
    if v := incoming.Header.Get(h); v != "" {{
        outgoing.Header.Set(h, v)
    }}
}}"""
    node = f"""const FORWARD = [
    {quoted},
];

const headers = Object.fromEntries(
    FORWARD.filter((h) => req.headers[h]).map((h) => [h, req.headers[h]]));
await fetch(url, {{ headers }});"""
    propagators = "b3multi,tracecontext" if "x-b3-traceid" in names else "tracecontext"
    otel = f"""# An OpenTelemetry SDK passes the context on by itself:
OTEL_PROPAGATORS={propagators},baggage
opentelemetry-instrument python app.py        # Python
java -javaagent:opentelemetry-javaagent.jar -jar app.jar
node --require @opentelemetry/auto-instrumentations-node/register app.js
# {REQUEST_ID} is not part of it: copy that header all the same."""
    return [
        {"name": "Python", "code": python},
        {"name": "Java", "code": java},
        {"name": "Go", "code": go},
        {"name": "Node", "code": node},
        {"name": "OpenTelemetry", "code": otel},
    ]
