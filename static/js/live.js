// How fresh the page is: the stream, the dot, the banner, the clocks. Two facts stay apart: whether the server is heard, and whether the
// executor is (its tick).
(() => {
  "use strict";
  const QUIET = 15, STALE = 30, HIDDEN = 60, POLL = 15;
  const $ = (id) => document.getElementById(id);
  const make = (tag, className, textContent) => Object.assign(document.createElement(tag), { className, textContent });
  const root = document.documentElement, title = document.title, icon = $("favicon");
  const heard = new WeakSet();
  let source, beat = 0, skew = 0, tick = 0, signedOut = false, byYou = false, build = "", asleep, was = "", polled = 0, asked = 0;

  const two = (n) => String(n).padStart(2, "0");
  const serverNow = () => Date.now() / 1000 + skew;
  const age = () => serverNow() - beat;
  const zone = root.dataset.zone || "UTC", zoneName = () => $("freshness")?.dataset.zoneName || zone;
  const face = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const clock = (at) => `${face.format(at * 1000)} ${zoneName()}`;

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
    return t < 60 ? `${t} s ago` : t < 3600 ? `${Math.floor(t / 60)} min ago` : `${Math.floor(t / 3600)} h ago`;
  }

  function state() {
    if (signedOut) return ["out", "Signed out"];
    if (byYou) return ["paused", `‖ Updates paused${muster.waiting() ? ` · ${muster.waiting()} waiting` : ""}`];
    if (!beat) return ["wait", "Connecting…"];
    if (age() > STALE) return ["stale", `Data from ${clock(beat)}, ${duration(age())} old`];
    if (age() > QUIET || source.readyState !== 1) return ["wait", `Reconnecting… data from ${clock(beat)}`];
    const held = muster.waiting(), ended = document.querySelector("main [data-final]") && !document.querySelector("main [data-live]:not([data-final], #banner)");
    if (ended) return ["final", "■ Final"]; // the strip above it is still kept fresh
    return ["live", `Live ${clock(serverNow())}${held ? ` · ${held} update${held === 1 ? "" : "s"} waiting` : ""}`];
  }

  function show() {
    if (!$("freshness")) return;
    const [name, words] = state();
    $("freshness").dataset.state = name;
    if ($("freshness").textContent !== words) $("freshness").textContent = words;
    if (name !== was) {
      document.body.classList.toggle("stale-data", name === "stale");
      was = name;
      tell(name);
    } else if (name === "stale") tell(name);
    if (name !== "live" && name !== "final") return; // clocks freeze with the data
    for (const el of document.querySelectorAll("time[data-since]")) el.textContent = duration(serverNow() - el.dataset.since);
    for (const el of document.querySelectorAll("time[data-ago]")) {
      const past = serverNow() - el.dataset.ago;
      if (past < 86400) el.textContent = ago(past);
    }
    ticking();
  }

  // The strip says "Unknown" by the database; the page only notices that it is time to ask.
  function ticking() {
    const el = $("tick"), strip = $("strip");
    if (!el) return;
    const at = Math.max(tick, Number(el.dataset.tick) || 0), past = serverNow() - at, late = past > Number(el.dataset.late);
    if (at) el.textContent = `tick ${duration(past)} ago`;
    const wrong = strip.dataset.state === "running" && late !== (strip.dataset.shown === "unknown");
    if (wrong && serverNow() - asked > Math.max(1, el.dataset.late / 3)) { asked = serverNow(); muster.fetch("strip", "banner"); }
  }

  function tell(name) {
    const says = {
      out: ["You are signed out, or may no longer see this.", "Log in", location.href],
      stale: [`Data from ${clock(beat)}, ${duration(age())} old. Trying to reconnect; Stop and Pause still work.`, "Reconnect", location.href],
    }[name] || (build && build !== root.dataset.build && ["There is a newer version of Muster.", "Reload for the new version", location.href]);
    const box = $("connection");
    if (!says) return box.replaceChildren();
    if (!box.firstChild) {
      const link = make("a", "", says[1]);
      link.href = says[2];
      box.append(make("p", `banner ${name === "out" || name === "stale" ? "odd" : "wait"}`, ""));
      box.firstChild.append(make("span", "", ""), " ", link);
      muster.say(says[0], name === "stale" || name === "out");
    }
    box.querySelector("span").textContent = says[0];
  }

  function face_of() { // the tab says it too
    const strip = $("strip");
    if (!strip) return;
    document.title = `${strip.dataset.title} · ${title}`;
    const alarm = document.querySelector("#banner .bad"), name = alarm ? "alert" : strip.dataset.state;
    if (icon?.dataset[name]) icon.href = icon.dataset[name];
  }

  document.addEventListener("htmx:sseOpen", (event) => {
    source = event.detail.source;
    if (!heard.has(source)) {
      heard.add(source);
      source.addEventListener("tick", () => { tick = serverNow(); });
      source.addEventListener("hb", (hb) => {
        const told = JSON.parse(hb.data);
        beat = told.at; skew = beat - Date.now() / 1000; tick = Math.max(tick, told.tick || 0);
        if (build !== told.build) { build = told.build; was = ""; }
        show();
      });
    }
    if (beat) muster.refresh(); // whatever was said meanwhile was not heard
  });
  setInterval(() => {
    show();
    if (was === "stale" && serverNow() - polled > POLL) { polled = serverNow(); muster.refresh(); }
  }, 1000);

  // A hidden tab gives its connection back: browsers allow six to a server. The extension reopens upon an error of a closed source.
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
        byYou = !byYou;
        button.setAttribute("aria-pressed", byYou);
        button.textContent = byYou ? "Go on" : "Pause updates";
        if (!byYou) muster.refresh();
        show();
      });
    }
    face_of();
    show();
  });

  window.muster = {
    $, make, duration, clock, serverNow, show, face: face_of, dataAge: age,
    isStale: () => was === "stale", isPaused: () => byYou, isOut: () => signedOut,
    signOut() { signedOut = true; source?.close(); show(); },
  };
})();
