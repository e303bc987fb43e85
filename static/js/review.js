// A click on a line's number puts the line into the form of a new comment.
(() => {
  "use strict";
  const text = document.getElementById("comment-text");
  if (!text) return; // nobody may comment
  const [file, line, side] = ["file", "line", "side"].map((name) => document.getElementById(`comment-${name}`));
  for (const numbers of document.querySelectorAll(".diff .nums")) {
    numbers.classList.add("pick");
    numbers.title = "Comment on this line";
  }
  document.addEventListener("click", (event) => {
    const numbers = event.target.closest?.(".nums.pick");
    if (!numbers) return;
    const rows = numbers.textContent.split("\n"), box = numbers.getBoundingClientRect();
    const row = rows[Math.floor(((event.clientY - box.top) / box.height) * rows.length)] ?? "";
    const before = row.slice(0, 5).trim(), after = row.slice(6).trim();
    if (!before && !after) return; // the head of a hunk
    file.value = numbers.closest("[data-path]").dataset.path;
    line.value = after || before;
    side.value = after ? "new" : "old";
    text.focus();
    document.getElementById("announcer").textContent = `Comment on line ${line.value} of ${file.value}`;
  });
})();
