// Colours of a diff: the server says where keywords and strings are, the browser paints them there. No element is made for any.
(() => {
  "use strict";
  if (!globalThis.Highlight || !CSS.highlights) return; // plain text then
  const ranges = { k: [], s: [], c: [], d: [], n: [] };
  for (const sheet of document.querySelectorAll("[data-tokens]")) {
    const walk = document.createTreeWalker(sheet, NodeFilter.SHOW_TEXT);
    let node = walk.nextNode(), begins = 0, at = 0;
    for (const [, gap, letter, length] of sheet.dataset.tokens.matchAll(/(\d+)([kscdn])(\d+)/g)) {
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
  for (const [letter, found] of Object.entries(ranges)) CSS.highlights.set(letter, new Highlight(...found));
  // What an address or the list of files points at is opened.
  const open = () => {
    const file = document.getElementById(location.hash.slice(1));
    if (file?.matches("details")) { file.open = true; file.scrollIntoView(); }
  };
  addEventListener("hashchange", open);
  open();
})();
