// What forms answer, and what is said aloud: politely at most once in five seconds, and the newest of what came meanwhile.
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
  muster.say = (words, urgent) => {
    if (urgent) { $("alarm").textContent = words; return; }
    next = words;
    if (!timer) timer = setTimeout(polite, Math.max(0, last + GAP_MS - Date.now()));
  };

  // State changes of the executor, alerts, and what a region wants said (`data-announce`) are told when they differ from before.
  const told = new Map();
  function watch() {
    const strip = $("strip"), alert = document.querySelector("#banner .banner strong")?.textContent || "";
    const now = [["state", strip?.querySelector(".badge")?.textContent.trim()], ["alert", alert]];
    document.querySelectorAll("[data-announce]").forEach((el) => now.push([el.id, el.dataset.announce]));
    for (const [key, words] of now) {
      if (told.has(key) && told.get(key) !== words && words) {
        muster.say(key === "state" ? `Executor: ${words}` : words, key === "alert" && !!document.querySelector("#banner .bad"));
      }
      told.set(key, words);
    }
  }
  document.addEventListener("htmx:afterSwap", watch);
  document.addEventListener("DOMContentLoaded", watch);

  function show(words, tone = "bad") {
    $("result").replaceChildren(make("div", `result ${tone}`, words));
    announce();
  }
  function announce() {
    const said = document.querySelector("#result > .result");
    if (said) muster.say((said.querySelector("p") || said).textContent.trim(), said.matches(".bad"));
  }
  document.addEventListener("htmx:oobAfterSwap", ({ detail: { target } }) => { if (target.id === "result") announce(); });

  // On stale data only Stop and Pause go through at once; the rest asks, and says how old the data is.
  document.addEventListener("htmx:confirm", (event) => {
    const form = event.target.closest?.("form");
    if (!form || event.detail.verb !== "post" || !muster.isStale() || form.matches("[data-always]") || form.dataset.sure) return;
    event.preventDefault();
    show(`This page shows data that is ${muster.duration(muster.dataAge())} old.`, "warn");
    const go = make("button", "commit", "Do it all the same"), no = make("button", "quiet", "Cancel");
    go.type = no.type = "button";
    no.dataset.dismiss = "";
    go.addEventListener("click", () => { $("result").replaceChildren(); event.detail.issueRequest(true); });
    $("result").firstChild.append(go, no);
    go.focus();
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest?.("form"), { xhr, requestConfig } = event.detail;
    const refused = !xhr?.status || xhr.status >= 400; // htmx calls an answer successful whenever it is to be swapped
    if (xhr?.status === 401) muster.signOut();
    if (!form || requestConfig?.verb !== "post") return;
    if (!xhr?.status) show("The server does not answer. Whether it was done is not known: look again before you repeat it.");
    else if (refused && !xhr.responseText.includes('id="result"')) {
      const id = xhr.getResponseHeader("X-Request-Id");
      if (xhr.status === 503 && xhr.getResponseHeader("Content-Type")?.startsWith("text/plain")) show(xhr.responseText);
      else show(`That did not work (${xhr.status}${id ? `, request ${id}` : ""}). Reload the page and try again.`);
    }
    if (refused) return;
    form.reset();
    form.closest("details")?.removeAttribute("open");
    if (form.dataset.back) muster.leave(form);
    document.dispatchEvent(new Event("muster:free"));
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-dismiss]")) $("result").replaceChildren();
  });
  // What needs script shows itself only where there is script.
  const unhide = () => document.querySelectorAll("[data-scripted][hidden]").forEach((el) => { el.hidden = false; });
  document.addEventListener("DOMContentLoaded", unhide);
  document.addEventListener("htmx:afterSwap", unhide);
})();
