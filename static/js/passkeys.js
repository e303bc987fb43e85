// Forms with a passkey (WebAuthn): `data-passkey` is what the browser does (create or get), `data-options` the address that says for what.
// The answer goes into the form, which is then sent as any other.
(() => {
  "use strict";
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const named = (list) => (list || []).map((item) => ({ ...item, id: bytes(item.id) }));
  const REASONS = {
    NotAllowedError: "No passkey was used: it was cancelled, there is none for this address, or time ran out. Try again.",
    InvalidStateError: "This device has a passkey of yours for this address already.",
    SecurityError: "The browser gives no passkeys to this address.",
    NotSupportedError: "This device cannot keep a passkey of this kind.",
    ConstraintError: "This device cannot check who uses it: set a PIN on it first.",
  };

  function missing() {
    const { hostname, port, protocol } = location;
    if (hostname === "127.0.0.1" || hostname === "[::1]") return `Passkeys need a host name: open ${protocol}//localhost${port && `:${port}`}/ instead.`;
    if (/^[\d.]+$|^\[/.test(hostname)) return "Passkeys need a host name: this address is a number.";
    if (!window.isSecureContext) return "Passkeys need HTTPS: this page came by HTTP.";
    return window.PublicKeyCredential && navigator.credentials ? "" : "This browser has no passkeys.";
  }
  function show(form, words) {
    const place = form.querySelector("[data-problem]");
    place.textContent = words;
    place.hidden = !words;
  }

  async function options(form) {
    const response = await fetch(form.dataset.options, { method: "POST", body: new FormData(form), headers: { accept: "application/json" } });
    if (!response.headers.get("content-type")?.includes("json")) throw new Error("Your login is over, or this page is too old: load it again.");
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.message);
    return answer;
  }
  async function ask(form) {
    const given = await options(form), challenge = bytes(given.challenge);
    if (form.dataset.passkey === "get") {
      return navigator.credentials.get({ publicKey: { ...given, challenge, allowCredentials: named(given.allowCredentials) } });
    }
    const user = { ...given.user, id: bytes(given.user.id) };
    return navigator.credentials.create({ publicKey: { ...given, challenge, user, excludeCredentials: named(given.excludeCredentials) } });
  }
  function written({ id, rawId, type, response }) {
    const parts = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (response[name]) parts[name] = text(response[name]);
    }
    return JSON.stringify({ id, rawId: text(rawId), type, response: parts, clientExtensionResults: {} });
  }

  async function use(form) {
    const button = form.querySelector("button");
    show(form, missing());
    if (missing()) return;
    button.disabled = true;
    try {
      form.elements.answer.value = written(await ask(form));
      for (const field of form.querySelectorAll("[type=password]")) field.disabled = true;  // it was checked with the options
      form.submit();
    } catch (problem) {
      show(form, REASONS[problem.name] || (problem instanceof TypeError ? "The server does not answer: try again." : problem.message));
      button.disabled = false;
      button.focus();
    }
  }
  document.querySelectorAll("form[data-passkey]").forEach((form) => {
    form.addEventListener("submit", (event) => { event.preventDefault(); use(form); });
    if (form.dataset.passkey === "create") show(form, missing());
  });
})();
