// The band of time under the picture: requests upwards, failures downwards.

import { text } from "../dom.js";
import { drawPlot } from "../plot.js";

/** Milliseconds that Plotly, which writes times as UTC, shows as the reader's time. */
export function localMs(ms) {
  return typeof ms === "number" ? ms - new Date(ms).getTimezoneOffset() * 60_000 : ms;
}

/** Draw requests and failures in steps; range: first and last moment in ms. */
export function drawBand(element, { start_us: starts, step_us: step, requests, failed }, range) {
  // A bar stands over its whole step.
  const x = starts.map((us) => localMs((us + step / 2) / 1000));
  return drawPlot(element, {
    data: [
      { type: "bar", x, y: requests, marker: { color: "var(--line-strong)" }, hovertemplate: `%{y} ${text("perMinute")}<extra></extra>` },
      { type: "bar", x, y: failed.map((n) => -n), customdata: failed, marker: { color: "var(--error)" }, hovertemplate: `%{customdata} ${text("failedCalls")}<extra></extra>` },
    ],
    layout: { barmode: "relative", bargap: 0.15, xaxis: { type: "date", range: range.map(localMs) }, yaxis: { visible: false }, dragmode: false, margin: { l: 8, r: 8, t: 2, b: 18 } },
  });
}
