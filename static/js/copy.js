// "Copy as text": what a table or a part of the page says, for a message or an issue. The button shows where the browser can copy.
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
    const was = button.textContent;
    button.textContent = "Copied";
    muster.say("Copied", false);
    setTimeout(() => { button.textContent = was; }, 2000);
  });
  document.addEventListener("htmx:afterSwap", show);
  show();
})();
