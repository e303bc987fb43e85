// "Copy as text": the text of a table or a region, for a message or an issue. The button appears only if the browser can copy.
(() => {
  "use strict";
  if (!navigator.clipboard) return;
  const show = () => document.querySelectorAll("[data-copy][hidden]").forEach((button) => { button.hidden = false; });
  const words = (el) => el.innerText.replace(/\s*\n\s*/g, " ").trim();

  function text(el) {
    if (!el.matches("table")) return el.innerText;
    const rows = [...el.rows].map((row) => [...row.cells].map(words).join("\t").trimEnd());
    return [el.dataset.title || document.title, location.href, "", ...rows].join("\n");
  }
  document.addEventListener("click", async ({ target }) => {
    const button = target.closest?.("[data-copy]"), from = button && document.getElementById(button.dataset.copy);
    if (!from) return;
    await navigator.clipboard.writeText(text(from));
    const before = button.textContent;
    button.textContent = "Copied";
    muster.announce("Copied", false);
    setTimeout(() => { button.textContent = before; }, 2000);
  });
  document.addEventListener("htmx:afterSwap", show);
  show();
})();
