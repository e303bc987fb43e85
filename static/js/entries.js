// The list of entries: search keeps the address current, Back returns to the row, and the selection is counted.
(() => {
  "use strict";
  const $ = (id) => document.getElementById(id);
  const bare = (search) => { const q = new URLSearchParams(search); q.delete("fragment"); q.sort(); return q.toString(); };

  // --- search: the address follows the typed words, and a response to an older address is dropped ---
  document.addEventListener("htmx:beforeRequest", ({ detail }) => {
    if (detail.elt.id !== "q") return;
    const query = new URLSearchParams([...new FormData($("find"))].filter(([, value]) => value));
    history.replaceState({}, "", query.size ? `?${query}` : location.pathname);
    $("bulk")?.reset(); // another filter, another selection
    if (document.activeElement?.closest?.("#entries")) document.activeElement.blur();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr } = event.detail;
    if (target.id !== "entries" || !xhr.responseURL || bare(new URL(xhr.responseURL).search) === bare(location.search)) return;
    event.detail.shouldSwap = false;
    muster.restore("entries");
  });

  // --- selection ---
  function count() {
    const bulk = $("bulk");
    if (!bulk) return;
    const ticks = [...bulk.querySelectorAll("tbody .tick")], picked = ticks.filter((tick) => tick.checked).length;
    const whole = picked === ticks.length, page = $("tick-page"), every = $("every");
    page.hidden = false;
    page.checked = whole && picked > 0;
    page.indeterminate = picked > 0 && !whole;
    if (every) {
      every.hidden = !whole;
      if (!whole) every.firstElementChild.checked = false;
    }
    const words = every?.firstElementChild.checked ? "Selected" : `${picked} selected`;
    if ($("picked").textContent !== words) $("picked").textContent = words;
  }
  document.addEventListener("change", ({ target }) => {
    if (target.id === "tick-page") for (const tick of $("bulk").querySelectorAll("tbody .tick")) tick.checked = target.checked;
    if (target.closest("#bulk")) count();
  });
  document.addEventListener("reset", () => setTimeout(count));
  for (const name of ["muster:shown", "htmx:afterSwap"]) document.addEventListener(name, () => {
    count();
    const csv = $("csv"), query = $("entries")?.dataset.query;
    if ($("view-query") && query !== undefined) $("view-query").value = query;
    if (csv && query !== undefined) csv.href = `?${query}${query ? "&" : ""}format=csv`;
  });
  count();

  // --- Back: the address brings the same rows; scroll position and focus are restored here ---
  document.addEventListener("click", ({ target }) => {
    const link = target.closest?.("#entries a[id], #entries .why a");
    if (link) history.replaceState({ left: link.id || link.closest("tr").querySelector("a[id]").id, at: scrollY }, "");
  });
  addEventListener("pageshow", () => {
    const { left, at } = history.state ?? {};
    if (!left) return;
    $(left)?.focus({ preventScroll: true });
    scrollTo({ top: at, behavior: "instant" });
  });
})();
