// Puts a browser behind an emulated path (benches/emulator): its requests over TCP and its media over UDP share one bottleneck. The
// browser is told to connect elsewhere by its resolver, so nothing in the engine, the page or its addresses knows of it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from './engine.mjs';

function program() {
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
  const path = process.env.FIRSTLIGHT_EMULATOR ?? join(target, 'release/firstlight-emulator');
  if (!existsSync(path)) throw new Error(`${path} is not there: ./test e2e and ./bench network build it`);
  return path;
}

export class Emulator {
  static start() {
    const emulator = new Emulator();
    emulator.child = spawn(program(), { stdio: ['pipe', 'pipe', 'inherit'] });
    emulator.asked = new Map();
    emulator.newest = 0;
    createInterface({ input: emulator.child.stdout }).on('line', (line) => {
      const { id, error, ...answer } = JSON.parse(line);
      const { resolve, reject } = emulator.asked.get(id) ?? {};
      emulator.asked.delete(id);
      if (error !== undefined) reject?.(new Error(error));
      else resolve?.(answer);
    });
    emulator.child.on('exit', (code) => {
      for (const { reject } of emulator.asked.values()) reject(new Error(`the emulator exited with ${code}`));
      emulator.asked.clear();
    });
    return emulator;
  }

  /** One command of benches/emulator/src/command.rs. */
  ask(cmd, rest = {}) {
    const id = ++this.newest;
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
      this.child.stdin.write(`${JSON.stringify({ id, cmd, ...rest })}\n`);
    });
  }

  /** Both directions alike, but for what `down` and `up` say. */
  set({ down = {}, up = {}, ...both }) { return this.ask('set', { down: { ...both, ...down }, up: { ...both, ...up } }); }

  stats() { return this.ask('stats'); }

  /** Arguments that put a browser behind this path, for an engine's pages and every media port it may open. */
  async browserArgs(engine) {
    const rule = async (cmd, host, port) => {
      const opened = await this.ask(cmd, { to: `127.0.0.1:${port}` });
      return `MAP ${host}:${port} 127.0.0.1:${opened.port}`;
    };
    const rules = [await rule('tcp', 'localhost', engine.port)];
    const [first, last] = engine.mediaPorts;
    for (let port = first; port <= last; port++) {
      const opened = await this.ask('udp', { to: `127.0.0.1:${port}` });
      for (const host of ['localhost', '127.0.0.1']) rules.push(`MAP ${host}:${port} 127.0.0.1:${opened.port}`);
    }
    return [`--host-resolver-rules=${rules.join(',')}`];
  }

  async stop() {
    if (this.child.exitCode !== null) return;
    this.child.stdin.end();
    await once(this.child, 'exit');
  }
}
