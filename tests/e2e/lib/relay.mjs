// A UDP relay between the browser and a session's media port: it can cut the line, lose packets, delay them. It hands the page an
// endpoint on its own port by rewriting what the API answers, so nothing in the engine or the client knows of it.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** How many packets may wait for their delay; the oldest is dropped past it. */
const WAITING_MAX = 20_000;

export class Relay {
  constructor() {
    this.routes = new Map();       // the engine's port → our listening socket
    this.cut = false;
    /** (bytes, toBrowser) → true: lose it. */
    this.lose = () => false;
    this.delayMs = 0;
    this.counts = { passed: 0, lost: 0, cut: 0 };
  }

  /** Rewrites the endpoints that this page learns. */
  async serve(page) {
    await page.route('**/v1/sessions**', async (route) => {
      let response;
      try { response = await route.fetch(); } catch { return route.abort().catch(() => {}); }
      if (!(response.headers()['content-type'] ?? '').includes('json')) return route.fulfill({ response });
      const body = await response.json();
      for (const session of [body, ...(body.sessions ?? [])]) {
        for (const endpoint of session.endpoints ?? []) {
          if (endpoint.kind !== 'webtransport') continue;
          const url = new URL(endpoint.url);
          url.hostname = '127.0.0.1';
          url.port = String(await this.portFor(Number(url.port)));
          endpoint.url = url.href;
        }
      }
      return route.fulfill({ response, json: body });
    });
  }

  async portFor(port) {
    const known = this.routes.get(port);
    if (known) return known.address().port;
    const front = createSocket('udp4');
    front.bind(0, '127.0.0.1');
    await once(front, 'listening');
    this.routes.set(port, front);
    const backs = new Map();       // the browser's address → a socket towards the engine
    front.backs = backs;
    front.on('message', (bytes, from) => {
      const key = `${from.address}:${from.port}`;
      let back = backs.get(key);
      if (!back) {
        back = createSocket('udp4');
        back.on('message', (answer) => this.pass(answer, true, () => front.send(answer, from.port, from.address)));
        back.on('error', () => {});
        backs.set(key, back);
      }
      this.pass(bytes, false, () => back.send(bytes, port, '127.0.0.1'));
    });
    return front.address().port;
  }

  pass(bytes, toBrowser, send) {
    if (this.cut) { this.counts.cut++; return; }
    if (this.lose(bytes, toBrowser)) { this.counts.lost++; return; }
    this.counts.passed++;
    if (this.delayMs === 0) { send(); return; }
    this.waiting = (this.waiting ?? 0) + 1;
    if (this.waiting > WAITING_MAX) { this.waiting--; this.counts.lost++; return; }
    setTimeout(() => { this.waiting--; if (!this.closed) send(); }, this.delayMs);
  }

  close() {
    this.closed = true;
    for (const front of this.routes.values()) {
      for (const back of front.backs.values()) back.close();
      front.close();
    }
  }
}
