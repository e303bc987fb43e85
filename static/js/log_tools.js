// Tools of a log: lines selected by the address, search over the whole log, times, wrapping, copying, announcing new lines.
(() => {
  "use strict";
  const view = window.logView;
  if (!view) return;
  const $ = (id) => document.getElementById(id);
  const { root, box, rows } = view;
  const keep = (name, value) => { try { localStorage.setItem(`log-${name}`, value); } catch { /* the setting is not kept */ } };
  const kept = (name) => { try { return localStorage.getItem(`log-${name}`); } catch { return null; } };

  // --- #L1204 and #L10-L20 ---
  function chosen() {
    const match = /^#L(\d{1,15})(?:-L?(\d{1,15}))?$/.exec(location.hash);
    if (!match) return null;
    const ends = [Number(match[1]), Number(match[2] || match[1])];
    return [Math.min(...ends), Math.max(...ends)];
  }
  function paint() {
    const range = chosen();
    for (const line of rows.querySelectorAll(".picked")) line.classList.remove("picked");
    if (!range) return;
    for (const line of view.lines()) if (view.seq(line) >= range[0] && view.seq(line) <= range[1]) line.classList.add("picked");
  }
  async function jump(number) {
    const line = await view.find(number);
    paint();
    if (!line) return;
    place(line);
    requestAnimationFrame(() => place(line)); // again: lines that were off-screen have their heights now
    if (box.getBoundingClientRect().top < 0 || box.getBoundingClientRect().bottom > innerHeight) box.scrollIntoView({ block: "nearest" });
  }
  function place(line) {
    box.scrollTop += line.getBoundingClientRect().top - box.getBoundingClientRect().top - Math.min(box.clientHeight / 3, 200);
  }
  const go = () => { const range = chosen(); if (range) jump(range[0]); else paint(); };
  addEventListener("hashchange", go);
  document.addEventListener("log:shown", () => { if (chosen()) paint(); mark(); times(); });
  root.addEventListener("click", async (event) => {
    const jumps = event.target.closest("[data-jump]"), gutter = event.target.closest(".line > a"), more = event.target.closest("a[data-line]");
    const range = chosen();
    if (jumps) { event.preventDefault(); location.hash = `#L${jumps.dataset.jump}`; go(); }
    else if (gutter && event.shiftKey && range) {
      event.preventDefault();
      const other = view.seq(gutter.parentElement);
      history.replaceState(null, "", `#L${Math.min(range[0], other)}-L${Math.max(range[1], other)}`);
      paint();
    } else if (more) {
      event.preventDefault();
      const response = await fetch(`${root.dataset.url}?fragment=whole&line=${more.dataset.line}`, { headers: { "HX-Request": "true" } });
      if (!response.ok) return;
      const holder = document.createElement("template");
      holder.innerHTML = await response.text();
      $(`L${more.dataset.line}`)?.replaceWith(holder.content.firstElementChild);
    }
  });

  // --- search: on the server, over every line ---
  const search = { words: new URLSearchParams(location.search).get("q") || "", hits: [], cut: false, n: -1 };
  function mark() {
    if (!CSS.highlights) return;
    CSS.highlights.delete("log-hit");
    if (!search.words) return;
    const words = search.words.toLowerCase(), ranges = [];
    const walker = document.createTreeWalker(rows, NodeFilter.SHOW_TEXT, (node) => (node.parentElement.closest(".text") ? 1 : 2));
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const text = node.data.toLowerCase();
      for (let i = text.indexOf(words); i >= 0; i = text.indexOf(words, i + words.length)) {
        if (i + words.length > node.length) break; // lower case can be longer than the original
        const range = new Range();
        range.setStart(node, i);
        range.setEnd(node, i + words.length);
        ranges.push(range);
      }
    }
    if (ranges.length) CSS.highlights.set("log-hit", new Highlight(...ranges));
  }
  function showCount() {
    const more = search.cut ? "+" : "";
    $("log-matches").textContent = !search.words ? "" : search.hits.length ? `${search.n + 1} of ${search.hits.length}${more}` : "no match";
    $("log-steps").hidden = search.hits.length < 2;
  }
  function step(by) {
    if (!search.hits.length) return;
    search.n = (search.n + by + search.hits.length) % search.hits.length;
    showCount();
    history.replaceState(null, "", `${location.pathname}?${new URLSearchParams({ q: search.words })}#L${search.hits[search.n]}`);
    jump(search.hits[search.n]);
  }
  async function runSearch() {
    search.words = $("log-q").value;
    if (!search.words.trim()) { Object.assign(search, { words: "", hits: [], n: -1 }); showCount(); mark(); return; }
    const query = new URLSearchParams({ fragment: "hits", q: search.words });
    const response = await fetch(`${root.dataset.url}?${query}`, { headers: { "HX-Request": "true" } });
    if (!response.ok) { $("log-matches").textContent = "search failed: try again"; return; }
    const holder = document.createElement("template");
    holder.innerHTML = await response.text();
    const { hits, cut } = holder.content.firstElementChild.dataset;
    search.hits = hits ? hits.split(",").map(Number) : [];
    search.cut = !!cut;
    const top = box.getBoundingClientRect().top;
    const seen = [...view.lines()].find((line) => line.getBoundingClientRect().bottom > top);
    const next = search.hits.findIndex((hit) => hit >= view.seq(seen));
    search.n = next < 0 ? search.hits.length - 1 : next;
    mark();
    showCount();
    step(0);
  }
  $("log-steps").replaceChildren(...[["Previous", -1], ["Next", 1]].map(([words, by]) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "small", textContent: words });
    button.addEventListener("click", () => step(by));
    return button;
  }));
  $("log-steps").hidden = true;
  $("log-search").addEventListener("submit", (event) => { event.preventDefault(); runSearch(); });
  $("log-q").addEventListener("search", () => { if (!$("log-q").value) runSearch(); });
  $("log-level").addEventListener("change", () => $("log-filter").requestSubmit());
  $("log-show").hidden = true;

  // --- display ---
  const started = Number(root.dataset.started) * 1000;
  const two = (n) => String(n).padStart(2, "0");
  function since(at) {
    const t = Math.max(0, Math.floor((at - started) / 1000));
    return `+${t >= 3600 ? `${Math.floor(t / 3600)}:` : ""}${two(Math.floor(t / 60) % 60)}:${two(t % 60)}`;
  }
  let changed = true;
  function times() {
    const mode = $("log-time").value;
    if (!mode && !changed) return;
    changed = mode === "relative";
    box.classList.toggle("no-times", mode === "off");
    for (const time of rows.querySelectorAll("time")) {
      if (mode === "relative" && !time.dataset.clock) { time.dataset.clock = time.textContent; time.textContent = since(Number(time.dataset.at)); }
      else if (mode !== "relative" && time.dataset.clock) { time.textContent = time.dataset.clock; delete time.dataset.clock; }
    }
  }
  $("log-time").addEventListener("change", () => { keep("time", $("log-time").value); times(); });
  $("log-wrap").addEventListener("change", ({ target }) => { keep("wrap", target.checked); box.classList.toggle("no-wrap", !target.checked); });
  if (["relative", "off"].includes(kept("time"))) $("log-time").value = kept("time");
  $("log-wrap").checked = kept("wrap") !== "false";
  box.classList.toggle("no-wrap", !$("log-wrap").checked);

  // --- copying: the selected lines, or all shown lines ---
  $("log-copy").addEventListener("click", async ({ target }) => {
    const picked = [...rows.querySelectorAll(".picked")];
    const chosenLines = picked.length ? picked : [...view.lines()];
    const text = chosenLines.map((line) => (line.querySelector(".event > code") || line.querySelector(".text")).textContent).join("\n");
    let words = `Copied ${chosenLines.length}`;
    try { await navigator.clipboard.writeText(`${text}\n`); } catch { words = "Not copied"; }
    target.textContent = words;
    $("announcer").textContent = words === "Not copied" ? "This browser does not allow copying" : `Copied ${chosenLines.length} lines`;
    setTimeout(() => { target.textContent = "Copy"; }, 2000);
  });

  // --- announcing new lines, at most every five seconds ---
  let unannounced = 0;
  document.addEventListener("log:new", ({ detail }) => { unannounced += detail; });
  setInterval(() => {
    if (unannounced && $("log-announce").checked) $("announcer").textContent = `${unannounced} new line${unannounced === 1 ? "" : "s"}`;
    unannounced = 0;
  }, 5000);

  times();
  if (search.words) runSearch(); else go();
})();
