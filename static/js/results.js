// Results of forms, and announcements for screen readers: at most one polite announcement in five seconds, the newest first.
(() => {
  "use strict";
  const GAP_MS = 5000;
  const { $, make } = muster;
  let next = "", timer = 0, last = 0;

  function polite() {
    timer = 0;
    if (!next) return;
    last = Date.now();
    $("announcer").textContent = next;
    next = "";
  }
  muster.announce = (words, urgent) => {
    if (urgent) { $("alarm").textContent = words; return; }
    next = words;
    if (!timer) timer = setTimeout(polite, Math.max(0, last + GAP_MS - Date.now()));
  };

  // Announce state changes of the executor, alerts, and the `data-announce` text of regions when they differ from before.
  const announced = new Map();
  function announceChanges() {
    const header = $("header"), alert = document.querySelector("[data-alert] :is(strong, .clip)")?.textContent.trim() || "";
    const now = [["state", header?.querySelector(".badge")?.textContent.trim()], ["alert", alert]];
    document.querySelectorAll("[data-announce]").forEach((el) => now.push([el.id, el.dataset.announce]));
    for (const [key, words] of now) {
      if (announced.has(key) && announced.get(key) !== words && words) {
        muster.announce(key === "state" ? `Executor: ${words}` : words, key === "alert" && !!document.querySelector("[data-alert=bad]"));
      }
      announced.set(key, words);
    }
  }
  for (const name of ["muster:shown", "htmx:afterSwap"]) document.addEventListener(name, announceChanges);
  document.addEventListener("DOMContentLoaded", announceChanges);

  function show(words, tone = "bad") {
    $("result").replaceChildren(make("div", `result ${tone}`, words));
    announceResult();
  }
  function announceResult() {
    const result = document.querySelector("#result > .result");
    if (result) muster.announce((result.querySelector("p") || result).textContent.trim(), result.matches(".bad"));
  }
  document.addEventListener("htmx:oobAfterSwap", ({ detail: { target } }) => { if (target.id === "result") announceResult(); });

  // On stale data only Stop and Pause go through at once; other actions ask first and name the age of the data.
  document.addEventListener("htmx:confirm", (event) => {
    const form = event.target.closest?.("form");
    if (!form || event.detail.verb !== "post" || !muster.isStale() || form.matches("[data-always]") || form.dataset.sure) return;
    event.preventDefault();
    show(`This page shows data that is ${muster.duration(muster.dataAge())} old.`, "warn");
    const go = make("button", "commit", "Do it anyway"), no = make("button", "quiet", "Cancel");
    go.type = no.type = "button";
    no.dataset.dismiss = "";
    go.addEventListener("click", () => { $("result").replaceChildren(); event.detail.issueRequest(true); });
    $("result").firstChild.append(go, no);
    go.focus();
  });

  // What had a value, and was saved with another one, has that from now on; what was empty is empty again.
  function keep(form) {
    for (const field of form.elements) {
      if (field.matches("input:not([type=hidden], [type=checkbox], [type=radio])[value]:not([value=''])")) field.defaultValue = field.value;
      if (field.matches("select") && [...field.options].some((option) => option.defaultSelected)) {
        for (const option of field.options) option.defaultSelected = option.selected;
      }
    }
  }
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest?.("form"), { xhr, requestConfig } = event.detail;
    const refused = !xhr?.status || xhr.status >= 400; // htmx calls every swapped response successful
    if (xhr?.status === 401) muster.signOut();
    if (!form || requestConfig?.verb !== "post") return;
    if (!xhr?.status) show("No response from the server. The action may or may not have been carried out: check before you repeat it.");
    else if (refused && !xhr.responseText.includes('id="result"')) {
      const id = xhr.getResponseHeader("X-Request-Id");
      if (xhr.status === 503 && xhr.getResponseHeader("Content-Type")?.startsWith("text/plain")) show(xhr.responseText);
      else show(`That did not work (${xhr.status}${id ? `, request ${id}` : ""}). Reload the page and try again.`);
    }
    if (refused) return;
    keep(form);
    form.reset();
    muster.saved(form);
    form.closest("details")?.removeAttribute("open");
    if (form.dataset.back) muster.leave(form);
    document.dispatchEvent(new Event("muster:free"));
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-dismiss]")) $("result").replaceChildren();
  });
  // Controls that need script are hidden without it.
  const unhide = () => document.querySelectorAll("[data-scripted][hidden]").forEach((el) => { el.hidden = false; });
  document.addEventListener("DOMContentLoaded", unhide);
  for (const name of ["muster:shown", "htmx:afterSwap"]) document.addEventListener(name, unhide);
})();
