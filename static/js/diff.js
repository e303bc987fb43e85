// Colours of a diff: the server sends token positions, the browser paints them as highlights. No extra elements.
(() => {
  "use strict";
  if (!globalThis.Highlight || !CSS.highlights) return; // the diff stays plain text
  const ranges = { k: [], s: [], c: [], d: [], n: [] };
  for (const code of document.querySelectorAll("[data-tokens]")) {
    const walk = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
    let node = walk.nextNode(), begins = 0, at = 0;
    for (const [, gap, letter, length] of code.dataset.tokens.matchAll(/(\d+)([kscdn])(\d+)/g)) {
      const start = at + Number(gap), end = start + Number(length);
      at = end;
      for (let from = start; node && from < end;) {
        if (from >= begins + node.length) { begins += node.length; node = walk.nextNode(); continue; }
        const to = Math.min(end, begins + node.length);
        const range = new StaticRange({ startContainer: node, startOffset: from - begins, endContainer: node, endOffset: to - begins });
        ranges[letter].push(range);
        from = to;
      }
    }
  }
  for (const [letter, spans] of Object.entries(ranges)) CSS.highlights.set(letter, new Highlight(...spans));
  // Open the file that the address or the list of files points at.
  const open = () => {
    const file = document.getElementById(location.hash.slice(1));
    if (file?.matches("details")) { file.open = true; file.scrollIntoView(); }
  };
  addEventListener("hashchange", open);
  open();
})();
