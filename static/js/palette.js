// The command palette: the search page's results in a dialog. The focus stays in the field; the arrows move the chosen option.
(() => {
  "use strict";
  const WAIT_MS = 100;
  const { $ } = muster, link = $("find-link");
  if (!link) return;
  document.body.append(document.createRange().createContextualFragment(`<dialog class="dialog palette" id="palette" aria-label="Search and commands">
    <form method="post"><input type="hidden" name="csrfmiddlewaretoken"><input type="hidden" name="next">
      <input type="search" id="palette-text" role="combobox" aria-expanded="true" aria-controls="palette-hits" aria-autocomplete="list"
        aria-label="Search entries, pages and actions" placeholder="Search entries, pages and actions" maxlength="200" autocomplete="off" spellcheck="false">
      <div id="palette-hits" role="listbox" aria-label="Results"></div><p class="meta" id="palette-state" role="status"></p></form></dialog>`));
  const box = $("palette");
  box.remove(); // it is in the page only while it is open
  const [text, list, state] = ["text", "hits", "state"].map((name) => box.querySelector(`#palette-${name}`));
  const options = () => [...list.querySelectorAll("[role=option]")];
  let timer = 0, newest = 0, shown = 0;

  if (/Mac|iPhone|iPad/.test(navigator.platform)) link.title = "⌘ K";

  function open() {
    if (box.open) { text.select(); return; }
    if (document.querySelector("dialog[open]")) return;
    text.value = "";
    box.querySelector("[name=csrfmiddlewaretoken]").value = document.querySelector("[name=csrfmiddlewaretoken]").value;
    box.querySelector("[name=next]").value = location.pathname + location.search;
    document.body.append(box);
    box.showModal();
    text.focus();
    load();
  }
  async function load() {
    clearTimeout(timer);
    timer = 0;
    const mine = ++newest, address = new URL(link.href);
    address.searchParams.set("q", text.value);
    address.searchParams.set("fragment", "hits");
    try {
      const response = await fetch(address, { headers: { "HX-Request": "true" } });
      if (!response.ok) throw new Error(response.status);
      const html = await response.text();
      if (mine < shown || !box.open) return; // a newer answer is there
      shown = mine;
      list.replaceChildren(document.createRange().createContextualFragment(html));
      options().forEach((option, n) => { option.id = `palette-${n}`; });
      choose(options()[0]);
      const n = options().length;
      state.textContent = n ? `${n} result${n === 1 ? "" : "s"}` : "";
    } catch {
      if (mine === newest) state.textContent = "The search did not answer: try again, or reload the page";
    }
  }
  function choose(option) {
    for (const other of options()) other.setAttribute("aria-selected", other === option);
    if (option) text.setAttribute("aria-activedescendant", option.id);
    else text.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  }
  const chosen = () => list.querySelector("[aria-selected=true]");
  function move(by) {
    const all = options();
    if (all.length) choose(all[(all.indexOf(chosen()) + by + all.length) % all.length]);
  }

  text.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(load, WAIT_MS);
  });
  text.addEventListener("keydown", async (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Escape") {
      event.preventDefault(); // the browser would only empty the field
      box.close();
    } else if (event.key === "Enter") {
      event.preventDefault(); // the option's own form or link, never the form's first button
      if (shown < newest || timer) await load(); // Enter came before the answer to what was typed
      chosen()?.click();
    }
  });
  list.addEventListener("pointermove", ({ target }) => {
    const option = target.closest("[role=option]");
    if (option && option !== chosen()) choose(option);
  });
  box.addEventListener("close", () => box.remove());
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
})();
