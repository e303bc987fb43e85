// Live regions: each fetches itself when a change names it, one request at a time, and never while a person uses it.
(() => {
  "use strict";
  const PATIENCE_MS = 8000, BUSY_MS = 300;
  const { $, make } = muster;
  const open = new Set(), deferred = new Set(), again = new Set(), busy = new Map(), failed = new Map();
  const region = (el) => el?.matches?.("[data-live]");
  let backTo = "", kept = ""; // id to focus after a closed form; id that had the focus in the region being swapped

  muster.waiting = () => deferred.size;
  muster.fetch = (...ids) => ids.forEach((id) => { if ($(id)) htmx.trigger($(id), "muster:refresh"); });
  muster.refresh = () => {
    if (!muster.isOut()) document.querySelectorAll("[data-live], #log-more").forEach((el) => htmx.trigger(el, "muster:refresh"));
  };
  document.addEventListener("muster:changed", muster.refresh);

  // A region has one request at a time; a change published meanwhile is fetched after it (htmx would drop it, or abort the first with an error).
  document.addEventListener("htmx:confirm", (event) => {
    const el = event.target, by = event.detail.triggeringEvent?.type || "";
    if (!region(el)) return;
    if (muster.isPaused() && by.startsWith("sse:")) { event.preventDefault(); deferred.add(el.id); return; }
    if (!el.matches(".htmx-request")) return;
    event.preventDefault();
    again.add(el.id);
  });
  document.addEventListener("htmx:configRequest", ({ detail }) => { if (region(detail.elt) && detail.verb === "get") detail.timeout = PATIENCE_MS; });
  document.addEventListener("htmx:beforeRequest", ({ detail: { elt } }) => {
    if (region(elt)) busy.set(elt.id, setTimeout(() => elt.setAttribute("aria-busy", "true"), BUSY_MS));
  });
  document.addEventListener("htmx:afterRequest", ({ detail: { elt, xhr } }) => {
    if (!region(elt)) return;
    clearTimeout(busy.get(elt.id));
    $(elt.id)?.removeAttribute("aria-busy");
    if (xhr?.status === 401) muster.signOut();
    if (!xhr?.status || xhr.status >= 500) trouble(elt.id, xhr); else recovered(elt.id);
    if (again.delete(elt.id)) setTimeout(() => muster.fetch(elt.id));
  });

  // A failed region shows its error in its own place; the others stay live.
  function trouble(id, xhr) {
    const el = $(id);
    if (!el) return;
    if (!failed.has(id)) failed.set(id, muster.clock(muster.serverNow()));
    let slot = el.querySelector(":scope > .region-error");
    if (!slot) {
      slot = make("div", "region-error", "");
      slot.append(make("p", "", ""), make("button", "small", "Retry"));
      slot.lastChild.type = "button";
      slot.lastChild.addEventListener("click", () => muster.fetch(id));
      el.prepend(slot);
    }
    const request = xhr?.getResponseHeader?.("X-Request-Id"), what = el.getAttribute("aria-label") || el.querySelector("h2")?.textContent || "This part";
    slot.firstChild.textContent = `${what} could not be refreshed since ${failed.get(id)}: ${xhr?.status ? `the server responded with ${xhr.status}` : "no response"}${request ? ` (request ${request})` : ""}.`;
  }
  function recovered(id) {
    if (failed.delete(id)) $(id)?.querySelector(":scope > .region-error")?.remove();
  }

  // --- swaps: never while a person uses the region; open details stay open ---
  function inUse(el) {
    const touched = (i) => i === document.activeElement || (i.type !== "checkbox" && i.value !== i.defaultValue) || i.checked !== i.defaultChecked;
    const selection = getSelection();
    return el.querySelector("form.arm:not([hidden]), form[data-back]:not([hidden])")
      || [...el.querySelectorAll("input:not([type=hidden]), textarea")].some(touched)
      || document.activeElement?.matches("select") && el.contains(document.activeElement)
      || (!selection.isCollapsed && el.contains(selection.anchorNode));
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr, requestConfig } = event.detail;
    if (xhr.status >= 400 && !xhr.responseText.includes('id="result"')) event.detail.shouldSwap = false;
    if (!region(target) || requestConfig.verb !== "get") return;
    if (inUse(target)) { event.detail.shouldSwap = false; deferred.add(target.id); muster.show(); return; }
    deferred.delete(target.id);
    target.querySelectorAll("details[open][id]").forEach((d) => open.add(d.id));
    const focus = target.contains(document.activeElement) && document.activeElement;
    kept = focus ? focus.id || focus.closest("[id]")?.id || "" : "";
  });
  document.addEventListener("htmx:afterSwap", () => {
    open.forEach((id) => { if ($(id)) $(id).open = true; });
    open.clear();
    if (kept && document.activeElement === document.body) $(kept)?.focus({ preventScroll: true });
    kept = "";
    if (backTo && $(backTo)) { $(backTo).focus(); backTo = ""; }
    muster.updateTab();
    muster.show();
  });
  const catchUp = () => setTimeout(() => deferred.forEach((id) => {
    if (muster.isPaused() || ($(id) && inUse($(id)))) return;
    deferred.delete(id);
    muster.fetch(id);
  }), 50);
  document.addEventListener("muster:free", catchUp);
  document.addEventListener("focusout", catchUp);
  document.addEventListener("selectionchange", () => { if (deferred.size && getSelection().isCollapsed) catchUp(); });

  // --- editing in place: opening focuses the field, Escape and Cancel return the focus ---
  document.addEventListener("toggle", ({ target }) => {
    if (target.matches?.(".pick[open]") && target.firstElementChild === document.activeElement) target.querySelector("input:not([type=hidden])")?.select();
  }, true);
  function close(pick) {
    pick.querySelector("form")?.reset();
    pick.open = false;
    pick.firstElementChild.focus();
    catchUp();
  }
  // A cell that was fetched as a form: refreshing its region restores the cell and the focus.
  muster.leave = (form) => {
    backTo = form.dataset.back;
    form.reset();
    form.hidden = true;
    document.activeElement.blur();
    htmx.trigger(form.closest("[data-live]"), "muster:refresh");
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
})();
