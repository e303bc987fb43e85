// What pages cannot do without script: freshness, clocks, arming of Stop, leaving alone what a person is busy with.
(() => {
  "use strict";
  const QUIET = 15, STALE = 30, HIDDEN = 60, DISARM = 10, DEAD = 400, LINES = 2000;
  const $ = (id) => document.getElementById(id);
  const hidden = (el, yes) => { el.hidden = yes; };
  let source, beat = 0, skew = 0, signedOut = false, asleep, wasStale = false;

  // --- freshness: the dot, the banner, the clocks ---
  const serverNow = () => Date.now() / 1000 + skew;
  const clock = (at) => new Date(at * 1000).toISOString().slice(11, 19) + " UTC";
  const age = () => serverNow() - beat;
  const stale = () => beat > 0 && age() > STALE;

  function duration(total) {
    total = Math.max(0, Math.floor(total));
    const two = (n) => String(n).padStart(2, "0");
    const d = Math.floor(total / 86400), h = Math.floor(total / 3600) % 24, m = Math.floor(total / 60) % 60, s = total % 60;
    if (d) return `${d}d ${two(h)}h`;
    if (h) return `${h}h ${two(m)}m`;
    return m ? `${m}m ${two(s)}s` : `${s}s`;
  }

  function show() {
    const dot = $("freshness");
    if (!dot) return;
    const [state, words] = signedOut ? ["out", "Signed out"]
      : !beat ? ["wait", "Connecting…"]
      : stale() ? ["stale", `Data from ${clock(beat)}, ${duration(age())} old`]
      : age() > QUIET || source?.readyState !== 1 ? ["wait", `Reconnecting… data from ${clock(beat)}`]
      : ["live", `Live ${clock(serverNow())}`];
    dot.dataset.state = state;
    dot.textContent = words;
    document.body.classList.toggle("stale-data", state === "stale");
    banner(signedOut ? "You are signed out." : state === "stale" ? `Data from ${clock(beat)}. Trying to reconnect; Stop and Pause still work.` : "");
    if (state === "stale" && !wasStale) $("alarm").textContent = "The connection is lost: what you see is old.";
    wasStale = state === "stale";
    if (state !== "live") return; // clocks freeze with the data
    for (const el of document.querySelectorAll("time[data-since]")) el.textContent = duration(serverNow() - el.dataset.since);
    for (const el of document.querySelectorAll("time[data-ago]")) el.textContent = `${duration(serverNow() - el.dataset.ago)} ago`;
  }

  function banner(words) {
    const place = $("banner");
    if (!place || place.dataset.words === words) return;
    place.dataset.words = words;
    place.textContent = "";
    if (!words) return;
    const p = Object.assign(document.createElement("p"), { className: "banner", textContent: `${words} ` });
    p.append(Object.assign(document.createElement("a"), { href: location.href, textContent: signedOut ? "Log in" : "Reload" }));
    place.append(p);
  }

  const regions = () => document.querySelectorAll("[data-live], #log-more");
  const refresh = () => { if (!signedOut) regions().forEach((el) => htmx.trigger(el, "muster:refresh")); };
  const heard = new WeakSet();
  document.addEventListener("htmx:sseOpen", (event) => {
    const reopened = beat > 0;
    source = event.detail.source;
    if (!heard.has(source)) {
      heard.add(source);
      source.addEventListener("hb", (hb) => { beat = Number(hb.data); skew = beat - Date.now() / 1000; show(); });
    }
    if (reopened) refresh(); // whatever was said meanwhile was not heard
  });
  setInterval(show, 1000);
  setInterval(() => { if (stale()) refresh(); }, 15000);

  // A hidden tab gives its connection back: browsers allow six to a server. The extension reopens on an error of a closed source.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(asleep);
    if (document.hidden) asleep = setTimeout(() => source?.close(), HIDDEN * 1000);
    else if (source?.readyState === 2) source.onerror(new Event("woken"));
  });

  // --- swaps: not under a person's hands; open details stay open ---
  const inUse = (region) => region.querySelector("form.arm:not([hidden])")
    || [...region.querySelectorAll("input:not([type=hidden]):not([type=checkbox])")].some((i) => i === document.activeElement || i.value !== i.defaultValue)
    || (!getSelection().isCollapsed && region.contains(getSelection().anchorNode));
  const waiting = new Set();
  document.addEventListener("htmx:beforeSwap", (event) => {
    const region = event.detail.target, xhr = event.detail.xhr;
    if (xhr.status >= 400 && !xhr.getResponseHeader("HX-Reswap") && !xhr.responseText.includes('hx-swap-oob="true"')) {
      event.detail.shouldSwap = false;
      say("That did not work. Reload the page and try again.", true);
    }
    if (!region.dataset || !("live" in region.dataset) || event.detail.requestConfig.verb !== "get") return;
    if (inUse(region)) { event.detail.shouldSwap = false; waiting.add(region.id); return; }
    region.querySelectorAll("details[open][id]").forEach((d) => open.add(d.id));
  });
  const open = new Set();
  document.addEventListener("htmx:afterSwap", () => {
    open.forEach((id) => { const d = $(id); if (d) d.open = true; });
    open.clear();
    const strip = $("strip");
    if (strip) document.title = `${strip.dataset.title} · ${title}`;
    show();
  });
  const catchUp = () => setTimeout(() => waiting.forEach((id) => {
    const region = $(id);
    if (region && inUse(region)) return;
    waiting.delete(id);
    if (region) htmx.trigger(region, "muster:refresh");
  }), 50);
  document.addEventListener("focusout", catchUp);
  document.addEventListener("selectionchange", () => { if (waiting.size && getSelection().isCollapsed) catchUp(); });
  const title = document.title;

  // --- results and errors ---
  function say(words, bad) {
    const p = Object.assign(document.createElement("p"), { textContent: words });
    const box = Object.assign(document.createElement("div"), { className: bad ? "result bad" : "result" });
    box.append(p);
    $("result").replaceChildren(box);
    announce();
  }
  function announce() {
    const said = document.querySelector("#result [data-say], #result .ask, #result .bad");
    if (said) $(said.matches(".bad") ? "alarm" : "announcer").textContent = said.textContent.trim();
  }
  document.addEventListener("muster:changed", refresh);
  document.addEventListener("htmx:oobAfterSwap", announce);
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest?.("form"), xhr = event.detail.xhr;
    if (xhr?.status === 401) { signedOut = true; source?.close(); show(); }
    if (!form || event.detail.requestConfig.verb !== "post") return;
    if (event.detail.successful) { form.reset(); form.closest("details")?.removeAttribute("open"); disarm(form); catchUp(); }
  });
  document.addEventListener("htmx:sendError", () => say("The server does not answer. Nothing was done.", true));
  document.addEventListener("htmx:responseError", () => say("The server had an error. Try again.", true));

  // --- Stop: the first click arms, in place; the second commits ---
  function arm(link) {
    const form = $(link.dataset.arm), commit = form.querySelector(".commit");
    hidden(link, true); hidden(form, false);
    commit.disabled = true; // a double click lands here and does nothing
    setTimeout(() => { commit.disabled = false; if (!form.hidden) commit.focus(); }, DEAD);
    const idle = setInterval(() => { if (form.hidden || !form.isConnected) clearInterval(idle); else if (!form.contains(document.activeElement)) { if (++form.idle > DISARM) disarm(form); } else form.idle = 0; }, 1000);
    form.idle = 0;
  }
  function disarm(form, focus) {
    const link = document.querySelector(`[data-arm="${form.id}"]`);
    if (!link || form.hidden) return;
    hidden(form, true); hidden(link, false);
    if (focus) link.focus();
    catchUp();
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-arm]"), cancel = event.target.closest("[data-disarm]");
    if (link) { event.preventDefault(); arm(link); }
    if (cancel) disarm(cancel.closest("form"), true);
    if (event.target.closest("[data-dismiss]")) $("result").replaceChildren();
  });
  document.addEventListener("keydown", (event) => {
    const form = event.target.closest?.("form.arm");
    if (form && event.repeat) event.preventDefault(); // a held key never commits
    if (event.key === "Escape") { if (form) disarm(form, true); else event.target.closest?.("details.pick")?.removeAttribute("open"); }
    if (event.key === " " && event.target.matches?.("a[role=button]")) { event.preventDefault(); event.target.click(); }
  });

  // --- the log: new lines come in at the end; the reading place stays ---
  const log = $("log-lines"), follow = $("follow");
  if (log && $("log-more")) {
    const bottom = () => log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    hidden($("follow-label"), false);
    log.scrollTop = log.scrollHeight;
    log.addEventListener("scroll", () => { follow.checked = bottom(); });
    follow.addEventListener("change", () => { if (follow.checked) log.scrollTop = log.scrollHeight; });
    document.addEventListener("htmx:beforeSwap", (event) => { if (event.detail.target.id === "log-more") event.detail.follows = follow.checked; });
    document.addEventListener("htmx:afterSwap", () => {
      const lines = log.querySelectorAll(".line");
      if (follow.checked) { for (let i = 0; i < lines.length - LINES; i++) lines[i].remove(); log.scrollTop = log.scrollHeight; }
    });
  }
  show();
})();
