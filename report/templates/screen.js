"use strict";
// What the page does: draws charts, sorts tables, shows a cell's trials, and while the study runs comes back,
// rewritten, to where it was read.
const SPECS = {{SPECS}}, LIVE = {{LIVE}};

// "1 234 [1 200, 1 250]", "≥ 83 %", "−2.1 %": by the first number; without any by the words; undefined for none.
function value(row, column) {
  const text = row.cells[column].textContent.trim();
  const found = text.replaceAll("−", "-").replace(/(\d)[ \u00a0\u202f](?=\d{3}\b)/g, "$1").match(/^[≥<> ±]*(-?\d+(\.\d+)?)/);
  return found ? Number(found[1]) : text === "–" || text === "" ? undefined : text.toLowerCase();
}

function compare(a, b) {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  if (body.rows.length < 2) return;
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [value(row, column), row]);
      const known = rows.filter(([key]) => key !== undefined), missing = rows.filter(([key]) => key === undefined);
      known.sort((a, b) => (down ? compare(b[0], a[0]) : compare(a[0], b[0])));
      body.append(...[...known, ...missing].map(([, row]) => row));
    });
  });
}

// #cell-… marks a cell's row and leaves only its trials in the table of all of them.
function select() {
  const cell = decodeURIComponent(location.hash.slice(1));
  const rows = [...document.querySelectorAll("tr[data-cell]")];
  const chosen = rows.some((row) => row.dataset.cell === cell);
  rows.forEach((row) => { row.hidden = chosen && row.dataset.cell !== cell; });
  document.querySelectorAll(".chosen").forEach((element) => element.remove());
  if (!chosen) return;
  const note = document.createElement("p"), all = document.createElement("a");
  note.className = "chosen";
  all.href = "#trials";
  all.textContent = "Show every trial";
  note.append("Only the trials of " + cell.slice(5).replaceAll("_", ", ").replaceAll("-", " ") + ". ", all);
  document.querySelector("#trials").after(note);
}

document.querySelectorAll("table").forEach(sortable);
addEventListener("hashchange", select);
select();
const theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
for (const [name, spec] of Object.entries(SPECS)) {
  vegaEmbed("#chart-" + name, spec, { actions: false, renderer: "svg", loader: { target: "_self" }, tooltip: { theme } });
}
if (LIVE) {
  const key = "at:" + location.pathname, kept = sessionStorage.getItem(key);
  if (kept !== null) addEventListener("load", () => setTimeout(() => scrollTo(0, Number(kept)), 300));
  setTimeout(() => { sessionStorage.setItem(key, String(scrollY)); location.reload(); }, 20000);
}
