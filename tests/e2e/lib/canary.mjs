// Runs the checker that plays (scripts/canary.mjs) for a game.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './engine.mjs';

/** Its key in tests: a seed, and what others know it by. */
const SEED = '11'.repeat(32);
const KEY = 'd04ab232742bb4ab3a1368bd4615e4e6d0224ab71a016baf8520a332c9778737';

export class Canary {
  /** An operator lets it testify; its key lies in `folder`. */
  static async admit(gateway, folder) {
    const canary = new Canary();
    Object.assign(canary, { gateway, key: join(folder, 'canary.key') });
    writeFileSync(canary.key, SEED);
    await gateway.operator('/v1/checkers', { key: KEY });
    return canary;
  }

  /** One game; what it printed. Fails where it came to nothing. */
  async game(...args) {
    const child = spawn('node', [join(ROOT, 'scripts/canary.mjs'), '--gateway', this.gateway.url, '--key', this.key, '--games', '1', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stdout.on('data', (text) => { out += text; });
    child.stderr.on('data', (text) => { err += text; });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`the canary ended with ${code}: ${err}`);
    return JSON.parse(out);
  }
}

/** The cases about a host that are closed. */
export async function cases(gateway, host) {
  const text = await gateway.operator(`/v1/hosts/${host}/evidence`);
  return text.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
}
