// Home: kept current without a stream, the count in the tab's title and icon, notifications on request, and `e` for Done.
(() => {
  "use strict";
  const EVERY_MS = 10_000, WANTED = "muster-notify";
  const { $ } = muster;
  const title = document.title, icon = $("favicon"), plain = icon.getAttribute("href");
  const waiting = () => Number($("queue").dataset.waiting), unread = () => Number($("queue").dataset.unread);
  let seen = unread();

  setInterval(() => { if (!document.hidden) muster.refresh(); }, EVERY_MS);

  // --- the tab ---
  function count() {
    const n = waiting(), words = n ? `(${n}) ${title}` : title, address = n ? icon.dataset.alert : plain;
    if (document.title !== words) document.title = words;
    if (icon.getAttribute("href") !== address) icon.setAttribute("href", address);
    if (unread() > seen && isWanted()) new Notification("Muster", { body: $("queue").querySelector(".unread p")?.innerText, tag: "muster" });
    seen = unread();
  }
  document.addEventListener("muster:shown", count);
  count();

  // --- notifications, once a person asks for them ---
  const isWanted = () => "Notification" in window && Notification.permission === "granted" && localStorage.getItem(WANTED) === "on";
  const button = $("notify");
  function label() {
    button.textContent = isWanted() ? "Stop notifying me" : "Notify me in this browser";
    button.setAttribute("aria-pressed", isWanted());
  }
  button?.addEventListener("click", async () => {
    if (isWanted()) localStorage.setItem(WANTED, "off");
    else if ("Notification" in window && (await Notification.requestPermission()) === "granted") localStorage.setItem(WANTED, "on");
    else muster.announce("This browser does not allow notifications");
    label();
  });
  if (button) label();

  // --- reading, and Done ---
  document.addEventListener("click", ({ target }) => {
    const row = target.closest?.("a[href]") && target.closest(".queue .unread");
    if (!row) return;
    const later = row.querySelector("form.drop"), form = new FormData(later); // the others do something
    form.set("do", "read");
    fetch(later.action, { method: "POST", body: form, headers: { "HX-Request": "true" }, keepalive: true });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "e" || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (document.documentElement.dataset.shortcuts === "off" || event.target.matches("input, textarea, select")) return;
    event.target.closest?.(".queue li")?.querySelector("[data-done]").click();
  });
})();
