// The config's form: adding a check without a reload, and a warning before leaving unsaved changes.
(() => {
  "use strict";
  const form = document.querySelector("form[data-leaving]"), count = document.getElementById("checks-count");
  const fresh = form.querySelector("[data-fresh]");
  if (fresh) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Add another check", id: "add-check" });
    fresh.parentElement.after(button);
    button.addEventListener("click", () => {
      const n = Number(count.value), next = fresh.cloneNode(true);
      // The clone copies the row from the server, which has the first unused number.
      const first = fresh.querySelector("[name]").name.split(".")[1];
      const rename = (text) => text.replaceAll(`verify.${first}.`, `verify.${n}.`).replaceAll(`f-verify-${first}-`, `f-verify-${n}-`);
      for (const el of next.querySelectorAll("[id], [name], [for], [aria-describedby]"))
        for (const name of ["id", "name", "for", "aria-describedby"])
          if (el.hasAttribute(name)) el.setAttribute(name, rename(el.getAttribute(name)));
      for (const el of next.querySelectorAll("input, textarea")) { el.value = ""; el.defaultValue = ""; }
      for (const el of next.querySelectorAll("label .sr")) el.textContent = ` ${n + 1}`;
      fresh.parentElement.append(next);
      count.value = n + 1;
      next.querySelector("input").focus();
    });
  }
  // Who says yes sees what there is to set.
  for (const choice of form.querySelectorAll('select[name^="has."]'))
    choice.addEventListener("change", () => { if (choice.value === "on") choice.closest(".panel").querySelector("details").open = true; });
  let changed = false;
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { changed = false; });
  addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
  for (const id of ["problems", "conflict"]) document.getElementById(id)?.focus();
})();
