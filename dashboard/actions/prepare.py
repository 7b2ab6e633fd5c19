"""Makes traces ready to be written, outside of any transaction."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.conf import settings

from dashboard.adjusters.standard import adjust
from dashboard.analysis.analyse import Analysis, analyse
from dashboard.graph.calls import Call
from dashboard.graph.contribution import Contribution, contribution
from dashboard.graph.link import link
from dashboard.graph.plans import Plan, Plans, book
from dashboard.models import TraceRecord
from dashboard.traces import codec
from dashboard.traces.merge import merge
from dashboard.traces.terms import terms_of
from dashboard.traces.trace import Process, Trace, Warning

plans = Plans()
MAX_SPELLINGS = 2_000
_spellings: dict[int, tuple[Process, str]] = {}


@dataclass(slots=True)
class Prepared:
    """A trace ready to be written; ``book_all`` fills what it adds to the rollups."""

    key: str
    trace: Trace
    analysis: Analysis
    plan: Plan | None
    calls: list[Call]  # where there is no plan
    is_counted: bool  # in the rollups, by its age
    digest: str
    old: TraceRecord | None
    packed: bytes = b""  # its contribution

    @property
    def share(self) -> Contribution:
        """What it adds to the rollups."""
        return Contribution.from_bytes(self.packed)

    @property
    def terms(self) -> dict[int, tuple[int, bool]]:
        """Its search terms, with the longest span and whether one failed."""
        if self.plan is not None:
            return self.plan.terms.of(self.trace)
        edges = {(call.caller, call.callee) for call in self.calls}
        return terms_of(self.trace, edges)


def book_all(ready: list[Prepared]) -> Contribution:
    """Fill in what each trace adds to the rollups; returns the sum."""
    planned = [(p, p.plan) for p in ready if p.plan is not None and p.is_counted]
    found, total = book([(prepared.trace, plan) for prepared, plan in planned])
    for (prepared, _), packed in zip(planned, found, strict=True):
        prepared.packed = packed
    for prepared in ready:
        if prepared.plan is None and prepared.is_counted:
            share = contribution(prepared.trace, prepared.calls)
            prepared.packed = share.to_bytes() if share else b""
            total.merge(share)
    return total


def prepare(
    key: str, trace: Trace, old: TraceRecord | None, whole: bool, now: datetime
) -> Prepared:
    """Merge a trace with what is stored (unless it is the whole), adjust, analyse."""
    if old is not None and not whole:
        stored, _ = codec.decode_columns(old.columns)
        stored.details = codec.decode_all_details(old.details)
        trace = merge(stored, trace)
    trace = adjust(trace, round(settings.SPANBOARD_SKEW_MAX_SECONDS * 1e9))
    analysis = analyse(trace)
    plan = plans.of(trace)
    calls = link(trace) if plan is None else []
    is_counted = True
    if not _in_time(analysis.start_ns, now):
        trace.warnings.append(
            Warning("outside-rollups", values={"start_us": analysis.start_ns // 1000})
        )
        is_counted = False
    return Prepared(key, trace, analysis, plan, calls, is_counted, _digest(trace), old)


def _in_time(start_ns: int, now: datetime) -> bool:
    """Whether a start may enter the rollups: not a day ahead, not too old."""
    age_s = now.timestamp() - start_ns / 1e9
    return -86_400 <= age_s <= settings.SPANBOARD_ROLLUP_DAYS * 86_400


def _digest(trace: Trace) -> str:
    """Equal for equal content, whatever the order in which it arrived."""
    state = hashlib.blake2b(digest_size=16)
    processes = list(map(_spelled, trace.processes))
    for texts in (
        trace.span_ids,
        [trace.operations[n] for n in trace.operation.tolist()],
        [processes[n] for n in trace.process.tolist()],
    ):
        state.update("\0".join(texts).encode("utf-8", "surrogatepass"))
    for column in (trace.start_ns, trace.duration_ns, trace.kind, trace.parent):
        state.update(np.ascontiguousarray(column).tobytes())
    for first in range(0, len(trace.details), 256):
        state.update(b"".join(trace.details[first : first + 256]))
    return state.hexdigest()


def _spelled(process: Process) -> str:
    """The process as text; decoders give the same object again and again."""
    found = _spellings.get(id(process))
    if found is None:
        if len(_spellings) > MAX_SPELLINGS:
            _spellings.clear()
        # The object is kept too, so that its number stays its own.
        found = _spellings[id(process)] = (process, repr(process))
    return found[1]
