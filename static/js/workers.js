// Pages of sessions: copying a link, and one open menu at a time.
(() => {
  "use strict";
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    document.querySelectorAll(".menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
    if (!button) return;
    const link = new URL(button.dataset.copy, location.href).href;
    let words = "Link copied";
    try { await navigator.clipboard.writeText(link); } catch { words = `This browser does not allow copying. The link: ${link}`; }
    document.getElementById("announcer").textContent = words;
    button.textContent = words;
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest?.(".menu[open]");
    if (!menu || event.target.closest("form.arm")) return;
    menu.open = false;
    menu.firstElementChild.focus();
  });
})();
