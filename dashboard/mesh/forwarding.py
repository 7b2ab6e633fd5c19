"""Which headers an application hands on: what the doctor is there to find out."""

from __future__ import annotations

from collections.abc import Mapping

B3 = (
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "b3",
)
W3C = ("traceparent", "tracestate")
ALWAYS = ("end-user",)

# The list that Istio's articles of the B3 years give.
OLD_LIST = (
    "x-request-id",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "x-ot-span-context",
)
EVERYTHING = ("x-request-id", *B3, "x-ot-span-context", *W3C)
NO_DECISION = ("x-b3-sampled", "x-b3-flags", "b3")

FORWARDED: dict[str, tuple[str, ...]] = {
    "all": EVERYTHING,
    "none": (),
    "request-id": ("x-request-id",),
    "no-request-id": tuple(h for h in EVERYTHING if h != "x-request-id"),
    "no-span-id": ("x-request-id", "x-b3-traceid", "x-b3-sampled"),
    "no-sampled": tuple(h for h in EVERYTHING if h not in NO_DECISION),
    "ids-only": ("x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid"),
    "old-list": OLD_LIST,
    "traceparent": ("x-request-id", *W3C),
    "leaked": EVERYTHING,
}
MODES = tuple(FORWARDED)


def hand_on(mode: str, headers: Mapping[str, str]) -> dict[str, str]:
    """What an outgoing call carries of an incoming request's ``headers``."""
    return {
        name: headers[name] for name in (*ALWAYS, *FORWARDED[mode]) if name in headers
    }
