"use strict";
// The behaviour of the page: draws charts, sorts tables, and takes updates while the study runs.
let SPECS = {{SPECS}};
const LIVE = {{LIVE}};

{  // a scope of its own: Vega’s bundle has short global names
  // "1,234 [1,200, 1,250]", "≥ 83 %", "−2.1 %": by the first number, else by the text; undefined for none.
  function value(row, column) {
    const text = row.cells[column].textContent.trim();
    const found = text.replaceAll("−", "-").replace(/(\d),(?=\d{3}\b)/g, "$1").match(/^[≥<> ±]*(-?\d+(\.\d+)?)/);
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

  const main = document.querySelector("main"), known = new Map();
  const of = (part) => part.id || part.tagName;
  [...main.children].forEach((part) => known.set(of(part), part.outerHTML));
  document.querySelectorAll("table").forEach(sortable);
  const all = () => Object.entries(SPECS).forEach(([name, spec]) => name === "cell" || charts.draw(name, spec));
  explore.extend(document);
  explore.route();
  all();

  // Replaces a section, with its charts and the order of its tables.
  function renew(old, fresh) {
    fresh.querySelectorAll(".chart").forEach((place) => {
      const before = document.getElementById(place.id);
      if (!before) return;
      before.setAttribute("aria-label", place.getAttribute("aria-label"));
      place.replaceWith(before);
    });
    const tables = [...fresh.querySelectorAll("table")], before = old ? [...old.querySelectorAll("table")] : [];
    tables.forEach(sortable);
    explore.extend(fresh);
    before.forEach((table, at) => {
      const heads = [...table.tHead.rows[0].cells], column = heads.findIndex((head) => head.hasAttribute("aria-sort"));
      const button = column < 0 ? null : tables[at]?.tHead.rows[0].cells[column]?.querySelector("button");
      if (!button) return;
      button.click();
      if (heads[column].getAttribute("aria-sort") === "descending") button.click();
    });
  }

  // Updates the page to this text; unchanged sections are left alone.
  function take(text, specs) {
    const parts = [...new DOMParser().parseFromString("<main>" + text + "</main>", "text/html").querySelector("main").children];
    const sources = parts.map((part) => [of(part), part.outerHTML]);
    const there = new Map([...main.children].map((part) => [of(part), part]));
    const names = sources.map(([name]) => name);
    there.forEach((part, name) => { if (!names.includes(name)) part.remove(); });
    sources.forEach(([name, source], index) => {
      let part = there.get(name);
      if (!part || known.get(name) !== source) {
        const fresh = document.importNode(parts[index], true);
        renew(part, fresh);
        part?.replaceWith(fresh);
        part = fresh;
      }
      if (main.children[index] !== part) main.insertBefore(part, main.children[index] ?? null);
    });
    known.clear();
    sources.forEach(([name, source]) => known.set(name, source));
    SPECS = specs;
    explore.route();
  }

  // Reloads the page and keeps the scroll position.
  function again(ms) {
    setTimeout(() => { sessionStorage.setItem(key, String(scrollY)); location.reload(); }, ms);
  }

  const key = "at:" + location.pathname, kept = sessionStorage.getItem(key);
  if (kept !== null) {
    sessionStorage.removeItem(key);
    addEventListener("load", () => setTimeout(() => scrollTo(0, Number(kept)), 300));
  }
  if (LIVE === "reload") {
    again(20000);
  } else if (LIVE) {
    let last = null;
    const timer = setInterval(() => {
      const script = document.createElement("script");
      script.src = LIVE + "?" + Date.now();
      script.onload = () => script.remove();
      script.onerror = () => { clearInterval(timer); again(1000); };
      document.body.append(script);
    }, 5000);
    window.live = (stamp, news) => {
      if (stamp === "over") { clearInterval(timer); again(10000); return; }
      if (stamp === last) return;
      last = stamp;
      const { main, specs } = news();
      charts.still(() => take(main, specs));
      all();
    };
  }
}
