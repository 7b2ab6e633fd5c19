// The band of time under the picture: requests upwards, failures downwards.

import { text } from "../dom.js";
import { drawPlot } from "../plot.js";

/** Draw requests and failures in steps; range: first and last moment in ms. */
export function drawBand(element, { start_us: starts, requests, failed }, range) {
  const x = starts.map((us) => us / 1000);
  return drawPlot(element, {
    data: [
      { type: "bar", x, y: requests, marker: { color: "var(--line-strong)" }, hovertemplate: `%{y} ${text("perMinute")}<extra></extra>` },
      { type: "bar", x, y: failed.map((n) => -n), customdata: failed, marker: { color: "var(--error)" }, hovertemplate: `%{customdata} ${text("failedCalls")}<extra></extra>` },
    ],
    layout: { barmode: "relative", bargap: 0.15, xaxis: { type: "date", range }, yaxis: { visible: false }, dragmode: false, margin: { l: 8, r: 8, t: 2, b: 18 } },
  });
}
