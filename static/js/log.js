// The log: new lines come in at the end. Follow keeps the end in sight; scrolling up lets go, and then nothing moves.
(() => {
  "use strict";
  const MOST = 2000;
  const log = document.getElementById("log-lines"), follow = document.getElementById("follow");
  if (!document.getElementById("log-more")) return; // the session is over
  const toEnd = () => { log.scrollTop = log.scrollHeight; };
  document.getElementById("follow-label").hidden = false;
  if (!location.hash) toEnd(); else follow.checked = false;
  log.addEventListener("scroll", () => { follow.checked = log.scrollHeight - log.scrollTop - log.clientHeight < 40; });
  follow.addEventListener("change", () => { if (follow.checked) toEnd(); });
  document.addEventListener("htmx:afterSwap", () => {
    if (!follow.checked) return;
    const lines = log.querySelectorAll(".line");
    for (let i = 0; i < lines.length - MOST; i++) lines[i].remove();
    toEnd();
  });
})();
