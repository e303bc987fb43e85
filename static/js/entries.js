// The list of entries: typing keeps the address, Back finds the row that was left, and what is selected is counted.
(() => {
  "use strict";
  const $ = (id) => document.getElementById(id);
  const bare = (search) => { const q = new URLSearchParams(search); q.delete("fragment"); q.sort(); return q.toString(); };

  // --- the search: the address follows what is typed, and an answer to an older address is not shown ---
  document.addEventListener("htmx:beforeRequest", ({ detail }) => {
    if (detail.elt.id !== "q") return;
    const said = new URLSearchParams([...new FormData($("find"))].filter(([, value]) => value));
    history.replaceState({}, "", said.size ? `?${said}` : location.pathname);
    $("bulk")?.reset(); // another filter, another selection
    if (document.activeElement?.closest?.("#entries")) document.activeElement.blur();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr } = event.detail;
    if (target.id !== "entries" || !xhr.responseURL || bare(new URL(xhr.responseURL).search) === bare(location.search)) return;
    event.detail.shouldSwap = false;
    setTimeout(() => htmx.trigger($("entries"), "muster:refresh"));
  });

  // --- what is selected ---
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
    $("picked").textContent = every?.firstElementChild.checked ? "Selected" : `${picked} selected`;
  }
  document.addEventListener("change", ({ target }) => {
    if (target.id === "tick-page") for (const tick of $("bulk").querySelectorAll("tbody .tick")) tick.checked = target.checked;
    if (target.closest("#bulk")) count();
  });
  document.addEventListener("reset", () => setTimeout(count));
  document.addEventListener("htmx:afterSwap", () => {
    count();
    const csv = $("csv"), query = $("entries")?.dataset.query;
    if (csv && query !== undefined) csv.href = `?${query}${query ? "&" : ""}format=csv`;
  });
  count();

  // --- Back: the same rows come by the address; the place and the focus from here ---
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
