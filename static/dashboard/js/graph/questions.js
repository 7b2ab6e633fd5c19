// Questions to the graph: what stops what, cycles, the busiest and the slowest path, who is called most.

import { askJson, el, icon, text } from "../dom.js";

const LISTED = 10;

export class Questions {
  /** label(id); lit(ids, path) lights nodes, as a path or as a set; choose(found). */
  constructor(root, { address, label, lit, choose }) {
    Object.assign(this, { root, address, label, lit, choose, asked: null });
  }

  /** Read and show the answers for what the page shows; hidden without being asked. */
  async show(data, hidden) {
    const on = Boolean(this.address.get("questions"));
    this.root.hidden = !on || hidden || Boolean(data.diff || data.through);
    if (!on) { this.asked = null; return; }
    const query = new URLSearchParams(this.address.query());
    for (const name of ["find", "focus", "hops", "up", "down", "open", "group", "trace", "histograms"]) query.delete(name);
    if (this.address.get("without")) query.set("without", this.address.get("without"));
    if (String(query) === this.asked) return;
    this.asked = String(query);
    try {
      const answer = await askJson(`${document.body.dataset.base}graph/questions.json?${query}`);
      if (String(query) === this.asked) this.fill(answer);
    } catch (problem) {
      if (String(query) !== this.asked) return;
      this.root.replaceChildren(this.head(), el("p", { class: "part", text: text("panelFailed", { text: problem.message }) }));
    }
  }

  head() {
    const leave = () => this.address.go({ questions: null, without: null });
    return el("header", {}, el("h2", {}, text("questions"), el("span", { class: "spacer" }), el("button", { class: "button only quiet-button", type: "button", "aria-label": text("close"), on: { click: leave } }, icon("close"))));
  }

  node(id) {
    return el("button", { class: "link", type: "button", text: this.label(id), on: { click: () => this.choose({ node: id }) } });
  }

  /** A button that lights nodes of the picture, and again puts them out. */
  light(words, ids, path) {
    return el("button", {
      class: "link", type: "button", "aria-pressed": "false", text: words,
      on: {
        click: (event) => {
          const now = event.currentTarget.getAttribute("aria-pressed") !== "true";
          for (const other of this.root.querySelectorAll("[aria-pressed]")) other.setAttribute("aria-pressed", "false");
          event.currentTarget.setAttribute("aria-pressed", String(now));
          this.lit(now ? ids : null, path);
        },
      },
    });
  }

  part(title, ...content) {
    return el("section", { class: "part" }, el("h3", { text: title }), ...content);
  }

  list(title, rows, make) {
    if (!rows.length) return null;
    return this.part(title, el("ul", { class: "answers" }, ...rows.slice(0, LISTED).map((row) => el("li", {}, ...[make(row)].flat()))), rows.length > LISTED ? el("p", { class: "small quiet", text: text("moreAnswers", { n: rows.length - LISTED }) }) : null);
  }

  fill(answer) {
    const without = answer.without;
    const paths = [answer.busiest_path, answer.slowest_path].filter(Boolean);
    this.root.replaceChildren(...[
      this.head(),
      without && this.part(text("ifItStops"), this.light(without.sentence, [without.node, ...without.unreachable], false)),
      this.list(text("singlePoints"), answer.single_points, (row) => [this.node(row.node), this.light(text("unreachable", { n: row.unreachable }), [row.node, ...row.nodes], false)]),
      paths.length ? this.part(text("pathQuestions"), ...paths.map((path) => el("p", {}, this.light(path.sentence, path.nodes, true)))) : null,
      answer.cycles.length ? this.list(text("cycles"), answer.cycles, (row) => this.light(row.sentence, row.example, true)) : this.part(text("cycles"), el("p", { class: "quiet", text: text("noCycles") })),
      answer.unreached?.nodes.length ? this.part(text("unreached"), this.light(answer.unreached.sentence, answer.unreached.nodes, false)) : null,
      this.list(text("mostCalled"), answer.rank, (row) => [this.node(row.node), el("span", { class: "quiet small", text: text("fans", { in: row.fan_in, out: row.fan_out }) })]),
    ].filter(Boolean));
  }
}
