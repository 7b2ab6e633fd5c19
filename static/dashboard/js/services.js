// The services' pages: charts, the time at a change, fresh figures while the window ends now.

import { data, freshPage } from "./dom.js";
import { drawPlot } from "./plot.js";

const EVERY = 10_000;

function draw(figures) {
  for (const element of document.querySelectorAll("[data-chart]")) {
    const figure = figures[element.dataset.chart];
    if (figure) drawPlot(element, figure);
  }
}

/** Replace what the server tells anew; what has the focus stays as it is. */
async function refresh() {
  if (document.hidden) return;
  const page = await freshPage();
  for (const part of document.querySelectorAll("[data-fresh]")) {
    const fresh = page.querySelector(`[data-fresh="${part.dataset.fresh}"]`);
    if (fresh && !part.contains(document.activeElement)) part.replaceChildren(...document.adoptNode(fresh).childNodes);
  }
  const figures = page.getElementById("figures");
  if (figures) draw(JSON.parse(figures.textContent));
}

const form = document.querySelector("[data-window]");
form?.addEventListener("change", (event) => {
  if (event.target.name === "lookback" && event.target.value) for (const name of ["start", "end"]) form.querySelector(`[name=${name}]`)?.remove();
  if (event.target.matches("select")) form.requestSubmit();
});
if (document.getElementById("figures")) draw(data("figures"));
if (document.querySelector("[data-live]")) {
  setInterval(() => refresh().catch((problem) => console.warn(problem)), EVERY);
}
