// What opens: a link to a folded part opens it, one menu at a time stays open, and a button prints.
(() => {
  "use strict";
  const menus = () => document.querySelectorAll("details.flyout[open], details.menu[open]");
  function openTarget() {
    const part = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
    if (part?.matches("details")) { part.open = true; part.querySelector("input:not([type=hidden]), select, textarea")?.focus(); }
  }
  addEventListener("hashchange", openTarget);
  document.addEventListener("DOMContentLoaded", openTarget);
  document.addEventListener("click", ({ target }) => {
    menus().forEach((menu) => { if (!menu.contains(target)) menu.open = false; });
    const link = target.closest?.("a[data-opens]");
    if (link && location.hash === link.hash) openTarget(); // the address does not change a second time
    if (target.closest?.("[data-print]")) print();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.activeElement?.closest?.("details.flyout[open], details.menu[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); event.stopPropagation(); }
  });
})();
