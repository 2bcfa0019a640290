// A player behind any network gets a picture, over the best path that this network leaves.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { difference, fingerprint, untilState, untilStats } from '../../e2e/lib/browser.mjs';
import { until } from '../../e2e/lib/engine.mjs';
import { World } from '../lib/world.mjs';
import { begin } from '../lib/run.mjs';

/** What is between them, and the path that is to be taken. */
const CASES = [
  ['a player behind a full-cone box', { player: 'full-cone' }, 'webtransport'],
  ['a player behind an address-restricted box', { player: 'address' }, 'webtransport'],
  ['a player behind a symmetric box', { player: 'symmetric' }, 'webtransport'],
  ['both behind full-cone boxes', { host: 'full-cone', player: 'full-cone' }, 'webtransport'],
  ['both behind address-restricted boxes: a hole is punched', { host: 'address', player: 'address' }, 'webrtc'],
  ['both behind symmetric boxes: over TURN', { host: 'symmetric', player: 'symmetric' }, 'webrtc'],
  ['UDP blocked', { player: 'address', playerFilter: 'no-udp' }, 'websocket'],
  ['nothing but TCP 443', { player: 'address', playerFilter: 'only-443' }, 'websocket'],
  ['UDP to the relay alone', { player: 'address', playerFilter: 'relay-alone', relay: 'udp' }, 'relay'],
  ['UDP blocked, and a relay on TCP', { player: 'address', playerFilter: 'no-udp', relay: 'tls' }, 'relay'],
  ['IPv6 alone', { family: 6 }, 'webtransport'],
];

let world;
let running;
afterEach(async () => {
  await running?.finish();
  world?.remove();
  running = world = undefined;
});

for (const [name, { relay = null, ...plan }, transport] of CASES) {
  test(`${name}: ${transport}`, { timeout: 120_000 }, async (t) => {
    world = new World(plan);
    running = await begin(world, { relay });
    const page = await running.browser.newPage({ viewport: { width: 1280, height: 720 } });
    try {
      await page.goto(`https://${world.gateway}/play/beacon?autostart=1`);
      await untilState(page, 'playing', 45_000);
      const stats = await untilStats(page, (s) => s.frames?.decoded > 60, 'a second of pictures');
      assert.equal(stats.transport, transport);
      const before = await fingerprint(page);
      await until(async () => difference(before, await fingerprint(page)) > 0.1, 'another picture');
      t.diagnostic(`${stats.transport}, round trip ${Math.round(stats.rtt_ms)} ms`);
    } catch (error) {
      t.diagnostic(running.engine.lines.slice(-30).join('\n'));
      throw error;
    }
  });
}
