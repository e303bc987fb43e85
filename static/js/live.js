// Freshness of the page: stream, status dot, banner and clocks. Two facts stay apart: whether the server responds, and whether the
// executor does (its tick).
(() => {
  "use strict";
  const QUIET = 15, STALE = 30, HIDDEN = 60, POLL = 15, CALM = 5; // seconds; CALM: how often a clock beyond its first minute moves
  const $ = (id) => document.getElementById(id);
  const make = (tag, className, textContent) => Object.assign(document.createElement(tag), { className, textContent });
  const root = document.documentElement, title = document.title, icon = $("favicon");
  const listening = new WeakSet();
  let source, beat = 0, skew = 0, tick = 0, signedOut = false, paused = false, build = "", failure = "", asleep, shownState = "", polled = 0, asked = 0;

  const two = (n) => String(n).padStart(2, "0");
  const serverNow = () => Date.now() / 1000 + skew;
  const age = () => serverNow() - beat;
  const zone = root.dataset.zone || "UTC", zoneName = () => $("freshness")?.dataset.zoneName || zone;
  const clockFormat = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const clock = (at) => `${clockFormat.format(at * 1000)} ${zoneName()}`;

  function duration(seconds) {
    const t = Math.max(0, Math.floor(seconds));
    const d = Math.floor(t / 86400), h = Math.floor(t / 3600) % 24, m = Math.floor(t / 60) % 60, s = t % 60;
    if (d) return `${d}d ${two(h)}h`;
    if (h) return `${h}h ${two(m)}m`;
    return m ? `${m}m ${two(s)}s` : `${s}s`;
  }

  function ago(seconds) {
    const t = Math.max(0, Math.floor(seconds));
    if (t < 5) return "just now";
    return t < 60 ? `${t}s ago` : t < 3600 ? `${Math.floor(t / 60)}m ago` : `${Math.floor(t / 3600)}h ago`;
  }

  function state() {
    if (signedOut) return ["out", "Signed out"];
    if (paused) return ["paused", `‖ Updates paused${muster.waiting() ? ` · ${muster.waiting()} waiting` : ""}`];
    if (!beat) return ["wait", "Connecting…"];
    if (age() > STALE) return ["stale", `Data from ${clock(beat)}, ${duration(age())} old`];
    if (age() > QUIET || source.readyState !== 1) return ["wait", `Reconnecting… data from ${clock(beat)}`];
    const waiting = muster.waiting(), ended = document.querySelector("main [data-final]") && !document.querySelector("main [data-live]:not([data-final], #banner)");
    if (ended) return ["final", "■ Final"]; // the header stays live
    return ["live", `Live ${clock(serverNow())}${waiting ? ` · ${waiting} update${waiting === 1 ? "" : "s"} waiting` : ""}`];
  }

  function show() {
    if (!$("freshness")) return;
    const [name, words] = state();
    if ($("freshness").dataset.state !== name) $("freshness").dataset.state = name;
    write($("freshness"), words);
    if (name !== shownState) {
      document.body.classList.toggle("stale-data", name === "stale");
      shownState = name;
      notify(name);
    } else if (name === "stale") notify(name);
    if (name !== "live" && name !== "final") return; // clocks stop with the data
    for (const el of document.querySelectorAll("time[data-since]")) {
      const past = Math.floor(serverNow() - el.dataset.since);
      if (past < 60 || past % CALM === 0 || el.dataset.at !== el.counted) write(el, duration(past));
      el.counted = el.dataset.at;
    }
    for (const el of document.querySelectorAll("time[data-ago]")) {
      const past = serverNow() - el.dataset.ago;
      if (past < 86400) write(el, ago(past));
    }
    ticking();
  }
  function write(el, words) { // one mutation, and none if it is shown already
    if (el.textContent === words) return;
    if (el.firstChild?.nodeType === 3 && el.childNodes.length === 1) el.firstChild.data = words;
    else el.textContent = words;
  }

  // The server decides that the state is "Unknown"; the page only notices when to fetch it.
  function ticking() {
    const el = $("tick"), header = $("header");
    if (!el) return;
    const at = Math.max(tick, Number(el.dataset.tick) || 0), past = serverNow() - at, late = past > Number(el.dataset.late);
    if (at) write(el, `tick ${duration(past)} ago`);
    const outdated = header.dataset.state === "running" && late !== (header.dataset.shown === "unknown");
    if (outdated && serverNow() - asked > Math.max(1, el.dataset.late / 3)) { asked = serverNow(); muster.fetch("header", "banner", "attention"); }
  }

  function notify(name) {
    const notice = {
      out: ["You are signed out, or no longer have access.", "Log in", location.href],
      stale: [`Data from ${clock(beat)}, ${duration(age())} old. Reconnecting; Stop and Pause still work.`, "Reconnect", location.href],
    }[name] || (failure && [`This page could not be refreshed: ${failure}. It tries again every few seconds.`, "Reload", location.href])
      || (build && build !== root.dataset.build && ["There is a newer version of Muster.", "Reload for the new version", location.href]);
    const box = $("connection");
    if (!notice) { if (box.firstChild) box.replaceChildren(); return; }
    if (!box.firstChild) {
      const link = make("a", "", notice[1]);
      link.href = notice[2];
      box.append(make("p", `banner ${name === "out" || name === "stale" ? "odd" : "wait"}`, ""));
      box.firstChild.append(make("span", "", ""), " ", link);
      muster.announce(notice[0], name === "stale" || name === "out");
    }
    write(box.querySelector("span"), notice[0]);
  }

  function updateTab() { // title and icon of the browser tab
    const header = $("header");
    if (!header) return;
    const shown = `${header.dataset.title} · ${title}`;
    if (document.title !== shown) document.title = shown;
    const alarm = document.querySelector("[data-alert=bad]"), name = alarm ? "alert" : header.dataset.state;
    if (icon?.dataset[name] && icon.getAttribute("href") !== icon.dataset[name]) icon.setAttribute("href", icon.dataset[name]);
  }

  document.addEventListener("htmx:sseOpen", (event) => {
    source = event.detail.source;
    if (!listening.has(source)) {
      listening.add(source);
      source.addEventListener("tick", () => { tick = serverNow(); });
      source.addEventListener("hb", (hb) => {
        const heartbeat = JSON.parse(hb.data);
        beat = heartbeat.at; skew = beat - Date.now() / 1000; tick = Math.max(tick, heartbeat.tick || 0);
        if (build !== heartbeat.build) { build = heartbeat.build; shownState = ""; }
        show();
      });
    }
    if (beat) muster.refresh(); // changes published meanwhile were missed
  });
  setInterval(() => {
    show();
    if (shownState === "stale" && serverNow() - polled > POLL) { polled = serverNow(); muster.refresh(); }
  }, 1000);

  // A hidden tab closes its stream: browsers allow six connections per server. The extension reopens a closed source on its error event.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(asleep);
    if (document.hidden) asleep = setTimeout(() => source?.close(), HIDDEN * 1000);
    else if (source?.readyState === 2) source.onerror();
  });
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => { if (event.persisted && source?.readyState === 2) source.onerror(); });

  document.addEventListener("DOMContentLoaded", () => {
    const button = $("live-switch");
    if (button) {
      button.hidden = false;
      button.addEventListener("click", () => {
        paused = !paused;
        button.setAttribute("aria-pressed", paused);
        button.textContent = paused ? "Resume updates" : "Pause updates";
        if (!paused) muster.refresh();
        show();
      });
    }
    updateTab();
    show();
  });

  window.muster = {
    $, make, duration, clock, serverNow, show, updateTab, dataAge: age,
    isStale: () => shownState === "stale", isPaused: () => paused, isOut: () => signedOut,
    trouble(words) { // a refresh of the page that failed; empty: it succeeded
      if (failure !== words) { failure = words; shownState = ""; show(); }
    },
    signOut() { signedOut = true; source?.close(); show(); },
    outdated() { if (build !== "newer") { build = "newer"; shownState = ""; show(); if (!$("freshness")) notify(""); } }, // the server is of another build than this page
  };
})();
