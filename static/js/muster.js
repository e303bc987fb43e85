// What every live page needs of script: how fresh it is, clocks that count, and regions that leave alone what a person is busy with.
(() => {
  "use strict";
  const QUIET = 15, STALE = 30, HIDDEN = 60;
  const $ = (id) => document.getElementById(id);
  const title = document.title;
  const make = (tag, className, textContent) => Object.assign(document.createElement(tag), { className, textContent });
  const open = new Set(), waiting = new Set(), again = new Set(), heard = new WeakSet();
  let source, beat = 0, skew = 0, signedOut = false, asleep, was = "";

  // --- freshness: the dot, the banner, the clocks ---
  const serverNow = () => Date.now() / 1000 + skew;
  const age = () => serverNow() - beat;
  const clock = (at) => `${new Date(at * 1000).toISOString().slice(11, 19)} UTC`;
  const two = (n) => String(n).padStart(2, "0");

  function duration(seconds) {
    const t = Math.max(0, Math.floor(seconds));
    const d = Math.floor(t / 86400), h = Math.floor(t / 3600) % 24, m = Math.floor(t / 60) % 60, s = t % 60;
    if (d) return `${d}d ${two(h)}h`;
    if (h) return `${h}h ${two(m)}m`;
    return m ? `${m}m ${two(s)}s` : `${s}s`;
  }

  function state() {
    if (signedOut) return ["out", "Signed out"];
    if (!beat) return ["wait", "Connecting…"];
    if (age() > STALE) return ["stale", `Data from ${clock(beat)}, ${duration(age())} old`];
    if (age() > QUIET || source.readyState !== 1) return ["wait", `Reconnecting… data from ${clock(beat)}`];
    return ["live", `Live ${clock(serverNow())}`];
  }

  function show() {
    const [name, words] = state();
    $("freshness").dataset.state = name;
    $("freshness").textContent = words;
    if (name !== was) {
      document.body.classList.toggle("stale-data", name === "stale");
      banner(name);
      was = name;
    }
    if (name !== "live") return; // clocks freeze with the data
    for (const el of document.querySelectorAll("time[data-since]")) el.textContent = duration(serverNow() - el.dataset.since);
    for (const el of document.querySelectorAll("time[data-ago]")) el.textContent = `${duration(serverNow() - el.dataset.ago)} ago`;
  }

  function banner(name) {
    const says = {
      out: ["You are signed out, or may no longer see this.", "Log in"],
      stale: [`Data from ${clock(beat)}. Trying to reconnect; Stop and Pause still work.`, "Reload"],
    }[name];
    $("banner").replaceChildren();
    if (!says) return;
    const box = make("p", "banner", `${says[0]} `), link = make("a", "", says[1]);
    link.href = location.href;
    box.append(link);
    $("banner").append(box);
    $("alarm").textContent = says[0];
  }

  function refresh() {
    if (!signedOut) document.querySelectorAll("[data-live], #log-more").forEach((el) => htmx.trigger(el, "muster:refresh"));
  }
  document.addEventListener("muster:changed", refresh);
  document.addEventListener("htmx:sseOpen", (event) => {
    source = event.detail.source;
    if (!heard.has(source)) {
      heard.add(source);
      source.addEventListener("hb", (hb) => { beat = Number(hb.data); skew = beat - Date.now() / 1000; show(); });
    }
    if (beat) refresh(); // whatever was said meanwhile was not heard
  });
  setInterval(show, 1000);
  setInterval(() => { if (was === "stale") refresh(); }, 15000);

  // A hidden tab gives its connection back: browsers allow six to a server. The extension reopens upon an error of a closed source.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(asleep);
    if (document.hidden) asleep = setTimeout(() => source?.close(), HIDDEN * 1000);
    else if (source?.readyState === 2) source.onerror(new Event("woken"));
  });

  // A region has one request at a time; what is hinted meanwhile is fetched after it (htmx would lose it, or abort the first aloud).
  document.addEventListener("htmx:confirm", (event) => {
    if (!event.target.matches("[data-live].htmx-request")) return;
    event.preventDefault();
    again.add(event.target.id);
  });
  document.addEventListener("htmx:afterRequest", ({ detail: { elt: { id } } }) => {
    if (again.delete(id)) setTimeout(() => { if ($(id)) htmx.trigger($(id), "muster:refresh"); });
  });

  // --- swaps: never under a person's hands; open details stay open ---
  function inUse(region) {
    const busy = (i) => i === document.activeElement || i.value !== i.defaultValue || i.checked !== i.defaultChecked;
    const selection = getSelection();
    return region.querySelector("form.arm:not([hidden]), form[data-back]:not([hidden])")
      || [...region.querySelectorAll("input:not([type=hidden])")].some(busy)
      || (!selection.isCollapsed && region.contains(selection.anchorNode));
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr, requestConfig } = event.detail;
    if (xhr.status >= 400 && !xhr.responseText.includes('id="result"')) event.detail.shouldSwap = false;
    if (!target.matches?.("[data-live]") || requestConfig.verb !== "get") return;
    if (inUse(target)) { event.detail.shouldSwap = false; waiting.add(target.id); return; }
    target.querySelectorAll("details[open][id]").forEach((d) => open.add(d.id));
  });
  document.addEventListener("htmx:afterSwap", () => {
    open.forEach((id) => { if ($(id)) $(id).open = true; });
    open.clear();
    if (backTo && $(backTo)) { $(backTo).focus(); backTo = ""; }
    if ($("strip")) document.title = `${$("strip").dataset.title} · ${title}`;
    show();
  });
  const catchUp = () => setTimeout(() => waiting.forEach((id) => {
    if ($(id) && inUse($(id))) return;
    waiting.delete(id);
    if ($(id)) htmx.trigger($(id), "muster:refresh");
  }), 50);
  document.addEventListener("muster:free", catchUp);
  document.addEventListener("focusout", catchUp);
  document.addEventListener("selectionchange", () => { if (waiting.size && getSelection().isCollapsed) catchUp(); });

  // --- a value that is edited in place: opening leads to its field, Escape and Cancel lead back ---
  document.addEventListener("toggle", ({ target }) => {
    if (target.matches?.(".pick[open]") && target.firstElementChild === document.activeElement) target.querySelector("input:not([type=hidden])")?.select();
  }, true);
  function close(pick) {
    pick.querySelector("form")?.reset();
    pick.open = false;
    pick.firstElementChild.focus();
    catchUp();
  }
  // A cell that was fetched as a form: its region brings back what stood there, and the focus with it.
  let backTo = "";
  function leave(form) {
    backTo = form.dataset.back;
    form.reset();
    form.hidden = true;
    document.activeElement.blur();
    htmx.trigger(form.closest("[data-live]"), "muster:refresh");
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const pick = event.target.closest?.(".pick[open]"), cell = event.target.closest?.("form[data-back]");
    if (pick) close(pick);
    if (cell) leave(cell);
  });

  // --- results ---
  function say(words) {
    $("result").replaceChildren(make("div", "result bad", words));
    announce();
  }
  function announce() {
    const said = document.querySelector("#result > .result");
    if (said) $(said.matches(".bad") ? "alarm" : "announcer").textContent = said.textContent.trim();
  }
  document.addEventListener("htmx:oobAfterSwap", announce);
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest?.("form"), { xhr, requestConfig } = event.detail;
    const refused = !xhr?.status || xhr.status >= 400; // htmx calls an answer successful whenever it is to be swapped
    if (xhr?.status === 401) { signedOut = true; source?.close(); show(); }
    if (!form || requestConfig?.verb !== "post") return;
    if (!xhr?.status) say("The server does not answer. Nothing was done.");
    else if (refused && !xhr.responseText.includes('id="result"')) say("That did not work. Reload the page and try again.");
    if (refused) return;
    form.reset();
    form.closest("details")?.removeAttribute("open");
    if (form.dataset.back) leave(form);
    catchUp();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-dismiss]")) $("result").replaceChildren();
    if (event.target.closest("[data-leave]")) { event.preventDefault(); leave(event.target.closest("form")); }
  });
  show();
})();
