// Charts answer the pointer and the arrow keys: a rail with the values of a moment, and a selection that zooms into the address. The values
// are those of the chart's table, or of its `data-readings`; `data-x` has their places. What is drawn lies in `.chart-rail`, which no refresh touches.
(() => {
  "use strict";
  const { $, make } = muster;
  const DRAG = 6, MINUTE = 60; // pixels that make a click a drag; seconds
  let shown = null, drag = null; // shown: { chart, at, anchor, label, x, byKey }; drag: { chart, from, to } in units of the picture

  const chartOf = (target) => {
    const chart = target.closest?.("[data-chart]");
    return chart?.querySelector("svg[data-x]") ? chart : null;
  };
  const numbers = (text) => text.split(" ").map(Number);
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  function geometry(chart) {
    const svg = chart.querySelector("svg[data-x]"), box = svg.getBoundingClientRect();
    const left = box.left - chart.getBoundingClientRect().left + chart.scrollLeft;
    const unit = box.width / svg.viewBox.baseVal.width;
    return { svg, unit, xs: numbers(svg.dataset.x), px: (x) => left + x * unit, x: (clientX) => (clientX - box.left) / unit };
  }
  function nearest(xs, x) {
    return xs.reduce((best, value, n) => (Math.abs(value - x) < Math.abs(xs[best] - x) ? n : best), 0);
  }
  function reading(chart, svg, n) {
    if (svg.dataset.readings) return svg.dataset.readings.split("|")[n].split(";");
    const table = $(chart.dataset.chart)?.querySelector("table"), words = (cell) => cell.textContent.trim().replace(/\s+/g, " ");
    const cells = [...(table?.tBodies[0].rows[n]?.cells ?? [])];
    return cells.map((cell, column) => `${words(table.tHead.rows[0].cells[column])} ${words(cell)}`);
  }

  // --- the rail ---
  function show(chart, at, { byKey = false, anchor = null } = {}) {
    if (shown && shown.chart !== chart) hide();
    const { svg, xs, px } = geometry(chart), lines = reading(chart, svg, at);
    shown = { chart, at, anchor, byKey, label: lines[0], x: xs[at] };
    const rail = chart.querySelector(".chart-rail"), box = make("span", "rail-box", ""), line = make("span", "rail-line", "");
    box.append(...lines.map((words) => make("span", "", words)));
    line.style.left = `${px(xs[at])}px`;
    const ends = drag ? [drag.from, drag.to] : anchor === null ? null : [xs[anchor], xs[at]];
    rail.replaceChildren(...(ends ? [range(px, ends)] : []), line, box);
    if (byKey) chart.scrollLeft = clamp(chart.scrollLeft, px(xs[at]) - chart.clientWidth + 24, px(xs[at]) - 24);
    const isLate = chart.clientWidth > 300 && px(xs[at]) - chart.scrollLeft > chart.clientWidth / 2;
    box.style.left = `${px(xs[at]) + (isLate ? -8 - box.offsetWidth : 8)}px`;
    return lines;
  }
  function range(px, ends) {
    const part = make("span", "rail-range", "");
    part.style.left = `${px(Math.min(...ends))}px`;
    part.style.width = `${px(Math.max(...ends)) - px(Math.min(...ends))}px`;
    return part;
  }
  function hide() {
    shown?.chart.querySelector(".chart-rail")?.replaceChildren();
    shown = null;
  }

  // --- the zoom: in the address, so that it can be shared and Back leaves it ---
  function zoom(chart, ...ends) {
    const { svg } = geometry(chart), [low, high] = numbers(svg.dataset.plot), [since, until] = numbers(svg.dataset.time);
    const moment = (x) => since + (clamp(x, low, high) - low) / (high - low) * (until - since);
    const from = Math.floor(moment(Math.min(...ends)) / MINUTE), to = Math.max(Math.ceil(moment(Math.max(...ends)) / MINUTE), from + 1);
    const written = (minute) => `${new Date(minute * MINUTE * 1000).toISOString().slice(0, 16)}Z`;
    const address = new URL(location.href);
    address.searchParams.set("from", written(from));
    address.searchParams.set("to", written(to));
    address.hash = chart.closest("[data-live]")?.id ?? "";
    location.assign(address);
  }

  // --- pointer and finger ---
  document.addEventListener("pointermove", (event) => {
    const chart = drag?.chart ?? chartOf(event.target);
    if (!chart?.isConnected) { if (shown && !shown.byKey) hide(); return; }
    const { xs, x, svg } = geometry(chart);
    if (drag) drag.to = clamp(x(event.clientX), ...numbers(svg.dataset.plot));
    show(chart, nearest(xs, x(event.clientX)));
  });
  document.addEventListener("pointerdown", (event) => {
    const chart = chartOf(event.target);
    if (!chart) { hide(); return; }
    const { xs, x, svg } = geometry(chart);
    show(chart, nearest(xs, x(event.clientX)));
    if (event.button !== 0 || event.pointerType === "touch" || !svg.dataset.time) return; // a finger scrolls
    const at = clamp(x(event.clientX), ...numbers(svg.dataset.plot));
    drag = { chart, from: at, to: at };
    chart.setPointerCapture(event.pointerId);
  });
  document.addEventListener("pointerup", () => {
    const ended = drag;
    drag = null;
    if (ended?.chart.isConnected && Math.abs(ended.to - ended.from) * geometry(ended.chart).unit > DRAG) zoom(ended.chart, ended.from, ended.to);
  });
  document.addEventListener("pointercancel", () => { drag = null; });
  document.documentElement.addEventListener("pointerleave", ({ pointerType }) => { // a finger that is lifted leaves too
    if (shown && !shown.byKey && !drag && pointerType !== "touch") hide();
  });

  // --- keyboard: arrows move, with Shift they select, Enter zooms, Escape leaves one thing after the other ---
  document.addEventListener("keydown", (event) => {
    const chart = document.activeElement === event.target ? chartOf(event.target) : null;
    if (chart !== event.target || event.ctrlKey || event.metaKey || event.altKey) return;
    const { xs, svg } = geometry(chart), here = shown?.chart === chart ? shown : null, at = here?.at ?? xs.length;
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: xs.length - 1 }[event.key];
    if (next !== undefined) {
      const anchor = event.shiftKey && svg.dataset.time ? here?.anchor ?? here?.at ?? null : null;
      $("announcer").textContent = show(chart, clamp(next, 0, xs.length - 1), { byKey: true, anchor }).join(", ");
    } else if (event.key === "Enter" && here && here.anchor !== null) zoom(chart, xs[here.anchor], xs[here.at]);
    else if (event.key === "Escape") leave(chart, here);
    else return;
    event.preventDefault();
  });
  function leave(chart, here) {
    drag = null;
    if (here) hide();
    else chart.closest("[data-live]")?.querySelector("[data-whole]")?.click();
  }
  document.addEventListener("focusout", ({ target }) => { if (shown?.byKey && target === shown.chart) hide(); });

  // --- after each refresh: the rail stays at its moment, or near it ---
  function settle() {
    for (const hint of document.querySelectorAll(".chart-hint[hidden]")) hint.hidden = false;
    if (!shown) return;
    if (!shown.chart.isConnected || chartOf(shown.chart) !== shown.chart) { shown = null; return; }
    const { svg, xs } = geometry(shown.chart), same = xs.findIndex((_, n) => reading(shown.chart, svg, n)[0] === shown.label);
    show(shown.chart, same < 0 ? nearest(xs, shown.x) : same, { byKey: shown.byKey, anchor: shown.anchor !== null && shown.anchor < xs.length ? shown.anchor : null });
  }
  document.addEventListener("muster:shown", settle);
  document.addEventListener("DOMContentLoaded", () => {
    settle();
    for (const chart of document.querySelectorAll("[data-chart]")) { // on a phone: now
      const { xs, px } = chart.querySelector("svg[data-x]") ? geometry(chart) : {};
      chart.scrollLeft = xs ? px(Math.max(...xs)) - chart.clientWidth + 64 : chart.scrollWidth;
    }
  });
})();
