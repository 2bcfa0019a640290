// From a player's click to the first picture shown: the real engine and real headless Chromium, whose requests over TCP and media over UDP
// go through an emulated path. Titles parked, booted for the player, or waited for in the queue; WebTransport and WebRTC apart.
// docs/RESULTS.md says what the figures mean.
import { randomBytes } from 'node:crypto';
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
/** One who waits has been waiting for longer than an ask for the turn takes. */
const WAITED_MS = 400;
const BAR_MS = 250;
const TRIPS = 3;

/** What each case is: whether a copy is parked, and what the engine is started with. */
const CASES = {
  parked: { parked: true, args: ['--wait-s', '5'] },
  cold: { parked: false, args: ['--wait-s', '5'] },
  // One slot, which another player has until the one who is measured waits for it.
  queued: { parked: true, args: ['--wait-s', '60', '--slots', '1'] },
};

const list = (known) => (text) => (text.split(',').every((word) => known.includes(word)) ? text : undefined);
const opts = options('Usage: ./bench second-on [options]', {
  starts: { default: 100, help: 'starts of each case', parse: (t) => (Number(t) >= 1 ? Number(t) : undefined) },
  rtt: { default: '0,40,100', help: 'round trips of the path in milliseconds, by comma', parse: (t) => (t.split(',').every((ms) => Number(ms) >= 0) ? t : undefined) },
  transport: { default: 'webtransport,webrtc', help: 'which, by comma', parse: list(['webtransport', 'webrtc']) },
  cases: { default: 'parked,cold,queued', help: 'which, by comma: parked; installed and booted for the player; parked, and every slot taken until he waits', parse: list(Object.keys(CASES)) },
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

/** Another player takes a slot. Returns what ends his session, and when it did. */
async function occupy(engine) {
  const response = await fetch(`${engine.url}v1/sessions`, {
    method: 'POST',
    headers: { authorization: `Bearer flp_${randomBytes(32).toString('base64url')}`, 'content-type': 'application/json' },
    body: JSON.stringify({ title: TITLE }),
  });
  if (response.status !== 201) throw new Error(`the slot was not to be had: ${response.status} ${await response.text()}`);
  const { session } = await response.json();
  return async () => {
    const began = Date.now();
    await engine.operator(`/v1/sessions/${session}`, { method: 'DELETE' });
    return began;
  };
}

async function endAll(engine) {
  for (const { session, state } of (await engine.operator('/v1/sessions')).sessions) {
    if (state !== 'ended') await engine.operator(`/v1/sessions/${session}`, { method: 'DELETE' });
  }
}

/** A player in front of the library. */
async function look(context, engine, transport) {
  const page = await context.newPage();
  await page.goto(engine.url);
  await page.locator(`[data-title="${TITLE}"]`).waitFor();
  await page.waitForTimeout(LOOK_MS);
  // The library's own address carries it to the play page's.
  if (transport !== 'webtransport') await page.evaluate(() => { delete globalThis.WebTransport; });
  await page.evaluate(() => addEventListener('click', (event) => { globalThis.clickedAt = performance.timeOrigin + event.timeStamp; }, { capture: true, once: true }));
  return page;
}

/** One start: of a player who clicks, and of one who has waited for the slot, from the moment in which it is given up. */
async function start(browser, engine, name, transport) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  try {
    const release = name === 'queued' ? await occupy(engine) : null;
    if (CASES[name].parked) await untilParked(engine);
    const page = await look(context, engine, transport);
    const answered = context.waitForEvent('response', { predicate: (response) => response.status() === 201 && /\/v1\/(sessions|queue\/\w+)$/.test(response.url()), timeout: SHOWN_WITHIN_MS });
    answered.catch(() => {});
    await page.locator(`[data-title="${TITLE}"]`).click({ noWaitAfter: true });
    let released = null;
    if (release !== null) {
      await page.getByText('All places are taken').waitFor();
      await page.waitForTimeout(WAITED_MS);
      released = await release();
    }
    const { timing } = await (await answered).json();
    const stats = await page.waitForFunction(() => {
      const stats = globalThis.firstlight?.stats();
      return stats?.start ? { start: stats.start, transport: stats.transport, clickedAt: globalThis.clickedAt } : null;
    }, undefined, { timeout: SHOWN_WITHIN_MS, polling: 20 });
    const { start: parts, transport: used, clickedAt } = await stats.jsonValue();
    const waited = released === null ? 0 : released - clickedAt;
    return { ...parts, placed_ms: parts.placed_ms - waited, total_ms: parts.total_ms - waited, claim_ms: timing.ready_ms, used };
  } finally {
    await context.close();
    await endAll(engine);
  }
}

async function oneStart(browser, engine, { name, transport }) {
  const sample = await start(browser, engine, name, transport);
  if (sample.used !== transport) throw new Error(`the client took ${sample.used}`);
  if (sample.parked !== CASES[name].parked) throw new Error(`it was ${sample.parked ? '' : 'not '}parked`);
  return sample;
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
      try {
        const sample = await oneStart(browser, engine, { name, transport });
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

/** After each case, so that a run that is cut short leaves what it has. */
function save(cases) {
  const bars = barsOf(cases);
  if (opts.plot) writeFileSync(opts.plot, stacked(cases, { bar: ({ rtt_ms: rtt }) => BAR_MS + TRIPS * rtt }));
  write(opts.json, result('second-on', cases, bars));
  return bars;
}

const titles = titlesFolder({ [TITLE]: { from: 'beacon', edit: (toml) => toml.replace(/^parked = .*$/m, 'parked = 2') } });
const cases = [];
try {
  for (const name of opts.cases.split(',')) {
    const { parked, args } = CASES[name];
    const engine = await Engine.start({ titles, parked, args });
    try {
      for (const transport of opts.transport.split(',')) {
        for (const rtt of opts.rtt.split(',').map(Number)) {
          process.stderr.write(`${name} over ${transport} at ${rtt} ms\n`);
          cases.push(await runCase({ name, transport, rtt }, engine));
          save(cases);
        }
      }
    } finally {
      await engine.stop();
    }
  }
} finally {
  rmSync(titles, { recursive: true, force: true });
}
print(cases, save(cases));
