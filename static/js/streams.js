// One stream per tab, but browsers allow six connections to a plain-HTTP server: with a stream in each of seven tabs nothing else would
// get through, not even a stop. So at most four tabs of a browser stream at a time; the others poll every few seconds, and take a
// slot as soon as one is free. HTTP/2 has no such limit, but a script cannot see the protocol.
(() => {
  "use strict";
  const MAX_STREAMS = 4, POLL_MS = 4000;

  class Source extends EventTarget {
    constructor(url) {
      super();
      this.url = url;
      this.readyState = 0;
      this.forwarded = new Set();
      this.begin();
    }

    async begin() {
      if (!navigator.locks) return this.stream(() => {});
      for (let n = 1; n <= MAX_STREAMS && this.readyState !== 2; n++) {
        const release = await new Promise((resolve) => navigator.locks.request(`muster-stream-${n}`, { ifAvailable: true }, (lock) => {
          if (!lock) { resolve(false); return undefined; }
          return new Promise((unlock) => resolve(unlock));
        }));
        if (release) return this.readyState === 2 ? release() : this.stream(release);
      }
      if (this.readyState !== 2) this.poll();
      return undefined;
    }

    stream(release) {
      clearTimeout(this.timer);
      this.release = release;
      this.real = new EventSource(this.url, { withCredentials: true });
      this.real.onopen = (event) => { this.readyState = 1; this.onopen?.(event); };
      this.real.onerror = () => { this.readyState = this.real.readyState; if (this.readyState === 2) this.releaseSlot(); this.onerror?.(); }; // no event passed on: htmx would log it, and the status dot shows a lost stream
      this.forwarded.forEach((name) => this.forward(name));
    }

    forward(name) {
      this.real.addEventListener(name, (event) => this.dispatchEvent(new MessageEvent(name, { data: event.data })));
    }

    addEventListener(name, ...options) {
      super.addEventListener(name, ...options);
      if (this.forwarded.has(name)) return;
      this.forwarded.add(name);
      if (this.real) this.forward(name);
    }

    // Without a slot: every region is asked for now and then, and an answer counts as a heartbeat.
    async poll() {
      muster.refresh();
      const at = await muster.ask("nav");
      if (at && this.readyState !== 2) {
        if (!this.readyState) { this.readyState = 1; this.onopen?.(new Event("open")); }
        this.dispatchEvent(new MessageEvent("hb", { data: JSON.stringify({ at, build: document.documentElement.dataset.build }) }));
      }
      if (this.readyState !== 2) this.timer = setTimeout(() => this.begin(), POLL_MS);
      return undefined;
    }

    releaseSlot() { this.release?.(); this.release = null; }

    close() {
      this.readyState = 2;
      clearTimeout(this.timer);
      this.real?.close();
      this.releaseSlot();
    }
  }

  htmx.createEventSource = (url) => new Source(url);
})();
