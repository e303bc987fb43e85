// Stop: the first click arms, in place; the second commits. Without script the same link leads to a confirmation page.
(() => {
  "use strict";
  const DISARM = 10, DEAD = 400;

  function arm(link) {
    const form = document.getElementById(link.dataset.arm), commit = form.querySelector(".commit");
    link.hidden = true;
    form.hidden = false;
    commit.disabled = true; // a double click lands here, or on Cancel, and does nothing
    setTimeout(() => { commit.disabled = false; if (!form.hidden) commit.focus(); }, DEAD);
    let away = 0;
    const timer = setInterval(() => {
      if (form.hidden || !form.isConnected) return clearInterval(timer);
      away = form.contains(document.activeElement) ? 0 : away + 1;
      if (away > DISARM) disarm(form);
    }, 1000);
  }

  function disarm(form, focus) {
    const link = document.querySelector(`[data-arm="${form.id}"]`);
    if (!link || form.hidden) return;
    form.hidden = true;
    link.hidden = false;
    if (focus) link.focus();
    document.dispatchEvent(new Event("muster:free"));
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-arm]"), cancel = event.target.closest("[data-disarm]");
    if (link) { event.preventDefault(); arm(link); }
    if (cancel && !cancel.form.querySelector(".commit").disabled) disarm(cancel.form, true);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest?.("form.arm");
    if (form && event.detail.successful) disarm(form);
  });
  document.addEventListener("keydown", (event) => {
    const form = event.target.closest?.("form.arm");
    if (form && event.repeat) event.preventDefault(); // a held key never commits
    if (form && event.key === "Escape") disarm(form, true);
    if (event.key === " " && event.target.matches?.("a[role=button]")) { event.preventDefault(); event.target.click(); }
  });
})();
