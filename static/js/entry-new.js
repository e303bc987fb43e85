// The form of a new entry: choosing a search hit adds its number to the dependencies.
(() => {
  "use strict";
  const after = document.getElementById("f-after");
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.elt.id === "find") detail.parameters.find = detail.elt.value; // the search field has no name, because it is not part of the entry
  });
  document.addEventListener("click", ({ target }) => {
    const number = target.closest("[data-number]")?.dataset.number;
    if (!number) return;
    const numbers = after.value.split(/[\s,]+/).filter(Boolean);
    if (!numbers.includes(number)) after.value = [...numbers, number].join(", ");
    document.getElementById("announcer").textContent = `Waits for ${after.value}`;
  });
  document.getElementById("wrong")?.focus();
})();
