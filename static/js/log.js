// A session's log: a window of at most 2,000 lines. New lines are appended while the log is followed; scrolling up, selecting or
// clicking a line stops following, and then nothing moves. Lines are fetched by number, so none is lost or repeated.
(() => {
  "use strict";
  const MOST_SHOWN = 2000, POLL = 2000;
  const $ = (id) => document.getElementById(id);
  const root = $("log"), box = $("log-lines"), rows = $("log-rows"), pill = $("log-pill"), followBox = $("follow");
  if (!root) return;
  const { url, topic, level } = root.dataset;
  // `first`, `last`: line numbers of the window; `later`: newer lines exist beyond it; `newest`: the last known line number.
  const at = { first: 0, last: 0, newest: 0, later: false, over: false, unseen: 0, follow: false };
  let top = 0;

  async function fetchBatch(parameters) {
    const query = new URLSearchParams({ fragment: "log", ...(level && { level }), ...parameters });
    const response = await fetch(`${url}?${query}`, { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(15000) });
    if (!response.ok) throw new Error(response.status);
    return parse(await response.text());
  }
  function parse(html) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    return holder.content.firstElementChild;
  }
  const number = (batch, name) => Number(batch.dataset[name] || 0);
  const lines = () => rows.getElementsByClassName("line");
  const atEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < 24;
  const toEnd = () => { box.scrollTop = box.scrollHeight; top = box.scrollTop; };

  function know(batch) {
    at.newest = Math.max(at.newest, number(batch, "newest"), number(batch, "last"));
    if (batch.dataset.error && $("log-error").hidden) {
      const [link, words] = $("log-error").querySelectorAll("a, code");
      link.href = `?at=${batch.dataset.error}#L${batch.dataset.error}`;
      link.dataset.jump = link.firstElementChild.textContent = batch.dataset.error;
      words.textContent = batch.dataset.errorText;
      $("log-error").hidden = false;
    }
    if (batch.dataset.over && !at.over) {
      at.over = true;
      $("follow-label").hidden = $("log-announce-label").hidden = true;
      if (!$("log-more").textContent.startsWith("■")) $("log-more").textContent = "■ Final";
    }
  }

  function show() {
    $("log-earlier").hidden = !at.earlier;
    $("log-earlier").firstElementChild.href = `${url}?${new URLSearchParams({ ...(level && { level }), before: at.first })}`;
    $("log-later").hidden = !at.later;
    $("log-later").firstElementChild.href = `${url}?${new URLSearchParams({ ...(level && { level }), after: at.last })}`;
    const beyond = at.later && !level ? at.newest - at.last : 0;
    const count = at.unseen + beyond;
    pill.hidden = at.follow || !count || (at.over && !at.later);
    pill.textContent = `▼ ${count.toLocaleString("en")} ${at.later ? "later" : "new"} line${count === 1 ? "" : "s"}`;
    if (lines().length && $("log-more").textContent.startsWith("No ")) $("log-more").textContent = "";
    document.dispatchEvent(new CustomEvent("log:shown"));
  }

  function trim(fromTop) {
    const shown = lines(), surplus = shown.length - MOST_SHOWN, range = document.createRange();
    if (surplus <= 0) return;
    range.selectNodeContents(rows);
    if (fromTop) range.setEndAfter(shown[surplus - 1]); else range.setStartBefore(shown[MOST_SHOWN]);
    range.deleteContents();
    rows.querySelectorAll(":scope > .gap:first-child, :scope > .gap:last-child").forEach((gap) => gap.remove());
    if (fromTop) { at.first = seq(shown[0]); at.earlier = true; }
    else { at.last = seq(shown[shown.length - 1]); at.later = true; setFollow(false); }
  }
  const seq = (line) => (line ? Number(line.id.slice(1)) : 0);

  function replace(batch) {
    know(batch);
    rows.replaceChildren(...batch.childNodes);
    Object.assign(at, { first: number(batch, "first"), last: number(batch, "last"), earlier: !!batch.dataset.earlier, later: !!batch.dataset.later, unseen: 0 });
    show();
  }

  // --- new lines ---
  function take(batch) {
    if (!at.last) { // the first lines
      replace(batch);
      if (at.follow) toEnd();
      return;
    }
    know(batch);
    const fresh = [...batch.children].filter((row) => !row.matches(".line") || seq(row) > at.last);
    const count = fresh.filter((row) => row.matches(".line")).length;
    if (!at.follow && lines().length + count > MOST_SHOWN) { at.later = true; return show(); } // appending would move the text being read, or exceed the window
    rows.append(...fresh);
    at.last = Math.max(at.last, number(batch, "last"));
    if (count) document.dispatchEvent(new CustomEvent("log:new", { detail: count }));
    if (at.follow) { trim(true); toEnd(); } else at.unseen += count;
    show();
    if (batch.dataset.later) pull();
  }

  // New lines come with the page's live regions. `due`: the log changed since it was asked for.
  let due = false;
  function parameters() {
    due = false;
    const cursor = at.later ? { after: at.newest, count: 1 } : { after: at.last };
    return { ...(level && { level }), ...cursor };
  }
  async function receive(html) {
    const batch = html && parse(html);
    if (!batch || number(batch, "last") < at.last) return; // asked before the window moved
    if (at.later) { know(batch); show(); }
    else if (at.follow && number(batch, "newest") - at.last > MOST_SHOWN) { replace(await fetchBatch({})); toEnd(); }
    else take(batch);
  }
  function pull() {
    if (at.over) return;
    due = true;
    muster.schedule();
  }
  muster.joinLog({ isDue: () => due, parameters, take: receive, pull });
  document.addEventListener("htmx:sseOpen", ({ detail: { source } }) => {
    source.addEventListener(topic, pull);
    pull();
  });
  setInterval(pull, POLL);

  // --- following ---
  function setFollow(follow) {
    at.follow = followBox.checked = follow && !at.over && !at.later;
    box.classList.toggle("following", at.follow);
    if (at.follow) { at.unseen = 0; trim(true); toEnd(); }
    show();
  }
  async function end() {
    if (at.later) replace(await fetchBatch({}));
    toEnd();
    at.unseen = 0;
    setFollow(true);
  }
  box.addEventListener("scroll", () => {
    const up = box.scrollTop < top - 1;
    top = box.scrollTop;
    if (up && at.follow && !atEnd()) setFollow(false);
    else if (!up && !at.follow && atEnd() && !at.later && !at.over) setFollow(true);
  });
  box.addEventListener("click", (event) => { if (event.target.closest(".line") && at.follow) setFollow(false); });
  document.addEventListener("selectionchange", () => {
    const selection = getSelection();
    if (at.follow && !selection.isCollapsed && box.contains(selection.anchorNode)) setFollow(false);
  });
  followBox.addEventListener("change", () => (followBox.checked ? end() : setFollow(false)));
  document.addEventListener("muster:follow", () => { if (!at.over) at.follow ? setFollow(false) : end(); });
  pill.addEventListener("click", () => { end(); box.focus(); });

  // --- older and newer lines; the text being read keeps its position ---
  async function grow(direction) {
    const batch = await fetchBatch(direction === "before" ? { before: at.first } : { after: at.last });
    know(batch);
    keepPlace(() => {
      if (direction === "before") {
        rows.prepend(...batch.childNodes);
        Object.assign(at, { first: number(batch, "first") || at.first, earlier: !!batch.dataset.earlier });
      } else {
        rows.append(...batch.childNodes);
        Object.assign(at, { last: number(batch, "last"), later: !!batch.dataset.later });
      }
      trim(direction === "after");
    }, direction === "before" ? lines()[0] : lines()[lines().length - 1]);
    show();
  }
  function keepPlace(change, line) {
    const before = line?.getBoundingClientRect().top;
    box.classList.add("following"); // disables the browser's scroll anchoring: the position is restored here
    change();
    if (line?.isConnected) box.scrollTop += line.getBoundingClientRect().top - before;
    box.classList.toggle("following", at.follow);
    top = box.scrollTop;
  }
  async function find(line) {
    if (!$(`L${line}`)) replace(await fetchBatch({ at: line }));
    setFollow(false);
    return $(`L${line}`);
  }
  for (const [id, act] of [["log-earlier", () => grow("before")], ["log-later", () => grow("after")], ["log-to-end", end]]) {
    const link = id === "log-to-end" ? $(id) : $(id).firstElementChild;
    link.addEventListener("click", (event) => { event.preventDefault(); act(); });
  }

  const first = rows.firstElementChild;
  replace(first);
  $("log-tools").hidden = false;
  window.logView = { root, box, rows, lines, seq, fetchBatch, find, setFollow, state: at };
  if (at.over || at.later || location.hash || new URLSearchParams(location.search).has("before")) setFollow(false);
  else { setFollow(true); requestAnimationFrame(() => { if (at.follow) toEnd(); }); }
  if (at.over && !location.hash && !at.later) toEnd();
})();
