"use strict";
// The fields for a number of servers and for a required throughput: show the sentence that applies.
{
  // Rates and dollars in the format of the text.
  const grouped = (value, digits) => value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const usd = (value) => grouped(value, value >= 100 ? 0 : value >= 0.1 || !value ? 2 : 1 - Math.floor(Math.log10(value)));

  function forRate(form) {
    const rate = Number(form.querySelector("#rate").value), pieces = JSON.parse(form.dataset.pieces);
    if (!(rate > 0)) return "";
    const piece = pieces.find(({ to }) => to === null || rate <= to);
    const shown = rate < 10 ? String(Number(rate.toPrecision(2))) : grouped(rate, 0);
    const words = piece.words.replace("{million}", usd((piece.usd / (rate * 3600)) * 1e6));
    return translated("For {per_s}, {with_price}", { per_s: `${shown}/s`, with_price: words });
  }

  function forServers(form) {
    const count = form.querySelector("#servers").value, topologies = JSON.parse(form.dataset.topologies);
    if (!count) return "";
    return topologies[count] ?? form.dataset.unmeasured.replace("{count}", count);
  }

  const show = (form) => {
    form.querySelector("output[for=rate]").textContent = forRate(form);
    form.querySelector("output[for=servers]").textContent = forServers(form);
  };
  // On the document: the page of a running study replaces its sections.
  document.addEventListener("input", (event) => { const form = event.target.closest("form.lookup"); if (form) show(form); });
  document.addEventListener("submit", (event) => { if (event.target.matches("form.lookup")) event.preventDefault(); });
  const all = () => document.querySelectorAll("form.lookup").forEach(show);
  new MutationObserver(all).observe(document.querySelector("main"), { childList: true });
  all();
}
