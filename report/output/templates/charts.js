"use strict";
// Draws the charts as wide as their figures, and again when that width changes.
// A message of the page in the language of the report, with the facts for its placeholders.
const WORDS = {{WORDS}};
const translated = (message, facts = {}) => (WORDS[message] ?? message).replace(/\{(\w+)\}/g, (found, name) => facts[name] ?? found);
const charts = {};  // of the page: `draw(name, spec)`, `cellSpec` and `rows`

{
  const NARROWEST = 190, GAP = 20;  // width of a panel, and the space between two, pixels
  const theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const drawn = new Map();  // name → the specification, its text, and the width that it was drawn for
  const rest = new Map();  // name and columns → width of the axes and spaces around the panels

  // Narrow panels have few ticks and a short title.
  const narrow = (layer) => {
    const x = layer.encoding?.x;
    return x?.axis ? { ...layer, encoding: { ...layer.encoding, x: { ...x, axis: { ...x.axis, title: "s", tickCount: 2 } } } } : layer;
  };

  // The rows of a table that is written by columns (report/script_data.py), or its own rows.
  charts.rows = (table) => {
    if (Array.isArray(table)) return table;
    const rows = Array.from({ length: table.length }, () => ({}));
    for (const [name, column] of Object.entries(table.columns)) {
      if (Array.isArray(column)) column.forEach((value, row) => { rows[row][name] = value; });
      else if (column.texts) {
        for (let run = 0, row = 0; run < column.runs.length; run += 2) {
          const at = column.runs[run], end = row + column.runs[run + 1];
          for (; row < end; row++) if (at >= 0) rows[row][name] = column.texts[at];
        }
      }
      else column.rows.forEach((row, at) => { rows[row][name] = column.values[at]; });
    }
    return rows;
  };

  // The specification for a width; `around` is the width of everything but the panels.
  function fitted(name, spec, width) {
    const copy = { ...spec }, facts = spec.usermeta ?? {};
    delete copy.usermeta;
    if (spec.datasets) copy.datasets = Object.fromEntries(Object.entries(spec.datasets).map(([name, table]) => [name, charts.rows(table)]));
    if (spec.spec) {
      const most = Math.max(1, Math.floor((width + GAP) / (NARROWEST + GAP)));
      const columns = facts.wrapped ? Math.min(facts.columns, most) : facts.columns;
      const key = `${name} ${columns}`, around = rest.get(key) ?? 60 * columns;
      copy.spec = { ...spec.spec, width: Math.max(60, Math.floor((width - around) / columns)) };
      if (facts.wrapped) copy.columns = columns;
      else if (copy.spec.width < 140) copy.spec.layer = spec.spec.layer.map(narrow);
      return { copy, key, panels: columns * copy.spec.width };
    }
    if (spec.vconcat) {
      const panel = Math.max(60, width - (rest.get(name) ?? 80));
      copy.vconcat = spec.vconcat.map((each) => ({ ...each, width: panel }));
      return { copy, key: name, panels: panel };
    }
    // The labels of lines need more of a narrow chart than the drawing reserves.
    const room = width < 480 ? 14 : 0;
    return { copy: { ...copy, width: width - room, autosize: { type: "fit-x", contains: "padding" } }, key: null, panels: 0 };
  }

  // Drawn off the page and inserted when ready, so that nothing below it moves. Where the width of the axes is not known
  // yet, a second drawing follows.
  async function embed(name, spec, text, width) {
    const old = document.querySelector("#chart-" + name);
    if (!old) return;
    const place = old.cloneNode(), { copy, key, panels } = fitted(name, spec, width);
    await vegaEmbed(place, copy, { actions: false, renderer: "svg", loader: { target: "_self" }, tooltip: { theme } });
    if (drawn.get(name)?.text !== text || drawn.get(name)?.width !== width) return;
    const real = Number(place.querySelector("svg").getAttribute("width"));
    if (key !== null && !rest.has(key)) {
      rest.set(key, Math.ceil(real - panels));
      if (Math.abs(real - width) > 2) return embed(name, spec, text, width);
    }
    charts.still(() => document.querySelector("#chart-" + name)?.replaceWith(place));
  }

  // Changes the page, and keeps the section that is read where it is.
  charts.still = (change) => {
    const sections = [...document.querySelectorAll("main > section")];
    const read = sections.find((section) => section.getBoundingClientRect().bottom > 0);
    const at = read?.getBoundingClientRect().top, id = read?.id;
    change();
    const now = id && document.getElementById(id);
    if (now && scrollY) scrollBy(0, now.getBoundingClientRect().top - at);
  };

  charts.draw = (name, spec) => {
    const old = document.querySelector("#chart-" + name), text = JSON.stringify(spec);
    const width = Math.floor(old?.closest("figure").clientWidth ?? 0);
    if (!width) return;
    const before = drawn.get(name);
    if (before && before.text === text && before.width === width && old.firstChild) return;
    drawn.set(name, { spec, text, width });
    embed(name, spec, text, width);
  };
  charts.forget = (name) => drawn.delete(name);

  let waiting = null;
  new ResizeObserver(() => {
    clearTimeout(waiting);
    waiting = setTimeout(() => drawn.forEach(({ spec }, name) => charts.draw(name, spec)), 120);
  }).observe(document.body);

  // The chart of one cell: the columns of its trials as rows, without layers that have no data.
  charts.cellSpec = (spec, trials) => {
    const data = { tps: [], failed: [], in_flight: [], ms: [], percentiles: [], hosts: [], events: [], window: [] };
    for (const each of trials) {
      const { trial, step } = each, rows = (column, more) =>
        column.map((value, at) => ({ trial, t: at * step, value, ...more })).filter((row) => row.value !== null);
      for (const name of ["tps", "in_flight", "ms"]) data[name].push(...rows(each[name]));
      data.failed.push(...rows(each.failed).filter((row) => row.value > 0));
      for (const [host, column] of Object.entries(each.hosts)) data.hosts.push(...rows(column, { host }));
      for (const [t, what] of each.events) data.events.push({ trial, t, what });
      if (!each.window) continue;
      const [from, to] = each.window;
      if (!data.window.length) data.window.push({ from, to });
      for (const [percentile, value] of Object.entries(each.percentiles)) data.percentiles.push({ trial, percentile, value, from, to });
    }
    const vconcat = spec.vconcat.filter((panel) => data[panel.name.slice("panel_".length)].length)
      .map((panel) => ({ ...panel, layer: panel.layer.filter((layer) => data[layer.data.name].length) }));
    return { ...spec, usermeta: undefined, vconcat, datasets: data };
  };
}
