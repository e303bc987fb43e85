// The tools of a log: chosen lines by the address, search over all of it, times, wrapping, copying, telling of new lines.
(() => {
  "use strict";
  const view = window.logView;
  if (!view) return;
  const $ = (id) => document.getElementById(id);
  const { root, box, rows } = view;
  const keep = (name, value) => { try { localStorage.setItem(`log-${name}`, value); } catch { /* it is not kept then */ } };
  const kept = (name) => { try { return localStorage.getItem(`log-${name}`); } catch { return null; } };

  // --- #L1204 and #L10-L20 ---
  function chosen() {
    const found = /^#L(\d{1,15})(?:-L?(\d{1,15}))?$/.exec(location.hash);
    if (!found) return null;
    const ends = [Number(found[1]), Number(found[2] || found[1])];
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
    requestAnimationFrame(() => place(line)); // once more: lines that were out of sight have got their heights
    if (box.getBoundingClientRect().top < 0 || box.getBoundingClientRect().bottom > innerHeight) box.scrollIntoView({ block: "nearest" });
  }
  function place(line) {
    box.scrollTop += line.getBoundingClientRect().top - box.getBoundingClientRect().top - Math.min(box.clientHeight / 3, 200);
  }
  const go = () => { const range = chosen(); if (range) jump(range[0]); else paint(); };
  addEventListener("hashchange", go);
  document.addEventListener("log:shown", () => { if (chosen()) paint(); mark(); times(); });
  root.addEventListener("click", async (event) => {
    const jumps = event.target.closest("[data-jump]"), gutter = event.target.closest(".line > a"), rest = event.target.closest("a[data-line]");
    const range = chosen();
    if (jumps) { event.preventDefault(); location.hash = `#L${jumps.dataset.jump}`; go(); }
    else if (gutter && event.shiftKey && range) {
      event.preventDefault();
      const other = view.seq(gutter.parentElement);
      history.replaceState(null, "", `#L${Math.min(range[0], other)}-L${Math.max(range[1], other)}`);
      paint();
    } else if (rest) {
      event.preventDefault();
      const answer = await fetch(`${root.dataset.url}?fragment=whole&line=${rest.dataset.line}`, { headers: { "HX-Request": "true" } });
      if (!answer.ok) return;
      const holder = document.createElement("template");
      holder.innerHTML = await answer.text();
      $(`L${rest.dataset.line}`)?.replaceWith(holder.content.firstElementChild);
    }
  });

  // --- search: on the server, over every line ---
  const search = { words: new URLSearchParams(location.search).get("q") || "", hits: [], cut: false, n: -1 };
  function mark() {
    if (!CSS.highlights) return;
    CSS.highlights.delete("log-hit");
    if (!search.words) return;
    const wanted = search.words.toLowerCase(), ranges = [];
    const walker = document.createTreeWalker(rows, NodeFilter.SHOW_TEXT, (node) => (node.parentElement.closest(".text") ? 1 : 2));
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const text = node.data.toLowerCase();
      for (let i = text.indexOf(wanted); i >= 0; i = text.indexOf(wanted, i + wanted.length)) {
        if (i + wanted.length > node.length) break; // a character that grew when its case changed
        const range = new Range();
        range.setStart(node, i);
        range.setEnd(node, i + wanted.length);
        ranges.push(range);
      }
    }
    if (ranges.length) CSS.highlights.set("log-hit", new Highlight(...ranges));
  }
  function tell() {
    const more = search.cut ? "+" : "";
    $("log-found").textContent = !search.words ? "" : search.hits.length ? `${search.n + 1} of ${search.hits.length}${more}` : "no match";
    $("log-steps").hidden = search.hits.length < 2;
  }
  function step(by) {
    if (!search.hits.length) return;
    search.n = (search.n + by + search.hits.length) % search.hits.length;
    tell();
    history.replaceState(null, "", `${location.pathname}?${new URLSearchParams({ q: search.words })}#L${search.hits[search.n]}`);
    jump(search.hits[search.n]);
  }
  async function look() {
    search.words = $("log-q").value;
    if (!search.words.trim()) { Object.assign(search, { words: "", hits: [], n: -1 }); tell(); mark(); return; }
    const query = new URLSearchParams({ fragment: "hits", q: search.words });
    const answer = await fetch(`${root.dataset.url}?${query}`, { headers: { "HX-Request": "true" } });
    if (!answer.ok) { $("log-found").textContent = "the search did not work: try again"; return; }
    const holder = document.createElement("template");
    holder.innerHTML = await answer.text();
    const { hits, cut } = holder.content.firstElementChild.dataset;
    search.hits = hits ? hits.split(",").map(Number) : [];
    search.cut = !!cut;
    const top = box.getBoundingClientRect().top;
    const seen = [...view.lines()].find((line) => line.getBoundingClientRect().bottom > top);
    const next = search.hits.findIndex((hit) => hit >= view.seq(seen));
    search.n = next < 0 ? search.hits.length - 1 : next;
    mark();
    tell();
    step(0);
  }
  $("log-steps").replaceChildren(...[["Previous", -1], ["Next", 1]].map(([words, by]) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "small", textContent: words });
    button.addEventListener("click", () => step(by));
    return button;
  }));
  $("log-steps").hidden = true;
  $("log-search").addEventListener("submit", (event) => { event.preventDefault(); look(); });
  $("log-q").addEventListener("search", () => { if (!$("log-q").value) look(); });
  $("log-level").addEventListener("change", () => $("log-filter").requestSubmit());
  $("log-show").hidden = true;

  // --- how it is shown ---
  const started = Number(root.dataset.started) * 1000;
  const two = (n) => String(n).padStart(2, "0");
  function since(at) {
    const t = Math.max(0, Math.floor((at - started) / 1000));
    return `+${t >= 3600 ? `${Math.floor(t / 3600)}:` : ""}${two(Math.floor(t / 60) % 60)}:${two(t % 60)}`;
  }
  let changed = true;
  function times() {
    const wanted = $("log-time").value;
    if (!wanted && !changed) return;
    changed = wanted === "relative";
    box.classList.toggle("no-times", wanted === "off");
    for (const time of rows.querySelectorAll("time")) {
      if (wanted === "relative" && !time.dataset.clock) { time.dataset.clock = time.textContent; time.textContent = since(Number(time.dataset.at)); }
      else if (wanted !== "relative" && time.dataset.clock) { time.textContent = time.dataset.clock; delete time.dataset.clock; }
    }
  }
  $("log-time").addEventListener("change", () => { keep("time", $("log-time").value); times(); });
  $("log-wrap").addEventListener("change", ({ target }) => { keep("wrap", target.checked); box.classList.toggle("no-wrap", !target.checked); });
  if (["relative", "off"].includes(kept("time"))) $("log-time").value = kept("time");
  $("log-wrap").checked = kept("wrap") !== "false";
  box.classList.toggle("no-wrap", !$("log-wrap").checked);

  // --- copying: the chosen lines, or all that are shown ---
  $("log-copy").addEventListener("click", async ({ target }) => {
    const picked = [...rows.querySelectorAll(".picked")];
    const wanted = picked.length ? picked : [...view.lines()];
    const text = wanted.map((line) => (line.querySelector(".told > code") || line.querySelector(".text")).textContent).join("\n");
    let words = `Copied ${wanted.length}`;
    try { await navigator.clipboard.writeText(`${text}\n`); } catch { words = "Not copied"; }
    target.textContent = words;
    $("announcer").textContent = words === "Not copied" ? "This browser does not let pages copy" : `Copied ${wanted.length} lines`;
    setTimeout(() => { target.textContent = "Copy"; }, 2000);
  });

  // --- telling of new lines, at most every five seconds ---
  let untold = 0;
  document.addEventListener("log:new", ({ detail }) => { untold += detail; });
  setInterval(() => {
    if (untold && $("log-announce").checked) $("announcer").textContent = `${untold} new line${untold === 1 ? "" : "s"}`;
    untold = 0;
  }, 5000);

  times();
  if (search.words) look(); else go();
})();
