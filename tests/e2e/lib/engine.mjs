// Starts a real engine on free ports with data of its own, and looks at what it leaves behind.
import { spawn, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

export function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
  const path = process.env.FIRSTLIGHT_BIN ?? join(target, 'release/firstlight');
  if (!existsSync(path)) throw new Error(`${path} is not there: ./test e2e builds it`);
  return path;
}

/** A free TCP port on loopback. */
export async function freePort() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Every test file takes media ports of its own, so that files may run side by side. */
let nextMediaPort = 20_000 + (process.pid % 400) * 100;
export function nextMediaPorts() {
  nextMediaPort += 20;
  return [nextMediaPort - 20, nextMediaPort - 1];
}

/**
 * A titles folder of copies: `{ 'beacon-still': { from: 'beacon', edit: (toml) => toml } }`. A copy's folder is its id.
 */
export function titlesFolder(copies) {
  const dir = mkdtempSync(join(tmpdir(), 'firstlight-titles-'));
  for (const [id, { from, edit = (text) => text }] of Object.entries(copies)) {
    cpSync(join(ROOT, 'titles', from), join(dir, id), { recursive: true, filter: (path) => !path.includes('/app') });
    const manifest = join(dir, id, 'title.toml');
    writeFileSync(manifest, edit(readFileSync(manifest, 'utf8')).replace(/^id = .*$/m, `id = "${id}"`));
  }
  return dir;
}

/** Writes a title whose app is a shell script. */
export function scriptTitle(dir, id, script, extra = '') {
  const folder = join(dir, id);
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(join(folder, 'bin/app'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, 'bin/app'), 0o755);
  writeFileSync(join(folder, 'title.toml'), `id = "${id}"\nname = "${id}"\nversion = "1"\n[run]\ncommand = ["bin/app"]\n${extra}`);
}

/** A running engine; it parks copies of titles only with `parked`, which would cost other tests' machine. `stop()` is what Ctrl-C does; `kill()` is kill -9. */
export class Engine {
  static async start({ titles = join(ROOT, 'titles'), args = [], data, env = {}, scheme = 'http', parked = false } = {}) {
    const engine = new Engine();
    engine.port = await freePort();
    engine.data = data ?? mkdtempSync(join(tmpdir(), 'firstlight-data-'));
    engine.ownsData = data === undefined;
    engine.mediaPorts = nextMediaPorts();
    engine.lines = [];
    const argv = ['up', '--titles', titles, '--data', engine.data, '--listen', `localhost:${engine.port}`,
      '--media-ports', engine.mediaPorts.join('-'), ...(parked ? [] : ['--no-parked']), ...args];
    engine.child = spawn(binary(), argv, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    engine.exited = once(engine.child, 'exit');
    for (const stream of [engine.child.stdout, engine.child.stderr]) {
      stream.setEncoding('utf8');
      let rest = '';
      stream.on('data', (chunk) => {
        const parts = (rest + chunk).split('\n');
        rest = parts.pop();
        engine.lines.push(...parts);
        if (engine.lines.length > 2000) engine.lines.splice(0, 1000);
      });
    }
    engine.url = `${scheme}://localhost:${engine.port}/`;
    const gone = engine.exited.then(([code]) => { throw new Error(`the engine exited with ${code}:\n${engine.lines.join('\n')}`); });
    gone.catch(() => {});
    await Promise.race([engine.untilHealthy(), gone]);
    return engine;
  }

  async untilHealthy() {
    for (;;) {
      try {
        if ((await fetch(`${this.url}healthz`)).ok) return;
      } catch { /* not listening yet */ }
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  get operatorKey() { return readFileSync(join(this.data, 'operator.key'), 'utf8').trim(); }

  /** A request with the operator's key. */
  async operator(path, options = {}) {
    const response = await fetch(new URL(path, this.url), { ...options, headers: { ...options.headers, authorization: `Bearer ${this.operatorKey}` } });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    const text = await response.text();
    return response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
  }

  /** The processes that descend from this engine, itself first: `{ pid, name, command }`. */
  processes() { return descendants(this.child.pid); }

  /** Ends as Ctrl-C does and waits for the end; returns the exit code. */
  async stop() {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGINT');
    const [code] = await this.exited;
    this.forget();
    return code;
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  forget() { if (this.ownsData) rmSync(this.data, { recursive: true, force: true }); }
}

/** The process tree below (and with) a pid, from /proc. */
export function descendants(root) {
  const all = processTable();
  const found = [];
  const walk = (pid) => {
    const self = all.get(pid);
    if (!self) return;
    found.push(self);
    for (const other of all.values()) if (other.parent === pid) walk(other.pid);
  };
  walk(root);
  return found;
}

/** Every process: pid → { pid, parent, name, command }. */
export function processTable() {
  const all = new Map();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const end = stat.lastIndexOf(')');
      const [state, parent] = stat.slice(end + 2).split(' ');
      if (state === 'Z') continue;
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      all.set(Number(entry), { pid: Number(entry), parent: Number(parent), name: stat.slice(stat.indexOf('(') + 1, end), command });
    } catch { /* it ended while we looked */ }
  }
  return all;
}

/** UDP ports that are bound, from /proc/net/udp and udp6. */
export function udpPorts() {
  const ports = new Set();
  for (const file of ['/proc/net/udp', '/proc/net/udp6']) {
    for (const line of readFileSync(file, 'utf8').split('\n').slice(1)) {
      const local = line.trim().split(/\s+/)[1];
      if (local) ports.add(parseInt(local.split(':')[1], 16));
    }
  }
  return ports;
}

/** Folders below the cgroup file systems whose path names this project. */
export function cgroups() {
  try {
    return execFileSync('find', ['/sys/fs/cgroup', '-type', 'd', '-path', '*firstlight*'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n').filter(Boolean);
  } catch { return []; }
}

/** Polls until a condition holds; fails with what it was waiting for: a text, or a function that makes one then. */
export async function until(condition, what, timeout = 20_000) {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${timeout} ms for ${typeof what === 'function' ? what() : what}`);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}
