// Offers the browser's time zone when it differs from the chosen one.
(() => {
  "use strict";
  const offer = document.getElementById("browser-zone"), field = document.getElementById("time_zone");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || zone === document.documentElement.dataset.zone || ![...field.list.options].some((option) => option.value === zone)) return;
  offer.querySelector("span").textContent = zone;
  offer.hidden = false;
  offer.querySelector("button").addEventListener("click", () => { field.value = zone; field.focus(); });
})();
