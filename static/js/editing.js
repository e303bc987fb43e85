// What a person is doing stays: regions in use, the focus, menus, and forms in place of a cell.
(() => {
  "use strict";
  const { $ } = muster;
  const FOCUSABLE = "a[href], button:not([disabled]), input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  let backTo = ""; // id to focus after a closed form

  // What was saved is in use no longer, although the focus stays in it: the page would show the value from before.
  let saved = null;
  muster.saved = (form) => { saved = form.contains(document.activeElement) ? document.activeElement : null; };
  for (const name of ["input", "focusout"]) document.addEventListener(name, () => { saved = null; });
  muster.inUse = (el) => {
    if (!el) return false;
    const typed = (i) => (i === document.activeElement && i !== saved && i.type !== "checkbox") || (i.type !== "checkbox" && i.value !== i.defaultValue) || i.checked !== i.defaultChecked;
    const selection = getSelection();
    return !!el.querySelector("form.arm:not([hidden]), form[data-back]:not([hidden]), .htmx-request")
      || [...el.querySelectorAll("input:not([type=hidden]), textarea")].some(typed)
      || (!!document.activeElement?.matches("select") && document.activeElement !== saved && el.contains(document.activeElement))
      || (!selection.isCollapsed && el.contains(selection.anchorNode));
  };

  // The focus stays on its element. If that goes away, it moves to what took its place.
  muster.keepFocus = (region, change) => {
    const focus = region.contains(document.activeElement) ? document.activeElement : null;
    const place = focus ? [...region.querySelectorAll(FOCUSABLE)].indexOf(focus) : -1;
    change();
    if (backTo && $(backTo)) { $(backTo).focus(); backTo = ""; }
    else if (focus && document.activeElement !== focus) {
      const others = [...region.querySelectorAll(FOCUSABLE)].filter((el) => el.checkVisibility());
      (focus.isConnected ? focus : $(focus.id) ?? others[Math.min(Math.max(place, 0), others.length - 1)] ?? $("main"))?.focus({ preventScroll: true });
    }
  };

  // --- editing in place: opening focuses the field, Escape and Cancel return the focus ---
  document.addEventListener("toggle", ({ target }) => {
    if (target.matches?.(".pick[open]") && target.firstElementChild === document.activeElement) target.querySelector("input:not([type=hidden])")?.select();
  }, true);
  function close(pick) {
    pick.querySelector("form")?.reset();
    pick.open = false;
    pick.firstElementChild.focus();
    document.dispatchEvent(new Event("muster:free"));
  }
  // A cell that was fetched as a form: refreshing its region restores the cell and the focus.
  muster.leave = (form) => {
    backTo = form.dataset.back;
    form.reset();
    form.hidden = true;
    document.activeElement.blur();
    muster.restore(form.closest("[data-live]").id);
  };
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const pick = event.target.closest?.(".pick[open], .flyout[open]"), cell = event.target.closest?.("form[data-back]");
    if (pick) close(pick);
    if (cell) muster.leave(cell);
  });
  document.addEventListener("click", (event) => { // a click elsewhere closes a menu
    document.querySelectorAll("details.flyout[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
    if (event.target.closest("[data-leave]")) { event.preventDefault(); muster.leave(event.target.closest("form")); }
  });

  // A form's answer with an error shows only if it has a result line.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.status >= 400 && !xhr.responseText.includes('id="result"')) event.detail.shouldSwap = false;
  });
})();
