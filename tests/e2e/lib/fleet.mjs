// A fleet on loopback: a NATS server, a gateway without a host of its own, and hosts that join it, each a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ROOT, binary, descendants, freePort, nextMediaPorts, until } from './engine.mjs';

/** A program of ours (or NATS) with the lines that it wrote. */
class Program {
  constructor(command, argv, env = {}) {
    this.lines = [];
    this.child = spawn(command, argv, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    this.exited = once(this.child, 'exit');
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8');
      let rest = '';
      stream.on('data', (chunk) => {
        const parts = (rest + chunk).split('\n');
        rest = parts.pop();
        this.lines.push(...parts);
        if (this.lines.length > 2000) this.lines.splice(0, 1000);
      });
    }
  }

  get isRunning() { return this.child.exitCode === null && this.child.signalCode === null; }

  /** Waits for a line, and fails at once where the program ends before it came. */
  async untilLine(pattern, what) {
    const found = () => this.lines.some((line) => pattern.test(line));
    await until(() => found() || !this.isRunning, what, 60_000);
    if (!found()) throw new Error(`it ended before ${what}:\n${this.lines.join('\n')}`);
  }

  /** Returns the exit code. */
  async end(signal = 'SIGINT') {
    if (this.isRunning) this.child.kill(signal);
    const [code] = await this.exited;
    return code;
  }
}

/** NATS on a free port; `kill()` is kill -9, `start()` starts it there again. */
export class Nats {
  static async start() {
    const nats = new Nats();
    nats.port = await freePort();
    await nats.start();
    return nats;
  }

  get url() { return `nats://127.0.0.1:${this.port}`; }

  async start() {
    this.program = new Program('nats-server', ['-a', '127.0.0.1', '-p', String(this.port)]);
    await until(() => listens(this.port), 'NATS to listen');
  }

  async kill() { await this.program.end('SIGKILL'); }
}

/** `firstlight indexer`: the page and the API, and hosts that joined. */
export class Gateway {
  /** `check`: hosts have to prove what they say, which takes seconds, and longer where they have not the machine to themselves. */
  static async start({ bus, titles = join(ROOT, 'titles'), check = false, args = [] }) {
    // Without it no encode proof is judged, and hosts stay unproven for ever.
    const decoder = join(dirname(binary()), 'firstlight-decode');
    if (check && !existsSync(decoder)) throw new Error(`${decoder} is not there: cargo build --release -p firstlight-probe`);
    const gateway = new Gateway();
    gateway.port = await freePort();
    gateway.data = mkdtempSync(join(tmpdir(), 'firstlight-gateway-'));
    gateway.url = `http://localhost:${gateway.port}/`;
    gateway.program = new Program(binary(), ['indexer', '--store', `redb:${join(gateway.data, 'fleet.redb')}`, '--bus', bus,
      '--titles', titles, '--data', gateway.data, '--listen', `localhost:${gateway.port}`, ...(check ? [] : ['--trust-hosts']), ...args]);
    await gateway.program.untilLine(/^Stop it with/, 'the gateway was ready');
    return gateway;
  }

  get operatorKey() { return readFileSync(join(this.data, 'operator.key'), 'utf8').trim(); }

  /** A request with the operator's key. */
  async operator(path, body) {
    const headers = { authorization: `Bearer ${this.operatorKey}`, 'content-type': 'application/json' };
    const response = await fetch(new URL(path, this.url), body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    const text = await response.text();
    return response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
  }

  async token(wanted = {}) { return (await this.operator('/v1/hosts/tokens', wanted)).token; }

  /** A host as the operator sees it. */
  async host(id) { return (await this.operator('/v1/hosts')).hosts.find(({ host }) => host === id); }

  async session(id) { return this.operator(`/v1/sessions/${id}`); }

  async stop() {
    const code = await this.program.end();
    rmSync(this.data, { recursive: true, force: true });
    return code;
  }
}

/** `firstlight host --join`: a machine of the fleet. */
export class Host {
  /** Joins and waits until the gateway has heard of it. `spoken`: called when it has joined, where another process speaks in its name. */
  static async join(gateway, { token, titles = join(ROOT, 'titles'), args = [], data, spoken } = {}) {
    const host = new Host();
    host.data = data ?? mkdtempSync(join(tmpdir(), 'firstlight-host-'));
    const [first, last] = nextMediaPorts();
    host.program = new Program(binary(), ['host', '--join', gateway.url, '--token', token ?? (await gateway.token()), '--data', host.data,
      '--titles', titles, '--media-ports', `${first}-${last}`, '--no-parked', ...args]);
    await host.program.untilLine(/^Stop it with/, 'the host had joined');
    spoken?.();
    host.id = host.program.lines.map((line) => /^Joined .* as ([0-9a-f]{32})/.exec(line)?.[1]).find(Boolean);
    await until(async () => ['open', 'unproven', 'refused'].includes((await gateway.host(host.id))?.state), 'the gateway to hear the host');
    return host;
  }

  /** `firstlight host WORD` on it: a program that may go on for a while. */
  tell(...words) { return new Program(binary(), ['host', ...words, '--data', this.data]); }

  processes() { return descendants(this.program.child.pid); }

  async kill() { await this.program.end('SIGKILL'); }

  async stop() {
    const code = await this.program.end();
    rmSync(this.data, { recursive: true, force: true });
    return code;
  }
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.once('connect', () => { socket.destroy(); resolve(true); });
    socket.once('error', () => resolve(false));
  });
}
