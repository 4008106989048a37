"use strict";
// The field for a required throughput: shows the sentence that applies to it, with the price of a million requests.
{
  // Rates and dollars in the format of the text.
  const grouped = (value, digits) => value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replaceAll(",", " ");
  const usd = (value) => grouped(value, value >= 100 ? 0 : value >= 0.1 || !value ? 2 : 1 - Math.floor(Math.log10(value)));

  function sentence(form) {
    const rate = Number(form.querySelector("input").value), pieces = JSON.parse(form.dataset.pieces);
    if (!(rate > 0)) return "";
    const piece = pieces.find(({ to }) => to === null || rate <= to);
    const shown = rate < 10 ? String(Number(rate.toPrecision(2))) : grouped(rate, 0);
    return `For ${shown}/s, ${piece.words.replace("{million}", usd((piece.usd / (rate * 3600)) * 1e6))}`;
  }

  const show = (form) => { form.querySelector("output").textContent = sentence(form); };
  // On the document: the page of a running study replaces its sections.
  document.addEventListener("input", (event) => { const form = event.target.closest("form.cost"); if (form) show(form); });
  document.addEventListener("submit", (event) => { if (event.target.matches("form.cost")) event.preventDefault(); });
  const all = () => document.querySelectorAll("form.cost").forEach(show);
  new MutationObserver(all).observe(document.querySelector("main"), { childList: true });
  all();
}
