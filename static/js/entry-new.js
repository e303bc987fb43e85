// The form of a new entry: what the little search finds is put among the numbers that it waits for.
(() => {
  "use strict";
  const after = document.getElementById("f-after");
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.elt.id === "find") detail.parameters.find = detail.elt.value; // it has no name: it is no part of the entry
  });
  document.addEventListener("click", ({ target }) => {
    const number = target.closest("[data-number]")?.dataset.number;
    if (!number) return;
    const there = after.value.split(/[\s,]+/).filter(Boolean);
    if (!there.includes(number)) after.value = [...there, number].join(", ");
    document.getElementById("announcer").textContent = `Waits for ${after.value}`;
  });
  document.getElementById("wrong")?.focus();
})();
