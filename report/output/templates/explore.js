"use strict";
// Ways through the page: a page for each cell, links to everything, and tables as CSV.
const explore = {};

{
  const main = document.querySelector("main"), page = document.querySelector("#cell");
  const element = (name, more = {}, ...children) => {
    const made = Object.assign(document.createElement(name), more);
    made.append(...children);
    return made;
  };

  // Numbers without separators between thousands and with a plain minus; a text is not mistaken for a formula.
  function field(cell) {
    const text = (cell.querySelector("button") ?? cell).textContent.trim();
    const plain = text.replace(/(\d),(?=\d{3}(?!\d))/g, "$1").replaceAll("−", "-").replaceAll("\u00a0", " ");
    const value = plain === "–" ? "" : /^[=+@\t]|^-(?![\d.])/.test(plain) ? "'" + plain : plain;
    return /[",\n]/.test(value) ? '"' + value.replaceAll('"', '""') + '"' : value;
  }

  const csv = (table) => [...table.rows].map((row) => [...row.cells].map(field).join(",")).join("\n") + "\n";

  function copied(text) {
    const area = element("textarea", { value: text, readOnly: true });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }

  const permalink = (id, name) => {
    const link = element("a", { href: "#" + id, className: "permalink" }, "#");
    link.setAttribute("aria-label", translated("Link to {name}", { name }));
    return link;
  };

  // Links and buttons of the headings, tables and charts below an element; the page of a cell is a link of its own.
  explore.extend = (root) => {
    const linked = root !== page;
    if (linked) {
      root.querySelectorAll("table.trial tbody tr:not([id])").forEach((row) => { row.id = "trial-" + row.cells[0].textContent.replace("/", "-"); });
    }
    root.querySelectorAll("h2").forEach((head) => {
      const id = head.closest("[id]")?.id;
      if (linked && id && id !== "contents" && !head.querySelector(".permalink")) head.append(" ", permalink(id, head.textContent));
    });
    root.querySelectorAll(".wide[id]").forEach((place) => {
      const name = place.getAttribute("aria-label"), button = element("button", { type: "button" }, translated("Copy as CSV"));
      button.addEventListener("click", () => {
        const focus = document.activeElement;
        button.textContent = copied(csv(place.querySelector("table"))) ? translated("Copied") : translated("Not copied");
        focus?.focus();
        setTimeout(() => { button.textContent = translated("Copy as CSV"); }, 2000);
      });
      button.setAttribute("aria-live", "polite");
      const link = linked ? [" ", permalink(place.id, translated("the table {name}", { name }))] : [];
      place.after(element("p", { className: "tools" }, button, ...link));
    });
    root.querySelectorAll("figure").forEach((figure) => {
      const chart = figure.querySelector(".chart"), caption = figure.querySelector("figcaption");
      if (linked && chart && caption) caption.append(" ", permalink(chart.id, translated("this chart")));
    });
  };

  const rowOf = (id) => document.querySelector("main table.bottlenecks tr[id=\"" + CSS.escape(id) + "\"]");

  // Every figure of a cell, from the rows of all tables about it: name → text.
  function figures(id) {
    const found = new Map();
    const rows = [rowOf(id), ...[...main.querySelectorAll("table:not(.trial) td:first-child a")]
      .filter((link) => link.getAttribute("href") === "#" + id).map((link) => link.closest("tr"))];
    for (const row of new Set(rows)) {
      const cells = [...row.closest("table").tHead.rows[0].cells], heads = cells.map((head) => head.textContent);
      if (cells.some((head) => head.classList.contains("of-request"))) continue;  // has several rows for a cell
      [...row.cells].forEach((cell, at) => { if (at && !found.has(heads[at])) found.set(heads[at], cell.textContent); });
    }
    return found;
  }

  function neighbours(id) {
    const ids = [...main.querySelectorAll("table.bottlenecks tbody tr")].map((row) => row.id), at = ids.indexOf(id);
    return [[ids[at - 1], translated("previous cell")], [ids[at + 1], translated("next cell")]].filter(([other]) => other)
      .map(([other, name]) => element("a", { href: "#" + other }, `${name}: ${rowOf(other).cells[0].textContent}`));
  }

  // A figure with a chart of all trials, or of one.
  function chart(trials) {
    const place = element("div", { className: "chart", id: "chart-cell" });
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", translated("Throughput, requests in flight, response times and utilization over time"));
    const choice = element("select", { id: "trial" }, element("option", { value: "" }, translated("all trials")),
      ...trials.map(({ trial, outcome }) => element("option", { value: trial }, `${trial.split("/").at(-1)} (${outcome})`)));
    const show = () => {
      const shown = trials.filter(({ trial }) => !choice.value || trial === choice.value);
      charts.draw("cell", charts.cellSpec(SPECS.cell, shown));
    };
    choice.addEventListener("change", show);
    const caption = translated("All trials on one clock. Shaded: the steady window. Response times are means of each second; short lines are percentiles of the window.")
      + (trials[0].step > 1 ? translated(" Points are means of {step} s.", { step: trials[0].step }) : "");
    const picture = element("figure", {}, place, element("figcaption", {}, caption));
    return [element("p", {}, element("label", { htmlFor: "trial" }, translated("Show ")), choice), picture, show];
  }

  function open(id) {
    const name = rowOf(id).cells[0].textContent, trials = SPECS.cell?.usermeta.cells[id] ?? [];
    const list = element("dl", {}, ...[...figures(id)].map(([term, text]) =>
      element("div", {}, element("dt", {}, term), element("dd", {}, text))));
    const [choice, picture, show] = trials.length ? chart(trials)
      : ["", element("p", {}, translated("The series of this cell’s trials are in trials/, in the folder of each trial.")), () => {}];
    const findings = trials.flatMap(({ trial, findings }) => findings.map((text) => `${trial.split("/").at(-1)}: ${text}`));
    const events = trials.flatMap(({ trial, events }) => events.map(([at, what]) => translated("{trial}, second {second}: {event}", { trial: trial.split("/").at(-1), second: at, event: what })));
    const listed = (title, items) => items.length
      ? [element("h2", {}, title), element("ul", { className: "findings" }, ...items.map((text) => element("li", {}, text)))] : [];
    const table = main.querySelector("table.trial").cloneNode(true), heads = table.tHead.rows[0];
    [...heads.cells].forEach((head) => { head.replaceChildren(head.textContent); head.removeAttribute("aria-sort"); });
    [...table.tBodies[0].rows].forEach((row) => {
      if (row.querySelector("a").getAttribute("href") !== "#" + id) { row.remove(); return; }
      row.cells[0].replaceChildren(permalink(row.id, row.cells[0].textContent), " ", row.cells[0].textContent);
      row.removeAttribute("id");
    });
    const wide = element("div", { className: "wide", id: "table-cell", tabIndex: 0 }, table);
    wide.setAttribute("role", "region");
    wide.setAttribute("aria-label", translated("Trials of this cell"));
    page.replaceChildren(
      element("p", { className: "ways" }, element("a", { href: "#cells" }, translated("← report")), ...neighbours(id)),
      element("h1", { tabIndex: -1 }, name), list, choice, picture,
      ...listed(translated("Events"), events), ...listed(translated("Findings"), findings), element("h2", {}, translated("Trials")), wide,
    );
    explore.extend(page);
    page.hidden = false;
    main.hidden = true;
    charts.forget("cell");
    show();
  }

  // Shows the page of the cell that the address names, else the report.
  let shown = "";
  explore.route = () => {
    const id = decodeURIComponent(location.hash.slice(1)), isCell = id.startsWith("cell-") && rowOf(id) !== null;
    if (isCell) {
      open(id);
      if (shown !== id) { scrollTo(0, 0); page.querySelector("h1").focus({ preventScroll: true }); }
      shown = id;
      return;
    }
    page.hidden = true;
    page.replaceChildren();
    main.hidden = false;
    if (shown || id.startsWith("trial-")) document.getElementById(id)?.scrollIntoView();
    shown = "";
  };
  addEventListener("hashchange", () => {
    explore.route();
    dispatchEvent(new Event("routed"));
  });
}
