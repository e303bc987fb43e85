// Keyboard shortcuts: never the only way to do something, never change anything, and are ignored while typing.
(() => {
  "use strict";
  const { $ } = muster;
  const typing = (el) => el.matches?.("input, textarea, select, [contenteditable]");
  let going = 0;

  const rows = () => [...document.querySelectorAll("main tbody tr:not(.heading) a[href], main .rows a[href]")].filter((a, n, all) => {
    const row = a.closest("tr, li");
    return all.findIndex((other) => other.closest("tr, li") === row) === n && a.checkVisibility();
  });
  function move(by) {
    const all = rows(), at = all.findIndex((a) => a.closest("tr, li")?.contains(document.activeElement));
    const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
    next?.focus();
  }
  // Selecting changes nothing yet: the bar that appears has the buttons.
  const select = () => (document.activeElement.closest("tbody tr") ?? document.querySelector("main tbody tr:hover"))?.querySelector(".tick")?.click();
  const press = (selector) => document.querySelector(selector)?.click();

  document.addEventListener("keydown", (event) => {
    if (event.altKey && event.shiftKey && event.code === "KeyS") {
      event.preventDefault();
      ($("stop-all")?.hidden ? $("stop-all-now") : $("stop-all"))?.focus();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing(event.target) || document.querySelector("dialog[open]")) return;
    if (document.documentElement.dataset.shortcuts === "off") return;
    if (going && Date.now() - going < 1500) {
      going = 0;
      const link = document.querySelector(`.sections a[data-key="${CSS.escape(event.key)}"]`);
      if (link) { event.preventDefault(); location.href = link.href; }
      return;
    }
    const act = {
      "?": help,
      "/": () => document.querySelector("main input[type=search]")?.focus(),
      "g": () => { going = Date.now(); },
      "c": () => { const page = $("find-link")?.dataset.newEntry; if (page) location.href = page; },
      "j": () => move(1),
      "k": () => move(-1),
      "x": select,
      "[": () => press("[data-previous]"),
      "]": () => press("[data-next]"),
      "f": () => document.dispatchEvent(new Event("muster:follow")),
    }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  // The list of shortcuts is a page of its own; with script it opens as a dialog.
  async function help() {
    const response = await fetch(`${$("keys-link").href}?fragment=keys`);
    if (!response.ok) { location.href = $("keys-link").href; return; }
    const box = muster.make("dialog", "dialog", ""), form = document.createElement("form"), button = muster.make("button", "primary", "Close");
    box.setAttribute("aria-labelledby", "keys-h");
    box.append(document.createRange().createContextualFragment(await response.text()), form);
    form.method = "dialog";
    form.append(button);
    box.addEventListener("close", () => box.remove());
    document.body.append(box);
    box.showModal();
  }
  document.addEventListener("click", (event) => {
    if (event.target.id !== "keys-link" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    help();
  });
})();
