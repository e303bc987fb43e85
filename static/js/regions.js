// Live regions: what changed is asked for together, at most once a second, and a region is left alone while a person uses it.
(() => {
  "use strict";
  const GAP_MS = 1000, COMBINE_MS = 120, PATIENCE_MS = 8000, RETRY_MS = 5000, BUSY_MS = 300;
  const TOPICS = ["executor", "workers", "entries", "locks", "landing", "budget"];
  const { $, make } = muster;
  const due = new Set(), versions = new Map(), failed = new Map(), last = new Map();
  const live = () => [...document.querySelectorAll("[data-live]")].filter((el) => !el.closest(".peek:not([open])"));
  let timer = 0, inFlight = false, isUrgent = false, asked = -GAP_MS, log;

  // --- what is due ---
  function mark(ids) {
    ids.forEach((id) => due.add(id));
    if (due.size) schedule();
  }
  function schedule(gap = GAP_MS) {
    if (!timer) timer = setTimeout(ask, Math.max(COMBINE_MS, asked + gap - performance.now()));
  }
  // A picture of many parts need not move with each cent: `data-every` is the least number of seconds between two of its requests.
  const isEarly = (el) => performance.now() - (last.get(el.id) ?? -Infinity) < 1000 * (el.dataset.every || 0);
  const isDeferred = (id) => muster.isPaused() || muster.inUse($(id));
  muster.waiting = () => [...due].filter((id) => $(id)?.matches("[data-live]") && isDeferred(id)).length;
  muster.fetch = (...ids) => mark(ids);
  muster.refresh = () => {
    mark(live().map((el) => el.id));
    log?.pull();
  };
  // What a person did is shown at once: an answer under way is of what was before. A region that was changed in part is sent whole.
  function now(ids) {
    clearTimeout(timer);
    timer = 0;
    ids.forEach((id) => { due.add(id); last.delete(id); });
    isUrgent = inFlight;
    ask();
  }
  muster.restore = (id) => { versions.delete(id); now([id]); };
  // htmx marks its form as busy until the event is over: a region with a busy form is left alone.
  document.addEventListener("muster:changed", () => setTimeout(() => now(live().map((el) => el.id))));
  document.addEventListener("htmx:afterSwap", ({ target }) => versions.delete(target.closest?.("[data-live]")?.id));
  document.addEventListener("htmx:sseOpen", ({ detail: { source } }) => {
    for (const topic of TOPICS) source.addEventListener(topic, () => mark(live().filter((el) => el.dataset.live.split(" ").includes(topic)).map((el) => el.id)));
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && (due.size || log?.isDue())) schedule(); });
  const catchUp = () => setTimeout(() => { if (due.size) schedule(); }, 50);
  for (const name of ["muster:free", "focusout"]) document.addEventListener(name, catchUp);
  document.addEventListener("selectionchange", () => { if (due.size && getSelection().isCollapsed) catchUp(); });

  // --- the request ---
  function address(ids) {
    const query = new URLSearchParams(location.search);
    query.set("build", document.documentElement.dataset.build);
    query.set("live", ids.map((id) => (versions.has(id) ? `${id}:${versions.get(id)}` : id)).join());
    if (log && ids.includes("log")) Object.entries(log.parameters()).forEach(([name, value]) => query.set(`log_${name}`, value));
    return `${location.pathname}?${query}`;
  }
  function wanted(always) {
    const here = live();
    [...due].filter((id) => !here.some((el) => el.id === id)).forEach((id) => due.delete(id));
    const ids = here.filter((el) => el.id === always || (due.has(el.id) && !isDeferred(el.id) && !isEarly(el))).map((el) => el.id);
    return log?.isDue() ? [...ids, "log"] : ids;
  }
  // `always`: a region that is asked for in any case. When the server answered, by its clock; 0: it did not.
  async function ask(always = "") {
    timer = 0;
    const ids = inFlight || document.hidden || muster.isOut() ? [] : wanted(always);
    if (!ids.length) {
      if (!document.hidden && [...due].some((id) => $(id) && isEarly($(id))) && !timer) timer = setTimeout(ask, GAP_MS);
      return 0;
    }
    inFlight = true;
    asked = performance.now();
    ids.forEach((id) => { due.delete(id); last.set(id, asked); });
    const place = location.search, answer = await request(ids);
    inFlight = false;
    if (answer && place === location.search) show(ids, answer);
    else ids.forEach((id) => { due.add(id); versions.delete(id); });
    if (isUrgent && answer) now([]);
    else if (due.size || log?.isDue()) schedule(answer ? GAP_MS : RETRY_MS);
    return answer?.at ?? 0;
  }
  muster.ask = ask;

  async function request(ids) {
    const busy = setTimeout(() => ids.forEach((id) => $(id)?.setAttribute("aria-busy", "true")), BUSY_MS);
    let response;
    try {
      response = await fetch(address(ids), { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(PATIENCE_MS) });
      if (response.status === 401 || response.status === 403) muster.signOut();
      if (!response.ok) throw new Error(response.status);
      const answer = await response.json();
      if (answer.reload) muster.outdated();
      muster.trouble("");
      return { ...answer, at: Date.parse(response.headers.get("Date")) / 1000 || Date.now() / 1000, request: response.headers.get("X-Request-Id") };
    } catch {
      const id = response?.headers.get("X-Request-Id");
      muster.trouble(response ? `the server responded with ${response.status}${id ? ` (request ${id})` : ""}` : "no response");
      return null;
    } finally {
      clearTimeout(busy);
      document.querySelectorAll("[data-live][aria-busy]").forEach((el) => el.removeAttribute("aria-busy"));
    }
  }

  // --- the answer: only regions that differ are in it ---
  function show(ids, answer) {
    for (const id of ids) {
      const part = answer.regions[id];
      if (answer.failed.includes(id)) trouble(id, answer.request);
      else if (log && id === "log") log.take(part?.html);
      else if (part && muster.inUse($(id))) due.add(id);
      else recovered(id, part);
    }
    document.dispatchEvent(new Event("muster:shown"));
    muster.updateTab();
    muster.show();
  }
  function recovered(id, part) {
    if (failed.delete(id)) $(id)?.querySelector(":scope > .region-error")?.remove();
    if (!part || !$(id)) return;
    const holder = document.createElement("template");
    holder.innerHTML = part.html;
    muster.keepFocus($(id), () => muster.morph($(id), holder.content.firstElementChild));
    htmx.process($(id));
    versions.set(id, part.version);
  }

  // A region that failed shows its error in its own place; the others stay live.
  function trouble(id, request) {
    const el = $(id);
    if (!el) return;
    versions.delete(id);
    if (!failed.has(id)) failed.set(id, muster.clock(muster.serverNow()));
    let slot = el.querySelector(":scope > .region-error");
    if (!slot) {
      slot = make("div", "region-error", "");
      slot.append(make("p", "", ""), make("button", "small", "Retry"));
      slot.lastChild.type = "button";
      slot.lastChild.addEventListener("click", () => now([id]));
      el.prepend(slot);
    }
    const what = el.getAttribute("aria-label") || el.querySelector("h2")?.textContent || "This part";
    slot.firstChild.textContent = `${what} could not be refreshed since ${failed.get(id)}${request ? ` (request ${request})` : ""}.`;
  }

  // The lines of a log come with the same request. `log`: `isDue`, `parameters`, `take`, `pull`.
  muster.joinLog = (part) => { log = part; };
  muster.schedule = () => schedule();
})();
