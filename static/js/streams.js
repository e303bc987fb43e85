// One stream per tab, but browsers allow six connections to a plain-HTTP server: with a stream in each of seven tabs nothing else would
// get through, not even a stop. So at most four tabs of a browser stream at a time; the others ask every few seconds, and take over a
// place as soon as one is free. Over HTTP/2 there is no such limit, but nobody can see from here which it is.
(() => {
  "use strict";
  const PLACES = 4, ASK_MS = 4000;

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
      for (let n = 1; n <= PLACES && this.readyState !== 2; n++) {
        const got = await new Promise((found) => navigator.locks.request(`muster-stream-${n}`, { ifAvailable: true }, (lock) => {
          if (!lock) { found(false); return undefined; }
          return new Promise((release) => found(release));
        }));
        if (got) return this.readyState === 2 ? got() : this.stream(got);
      }
      if (this.readyState !== 2) this.ask();
      return undefined;
    }

    stream(release) {
      clearTimeout(this.timer);
      this.release = release;
      this.real = new EventSource(this.url, { withCredentials: true });
      this.real.onopen = (event) => { this.readyState = 1; this.onopen?.(event); };
      this.real.onerror = () => { this.readyState = this.real.readyState; if (this.readyState === 2) this.let_go(); this.onerror?.(); }; // no event: htmx would log it aloud, and a stream that ends is told by the dot
      this.forwarded.forEach((name) => this.forward(name));
    }

    forward(name) {
      this.real.addEventListener(name, (event) => this.dispatchEvent(new MessageEvent(name, { data: event.data })));
    }

    addEventListener(name, ...rest) {
      super.addEventListener(name, ...rest);
      if (this.forwarded.has(name)) return;
      this.forwarded.add(name);
      if (this.real) this.forward(name);
    }

    // Without a place: a small question now and then, whose answer is as good as a heartbeat, and then every region fetches itself.
    async ask() {
      try {
        const answer = await fetch(`${location.pathname}?fragment=way`, { headers: { "HX-Request": "true" } });
        if (answer.status === 401 || answer.status === 403) return muster.signOut();
        if (answer.ok && this.readyState !== 2) {
          if (!this.readyState) { this.readyState = 1; this.onopen?.(new Event("open")); }
          const told = { at: Date.parse(answer.headers.get("Date")) / 1000 || Date.now() / 1000, build: document.documentElement.dataset.build };
          this.dispatchEvent(new MessageEvent("hb", { data: JSON.stringify(told) }));
          muster.refresh();
        }
      } catch { /* the clock on the page says how old it is */ }
      if (this.readyState !== 2) this.timer = setTimeout(() => this.begin(), ASK_MS);
      return undefined;
    }

    let_go() { this.release?.(); this.release = null; }

    close() {
      this.readyState = 2;
      clearTimeout(this.timer);
      this.real?.close();
      this.let_go();
    }
  }

  htmx.createEventSource = (url) => new Source(url);
})();
