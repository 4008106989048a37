"use strict";
// The field in which a reader asks for a load: which of the section's sentences holds for it, and what a million costs.
{
  // As the text writes them: rates and dollars.
  const grouped = (value, digits) => value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replaceAll(",", " ");
  const usd = (value) => grouped(value, value >= 100 ? 0 : value >= 0.1 || !value ? 2 : 1 - Math.floor(Math.log10(value)));

  function said(form) {
    const asked = Number(form.querySelector("input").value), pieces = JSON.parse(form.dataset.pieces);
    if (!(asked > 0)) return "";
    const piece = pieces.find(({ to }) => to === null || asked <= to);
    const rate = asked < 10 ? String(Number(asked.toPrecision(2))) : grouped(asked, 0);
    return `For ${rate}/s ${piece.words.replace("{million}", usd((piece.usd / (asked * 3600)) * 1e6))}`;
  }

  const tell = (form) => { form.querySelector("output").textContent = said(form); };
  // By the document: a running study's page takes its sections in anew.
  document.addEventListener("input", (event) => { const form = event.target.closest("form.ask"); if (form) tell(form); });
  document.addEventListener("submit", (event) => { if (event.target.matches("form.ask")) event.preventDefault(); });
  const all = () => document.querySelectorAll("form.ask").forEach(tell);
  new MutationObserver(all).observe(document.querySelector("main"), { childList: true });
  all();
}
