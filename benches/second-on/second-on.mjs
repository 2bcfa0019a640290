// From a player's click to the first picture shown: the real engine and real headless Chromium, whose requests over TCP and media over UDP
// go through an emulated path. Titles parked or booted for the player; WebTransport and WebRTC apart. docs/RESULTS.md says what the figures
// mean.
import { rmSync, writeFileSync } from 'node:fs';
import { Engine, titlesFolder, until } from '../../tests/e2e/lib/engine.mjs';
import { openBrowser } from '../../tests/e2e/lib/browser.mjs';
import { Emulator } from '../../tests/e2e/lib/emulator.mjs';
import { bar, distribution, options, printBars, result, round, table, write } from '../report/report.mjs';
import { PARTS, stacked } from './plot.mjs';

const TITLE = 'beacon';
/** IPv4 and UDP. */
const OVERHEAD_BYTES = 28;
const PATH = { rate: 50e6, queue_ms: 100, overhead_bytes: OVERHEAD_BYTES };
/** A start that shows nothing within this is counted as failed. */
const SHOWN_WITHIN_MS = 30_000;
/** A player looks at the library for longer than this before he picks a title. */
const LOOK_MS = 600;
const BAR_MS = 250;
const TRIPS = 3;

const list = (known) => (text) => (text.split(',').every((word) => known.includes(word)) ? text : undefined);
const opts = options('Usage: ./bench second-on [options]', {
  starts: { default: 100, help: 'starts of each case', parse: (t) => (Number(t) >= 1 ? Number(t) : undefined) },
  rtt: { default: '0,40,100', help: 'round trips of the path in milliseconds, by comma', parse: (t) => (t.split(',').every((ms) => Number(ms) >= 0) ? t : undefined) },
  transport: { default: 'webtransport,webrtc', help: 'which, by comma', parse: list(['webtransport', 'webrtc']) },
  cases: { default: 'parked,cold', help: 'which, by comma: the title is parked, or installed and booted for the player', parse: list(['parked', 'cold']) },
  json: { default: undefined, help: 'file to write the result to' },
  plot: { default: undefined, help: 'file to draw the result to (SVG)' },
});

/** Waits until a copy can be claimed. */
async function untilParked(engine) {
  await until(async () => {
    const { hosts } = await engine.operator('/v1/hosts');
    return hosts[0].warm.find(({ title }) => title === TITLE)?.parked > 0;
  }, 'a parked copy', 60_000);
}

/** One player: opens the library, looks, clicks, sees a picture, ends. */
async function start(browser, engine, transport) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  try {
    const page = await context.newPage();
    await page.goto(engine.url);
    const card = page.locator(`[data-title="${TITLE}"]`);
    await card.waitFor();
    await page.waitForTimeout(LOOK_MS);
    // The library's own address carries it to the play page's.
    if (transport !== 'webtransport') await page.evaluate(() => { delete globalThis.WebTransport; });
    const answered = page.waitForResponse((response) => response.url().endsWith('/v1/sessions') && response.request().method() === 'POST');
    await card.click({ noWaitAfter: true });
    const { timing } = await (await answered).json();
    const stats = await page.waitForFunction(() => {
      const stats = globalThis.firstlight?.stats();
      return stats?.start ? { start: stats.start, transport: stats.transport } : null;
    }, undefined, { timeout: SHOWN_WITHIN_MS, polling: 20 });
    const { start, transport: used } = await stats.jsonValue();
    const trips = await page.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/v1/sessions')).length);
    return { ...start, claim_ms: timing.ready_ms, used, trips };
  } finally {
    await context.close();
    for (const { session, state } of (await engine.operator('/v1/sessions')).sessions) {
      if (state !== 'ended') await engine.operator(`/v1/sessions/${session}`, { method: 'DELETE' });
    }
  }
}

async function runCase({ name, transport, rtt }, engine) {
  const emulator = Emulator.start();
  let browser;
  const samples = [];
  let failed = 0;
  try {
    await emulator.set({ ...PATH, delay_ms: rtt / 2 });
    browser = await openBrowser({ args: await emulator.browserArgs(engine) });
    for (let n = 0; n <= opts.starts; n++) {
      if (name === 'parked') await untilParked(engine);
      try {
        const sample = await start(browser, engine, transport);
        if (sample.used !== transport) throw new Error(`the client took ${sample.used}`);
        if (sample.parked !== (name === 'parked')) throw new Error(`it was ${sample.parked ? '' : 'not '}parked`);
        // The first one pays for the browser's own start.
        if (n > 0) samples.push(sample);
      } catch (error) {
        failed += 1;
        process.stderr.write(`  ${error.message.split('\n')[0]}\n`);
        if (failed > 3 + opts.starts / 10) break;
      }
    }
  } finally {
    await browser?.close();
    await emulator.stop();
  }
  const of = (key) => distribution(samples.map((sample) => sample[key]));
  const parts = Object.fromEntries(PARTS.map(({ key }) => [key, of(key)]));
  return { name, transport, rtt_ms: rtt, starts: samples.length, failed, total_ms: of('total_ms'), claim_ms: of('claim_ms'), ...parts };
}

function barsOf(cases) {
  const bars = [];
  for (const { name, transport, rtt_ms: rtt, total_ms: total, claim_ms: claim } of cases) {
    if (name !== 'parked' || transport !== 'webtransport') continue;
    const what = `parked over WebTransport at ${rtt} ms`;
    bars.push(bar(`${what}: click to first picture, p50`, total.p50, BAR_MS + TRIPS * rtt, 'ms'),
      bar(`${what}: click to first picture, p99`, total.p99, 1000, 'ms'),
      bar(`${what}: request to signed ticket in the engine, p99`, claim.p99, 20, 'ms'));
  }
  return bars;
}

function print(cases, bars) {
  table([['case', 'transport', 'RTT', 'starts', 'failed', 'p50', 'p95', 'p99', ...PARTS.map(({ label }) => label), 'claim p50/p99'],
    ...cases.map((c) => [c.name, c.transport, c.rtt_ms, c.starts, c.failed, c.total_ms.p50, c.total_ms.p95, c.total_ms.p99,
      ...PARTS.map(({ key }) => round(c[key].p50, 1)), `${round(c.claim_ms.p50, 1)}/${round(c.claim_ms.p99, 1)}`])]);
  printBars(bars);
}

const titles = titlesFolder({ [TITLE]: { from: 'beacon', edit: (toml) => toml.replace(/^parked = .*$/m, 'parked = 2') } });
const cases = [];
try {
  for (const name of opts.cases.split(',')) {
    const engine = await Engine.start({ titles, parked: name === 'parked', args: ['--wait-s', '5'] });
    try {
      for (const transport of opts.transport.split(',')) {
        for (const rtt of opts.rtt.split(',').map(Number)) {
          process.stderr.write(`${name} over ${transport} at ${rtt} ms\n`);
          cases.push(await runCase({ name, transport, rtt }, engine));
        }
      }
    } finally {
      await engine.stop();
    }
  }
} finally {
  rmSync(titles, { recursive: true, force: true });
}
const bars = barsOf(cases);
print(cases, bars);
if (opts.plot) writeFileSync(opts.plot, stacked(cases, { bar: ({ rtt_ms: rtt }) => BAR_MS + TRIPS * rtt }));
write(opts.json, result('second-on', cases, bars));
