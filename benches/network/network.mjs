// The real engine and real headless Chromium through an emulated path: cliffs, loss, outages, a NAT that forgets, an interface that goes.
// The browser's requests and its media share the path (benches/emulator). docs/RESULTS.md says what the figures mean.
import { rmSync, writeFileSync } from 'node:fs';
import { Engine, titlesFolder, until } from '../../tests/e2e/lib/engine.mjs';
import { RECT, sampleBarcode } from '../../tests/e2e/lib/barcode.mjs';
import { openBrowser, play, untilState } from '../../tests/e2e/lib/browser.mjs';
import { Emulator } from '../../tests/e2e/lib/emulator.mjs';
import { begin, end, install } from '../glass/page.mjs';
import { bar, distribution, options, printBars, result, table, write } from '../report/report.mjs';
import { backAfter, figures, rateBack } from './analyse.mjs';
import { strips } from './plot.mjs';

/** IPv4 and UDP. */
const OVERHEAD_BYTES = 28;
/** A hundred milliseconds at 5 Mbit/s, a second at 0.5: what a home router's drop-tail queue is like. */
const QUEUE_BYTES = 62_500;
const HOME = { rate: 15e6, delay_ms: 20, queue_ms: 100, overhead_bytes: OVERHEAD_BYTES };
const [CLIFF_HIGH, CLIFF_LOW] = [5e6, 0.5e6];
const RATE_EVERY_MS = 50;
/** The rate rule has found the path by then. */
const SETTLE_MS = 6_000;
const ROUNDS = 5;
const ROUND_MS = 6_000;
const OUTAGE_MS = 2_000;

const CASES = {
  cliff: { path: { rate: CLIFF_HIGH, delay_ms: 20, queue_bytes: QUEUE_BYTES, overhead_bytes: OVERHEAD_BYTES }, run: cliff },
  'random-loss': { path: { ...HOME, delay_ms: 50, loss: 0.003 }, run: ({ seconds }) => wait(seconds * 1000).then(() => ({})) },
  // Bursts of four packets on average, 3 % in all.
  'bursty-loss': { path: { ...HOME, bursts: { begin: 0.0103, end: 0.25, loss: 0.75 } }, run: ({ seconds }) => wait(Math.min(seconds, 60) * 1000).then(() => ({})) },
  outage: { path: HOME, run: (scene) => rounds(scene, outage) },
  rebinding: { path: HOME, run: (scene) => rounds(scene, ({ emulator }) => emulator.ask('rebind')) },
  'lost-interface': { path: HOME, run: (scene) => rounds(scene, ({ emulator }) => emulator.ask('drop_interface')) },
};

const opts = options('Usage: ./bench network [options]', {
  seconds: { default: 300, help: 'seconds of the case with random loss; the bursty one takes at most 60', parse: (t) => (Number(t) >= 5 ? Number(t) : undefined) },
  transport: { default: 'all', help: 'webtransport, webrtc or all that the client has', parse: (t) => (['webtransport', 'webrtc', 'all'].includes(t) ? t : undefined) },
  cases: { default: Object.keys(CASES).join(','), help: 'which, by comma', parse: (t) => (t.split(',').every((c) => CASES[c]) ? t : undefined) },
  seed: { default: 1, help: 'of the path', parse: Number },
  json: { default: undefined, help: 'file to write the result to' },
  plot: { default: undefined, help: 'file to draw the result to (SVG)' },
});

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const now = () => performance.timeOrigin + performance.now();

/** The line falls off a cliff and comes back. */
async function cliff({ emulator, path, marks }) {
  const set = (rate) => emulator.set({ ...path, rate });
  await wait(20_000 - SETTLE_MS);
  marks.fall = now();
  await set(CLIFF_LOW);
  await wait(20_000);
  marks.rise = now();
  await set(CLIFF_HIGH);
  await wait(20_000);
  return { rise: marks.rise, fall: marks.fall };
}

/** The same event again and again, with time to recover; `events` are the moments from which a recovery counts: its end, where it has one. */
async function rounds(scene, event) {
  const events = [];
  for (let round = 0; round < ROUNDS; round++) {
    await wait(ROUND_MS / 2);
    const began = now();
    const over = await event(scene);
    events.push(typeof over === 'number' ? over : began);
    await wait(ROUND_MS / 2);
  }
  return { events };
}

async function outage({ emulator }) {
  await emulator.ask('cut');
  await wait(OUTAGE_MS);
  const over = now();
  await emulator.ask('restore');
  return over;
}

/** Keeps `[time, bytes delivered to the browser]` until told to stop. */
function watchRate(emulator) {
  const samples = [];
  let on = true;
  const done = (async () => {
    while (on) {
      const { down } = await emulator.stats();
      samples.push({ at: now(), bytes: down.delivered_bytes, queueMs: down.queue_ms });
      await wait(RATE_EVERY_MS);
    }
  })();
  return { samples, stop: async () => { on = false; await done; } };
}

async function runCase(name, transport, engine) {
  const { path, run } = CASES[name];
  const emulator = Emulator.start();
  let browser;
  try {
    const both = { ...path, seed: opts.seed };
    await emulator.set({ ...both, up: { seed: opts.seed + 1000 } });
    browser = await openBrowser({ args: await emulator.browserArgs(engine) });
    let page;
    try {
      page = await play(browser, engine, 'beacon', { query: `?autostart=1&transport=${transport}` });
    } catch (error) {
      return { name, transport, skipped: error.message.split('\n')[0] };
    }
    const used = await page.evaluate(() => firstlight.stats().transport);
    if (used !== transport) return { name, transport, skipped: `the client took ${used}` };
    // As a text: the page's policy forbids it to make code itself.
    await page.evaluate(`globalThis.sampleBarcode = ${sampleBarcode}`);
    await page.evaluate(install, { rect: RECT });
    await wait(SETTLE_MS);
    const session = await page.evaluate(() => firstlight.session);
    const [before, flowsBefore] = [await page.evaluate(() => firstlight.stats().frames), (await emulator.stats()).udp_flows];
    const rate = watchRate(emulator);
    const marks = {};
    await page.evaluate(begin);
    const told = await run({ emulator, page, path: both, seconds: opts.seconds, marks });
    const samples = await page.evaluate(end);
    await rate.stop();
    await untilState(page, 'playing');
    if ((await page.evaluate(() => firstlight.session)) !== session) throw new Error(`${name}: another session`);
    const after = await page.evaluate(() => firstlight.stats().frames);
    const flows = (await emulator.stats()).udp_flows - flowsBefore;
    const { shown, ...found } = figures(samples.decoded);
    const recovery = (told.events ?? []).map((at) => backAfter(shown, at));
    return {
      name, transport, path: both, seconds: Math.round(samples.seconds), ...found,
      new_connections: flows, idr: after.idr - before.idr, recoveries: after.recovery - before.recovery,
      frames_lost: after.lost - before.lost, repeated_packets: after.repeated_packets - before.repeated_packets,
      ...(told.events ? { recovery_ms: distribution(recovery.filter((ms) => ms !== null)), not_recovered: recovery.filter((ms) => ms === null).length } : {}),
      ...(told.rise ? rateBack(rate.samples, told) : {}),
      series: { shown, rate: rate.samples, events: told.events ?? [told.fall, told.rise].filter(Boolean) },
    };
  } finally {
    await browser?.close();
    await emulator.stop();
    await until(async () => (await engine.operator('/v1/sessions')).sessions.every(({ state }) => state !== 'attached'), 'the session to be let go');
    for (const { session } of (await engine.operator('/v1/sessions')).sessions) await engine.operator(`/v1/sessions/${session}`, { method: 'DELETE' });
  }
}

function barsOf(cases) {
  const bars = [];
  for (const c of cases.filter(({ skipped }) => !skipped)) {
    const add = (what, ...rest) => bars.push(bar(`${c.name} over ${c.transport}: ${what}`, ...rest));
    if (c.name === 'cliff') {
      add('longest freeze', c.longest_freeze_ms, 1000, 'ms');
      add('rate back to 90 % after it', c.rate_back_ms, 2000, 'ms');
    }
    if (c.name === 'random-loss') add('freezes over 150 ms', c.freezes_over_150ms, 0, '');
    if (c.name === 'outage') add('picture back after it ends, the worst', c.recovery_ms.max, 500, 'ms');
    if (c.name === 'rebinding') add('new connections', c.new_connections, 0, '');
    if (c.name === 'lost-interface') {
      // Handshake, settings, the request and its answer.
      add('picture back less three round trips, the worst', c.recovery_ms.max - 3 * 2 * HOME.delay_ms, 500, 'ms');
    }
    if (c.not_recovered !== undefined) add('events without a picture after', c.not_recovered, 0, '');
  }
  return bars;
}

function print(cases, bars) {
  table([['case', 'transport', 's', 'longest', '>150', '>100', 'age p50/p95/p99', 'fps', 'back p50/max', 'rate back', 'new conn', 'IDR'],
    ...cases.map((c) => (c.skipped ? [c.name, c.transport, c.skipped] : [c.name, c.transport, c.seconds, c.longest_freeze_ms, c.freezes_over_150ms, c.freezes_over_100ms,
      `${c.age_ms.p50}/${c.age_ms.p95}/${c.age_ms.p99}`, c.fps, c.recovery_ms ? `${c.recovery_ms.p50}/${c.recovery_ms.max}` : '-',
      c.rate_back_ms ?? '-', c.new_connections, c.idr]))]);
  printBars(bars);
}

const titles = titlesFolder({ beacon: { from: 'beacon', edit: (toml) => toml.replace(/^env = .*$/m, 'env = { BEACON_FPS = "60", BEACON_MOTION = "high" }') } });
const cases = [];
const engine = await Engine.start({ titles, args: ['--slots', '2', '--bitrate-max', '12000000'] });
try {
  for (const transport of opts.transport === 'all' ? ['webtransport', 'webrtc'] : [opts.transport]) {
    for (const name of opts.cases.split(',')) {
      process.stderr.write(`${name} over ${transport}\n`);
      cases.push(await runCase(name, transport, engine));
      // A transport that this client or engine does not have.
      if (cases.at(-1).skipped) break;
    }
  }
} finally {
  await engine.stop();
  rmSync(titles, { recursive: true, force: true });
}
const bars = barsOf(cases);
print(cases, bars);
if (opts.plot) writeFileSync(opts.plot, strips(cases.filter(({ series }) => series)));
write(opts.json, result('network', cases.map(({ series, ...rest }) => rest), bars));
