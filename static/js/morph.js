// Turns an element into the one that the server sent by changing only what differs: focus, caret, selection, scroll and open menus stay.
(() => {
  "use strict";
  const ELEMENT = 1, TEXT = 3;

  // What belongs to the person or to a script. `data-own`: the contents; `data-scripted`: whether it is hidden.
  const isOwn = (el, name) => (name === "open" && el.matches("details, dialog")) || name === "aria-busy"
    || (name === "hidden" && el.hasAttribute("data-scripted")) || (name === "value" && el.name === "csrfmiddlewaretoken");
  const isClock = (el) => el.matches("time[data-ago], time[data-since]");

  function morph(from, to) {
    if (from.isEqualNode(to)) return;
    const clock = isClock(from) && isClock(to) && from.dateTime === to.dateTime; // it counts by itself
    for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value && !isOwn(from, name)) from.setAttribute(name, value);
    for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && !isOwn(from, name)) from.removeAttribute(name);
    if (!clock && !from.hasAttribute("data-own")) children(from, to);
  }

  function children(parent, to) {
    const olds = [...parent.childNodes], news = [...to.childNodes], pairs = pair(parent, olds, news), kept = new Set(pairs.values());
    for (const old of olds) if (!kept.has(old)) old.remove();
    place(parent, news.map((node) => pairs.get(node) ?? node));
    for (const [node, old] of pairs) {
      if (old.nodeType === ELEMENT) morph(old, node);
      else if (old.data !== node.data) old.data = node.data;
    }
  }

  // Two elements are the same one by their id, else by what they link to, send or are called, a row by its first link; the others by
  // their order.
  function key(el) {
    if (el.id) return `#${el.id}`;
    const named = el.matches("li, tr, tbody") ? el.querySelector("a[href]") : el;
    return `${el.nodeName} ${["href", "action", "name"].map((name) => named?.getAttribute(name)).find(Boolean) || ""}`;
  }

  // The old node of each new one that has one. Text belongs to the element before it.
  function pair(parent, olds, news) {
    const pairs = new Map(), free = new Set(olds), named = Map.groupBy(olds.filter((node) => node.nodeType === ELEMENT), key);
    const use = (node, old) => { pairs.set(node, old); free.delete(old); };
    for (const node of news) {
      const old = node.nodeType === ELEMENT && named.get(key(node))?.shift();
      if (old) use(node, old);
    }
    for (const node of news) {
      if (node.nodeType === ELEMENT && !node.id && !pairs.has(node)) {
        const old = [...free].find((other) => other.nodeName === node.nodeName && !other.id);
        if (old) use(node, old);
      } else if (node.nodeType === TEXT) {
        const old = node.previousSibling ? pairs.get(node.previousSibling)?.nextSibling : parent.firstChild;
        if (old?.nodeType === TEXT && free.has(old)) use(node, old);
      }
    }
    return pairs;
  }

  // Puts the nodes into this order without moving the one that holds the focus: moved, it would lose it.
  function place(parent, nodes) {
    const focus = document.activeElement, held = nodes.findIndex((node) => node.contains(focus) && node.parentNode === parent);
    const still = held < 0 ? nodes.length : held;
    for (let n = still - 1; n >= 0; n--) {
      const next = nodes[n + 1] ?? null;
      if (nodes[n].parentNode !== parent || nodes[n].nextSibling !== next) parent.insertBefore(nodes[n], next);
    }
    for (let n = still + 1; n < nodes.length; n++) {
      if (nodes[n].previousSibling !== nodes[n - 1] || nodes[n].parentNode !== parent) parent.insertBefore(nodes[n], nodes[n - 1].nextSibling);
    }
  }

  muster.morph = morph;
})();
