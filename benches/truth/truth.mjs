// Whether what the product says of its delays is so: its own figures beside those of an observer who reads the barcode out of the pictures
// that Chromium presents, with right clocks and wrong ones, over even paths and uneven ones. docs/RESULTS.md says what the figures mean.
import { rmSync, writeFileSync } from 'node:fs';
import { Engine, titlesFolder, until } from '../../tests/e2e/lib/engine.mjs';
import { RECT, sampleBarcode } from '../../tests/e2e/lib/barcode.mjs';
import { openBrowser, untilState, untilStats } from '../../tests/e2e/lib/browser.mjs';
import { Emulator } from '../../tests/e2e/lib/emulator.mjs';
import { bar, options, printBars, result, round, table, write } from '../report/report.mjs';
import { barPlot } from '../report/plot.mjs';
import { compare, summary } from './analyse.mjs';
import { setClock, take, watch } from './page.mjs';

const HD = { width: 1280, height: 720, motion: 'low', bitrate: 8_000_000 };
const FULL = { width: 1920, height: 1080, motion: 'low', bitrate: 15_000_000 };
const HOME = { rate: 15e6, delay_ms: 20, queue_ms: 100, overhead_bytes: 28 };
const RIGHT = { offsetMs: 0, driftPpm: 0 };
/** `path`: null is loopback itself. `even`: the way there takes as long as the way back. */
const CASES = {
  '720p60-low': { mode: HD },
  '720p60-high': { mode: { ...HD, motion: 'high' } },
  '1080p60-low': { mode: FULL },
  '1080p60-high': { mode: { ...FULL, motion: 'high' } },
  home: { path: HOME },
  'random-loss': { path: { ...HOME, delay_ms: 50, loss: 0.003 } },
  'bursty-loss': { path: { ...HOME, bursts: { begin: 0.0103, end: 0.25, loss: 0.75 } } },
  'clock-ahead': { clock: { offsetMs: 500, driftPpm: 0 } },
  'clock-behind': { clock: { offsetMs: -500, driftPpm: 0 } },
  'clock-drifts': { clock: { offsetMs: 0, driftPpm: 50 } },
  'home-clock-drifts': { path: HOME, clock: { offsetMs: -500, driftPpm: -50 } },
  'uneven-slow-down': { path: { ...HOME, delay_ms: undefined, down: { delay_ms: 40 }, up: { delay_ms: 10 } }, even: false },
  'uneven-slow-up': { path: { ...HOME, delay_ms: undefined, down: { delay_ms: 10 }, up: { delay_ms: 40 } }, even: false },
};
/** As long as the product's own window (`dist.ts`), so that both speak of the same pictures. */
const WINDOW_MS = 5_000;
/** Off the screen's 60 Hz by a little, so that each phase against its refresh comes up every six seconds. */
const APP_FPS = 59.83;
const CLICK_MS = [240, 480];
/** The rate rule has found the path, and the first pictures have left the window. */
const SETTLE_MS = 7_000;

const opts = options('Usage: ./bench truth [options]', {
  seconds: { default: 30, help: 'seconds of each case', parse: (t) => (Number(t) >= 10 ? Number(t) : undefined) },
  cases: { default: Object.keys(CASES).join(','), help: 'which, by comma', parse: (t) => (t.split(',').every((c) => CASES[c]) ? t : undefined) },
  seed: { default: 1, help: 'of the paths', parse: Number },
  json: { default: undefined, help: 'file to write the result to' },
  plot: { default: undefined, help: 'file to draw the result to (SVG)' },
});

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Steps of the wheel: the release of a key is an input of which the barcode tells nothing, and the product all. */
async function turn(page, ms) {
  const end = Date.now() + ms;
  while (Date.now() < end) {
    await page.mouse.wheel(0, 120);
    await wait(CLICK_MS[0] + Math.random() * (CLICK_MS[1] - CLICK_MS[0]));
  }
}

/** A page whose clocks are as told, in the page and in its workers, and that plays. */
async function open(browser, engine, mode, clock) {
  const context = await browser.newContext({ viewport: { width: mode.width, height: mode.height } });
  const page = await context.newPage();
  await page.addInitScript(setClock, clock);
  const workers = [];
  page.on('worker', (worker) => workers.push(worker.evaluate(setClock, clock)));
  await page.goto(`${engine.url}play/beacon`);
  // The worker comes with the click, and its first look at the clock with the connection: long after this.
  await page.locator('[data-part="start"]').click();
  await until(() => workers.length > 0, 'the worker of the page');
  await Promise.all(workers);
  await untilState(page, 'playing');
  for (const realm of [page, ...page.workers()]) {
    const off = await realm.evaluate(() => performance.timeOrigin - globalThis.trueOrigin);
    // What drifts is not far off yet.
    if (Math.abs(off - clock.offsetMs) > 5) throw new Error(`a clock is ${off} ms off, and ${clock.offsetMs} were wanted`);
  }
  // As a text: the page's policy forbids it to make code itself.
  await page.evaluate(`globalThis.sampleBarcode = ${sampleBarcode}`);
  await page.evaluate(watch, { rect: RECT });
  return page;
}

async function runCase(name) {
  const { mode = HD, path = null, clock = RIGHT, even = true } = CASES[name];
  const titles = titlesFolder({ beacon: { from: 'beacon', edit: (toml) => toml
    .replace(/^width = .*$/m, `width = ${mode.width}`).replace(/^height = .*$/m, `height = ${mode.height}`)
    .replace(/^env = .*$/m, `env = { BEACON_FPS = "${APP_FPS}", BEACON_MOTION = "${mode.motion}" }`) } });
  const engine = await Engine.start({ titles, args: ['--bitrate-max', String(mode.bitrate), '--slots', '1'] });
  const emulator = path === null ? null : Emulator.start();
  let browser;
  try {
    await emulator?.set({ ...path, seed: opts.seed, up: { ...path.up, seed: opts.seed + 1000 } });
    browser = await openBrowser({ args: emulator === null ? [] : await emulator.browserArgs(engine) });
    const page = await open(browser, engine, mode, clock);
    await untilStats(page, (s) => s.frames.decoded > 30, 'thirty decoded frames');
    await page.mouse.move(mode.width / 2, mode.height / 2);
    await turn(page, SETTLE_MS);
    await page.evaluate(take);
    const windows = [];
    for (let n = 0; n < Math.round((1000 * opts.seconds) / WINDOW_MS); n++) {
      await turn(page, WINDOW_MS);
      windows.push(compare(await page.evaluate(take)));
    }
    const session = await page.evaluate(() => firstlight.session);
    const report = await engine.operator(`/v1/sessions/${session}/report`);
    const click = report.click_to_photon;
    return { name, path, clock, even, ...summary(windows, click.error_us / 1000), series: windows };
  } finally {
    await browser?.close();
    await emulator?.stop();
    await engine.stop();
    rmSync(titles, { recursive: true, force: true });
  }
}

function barsOf(cases) {
  const bars = [];
  for (const c of cases) {
    const add = (what, ...rest) => bars.push(bar(`${c.name}: ${what}`, ...rest));
    for (const what of ['glass', 'click']) {
      const words = what === 'glass' ? 'glass-to-glass' : 'click-to-photon';
      if (c.even) {
        add(`${words}, said less seen, median`, c[`${what}_apart_ms`].p50, 2, 'ms');
        add(`${words}, said less seen, p95`, c[`${what}_apart_ms`].p95, 5, 'ms');
      }
      add(`${words}, windows outside the stated error`, c[`${what}_outside`], 0, '');
    }
    add('unattributed, p95', Math.max(c.unattributed_p95_ms, c.click_unattributed_p95_ms), 2, 'ms');
  }
  return bars;
}

function print(cases, bars) {
  table([['case', 'windows', 'glass seen', 'said − seen', '|…| p50/p95', 'stated ±', 'click seen', 'said − seen', '|…| p50/p95', 'stated ±', 'unattributed p95'],
    ...cases.map((c) => [c.name, c.windows, c.glass_seen_ms, c.glass_bias_ms, `${c.glass_apart_ms.p50}/${c.glass_apart_ms.p95}`, c.stated_error_ms.p50,
      c.click_seen_ms, c.click_bias_ms, `${c.click_apart_ms.p50}/${c.click_apart_ms.p95}`, c.click_stated_error_ms, `${round(c.unattributed_p95_ms)}/${round(c.click_unattributed_p95_ms)}`])]);
  printBars(bars);
}

function plot(cases) {
  return barPlot({ title: 'What is said of a delay, less what is seen of it', unit: 'ms', groups: cases.map((c) => ({ name: c.name, bars: [
    { label: 'glass-to-glass', ...c.glass_apart_ms, color: '#5aa9ff' }, { label: 'click-to-photon', ...c.click_apart_ms, color: '#ffb454' },
    { label: 'stated error', ...c.stated_error_ms, color: '#8d97a8' }] })) });
}

const cases = [];
for (const name of opts.cases.split(',')) {
  process.stderr.write(`${name}\n`);
  cases.push(await runCase(name));
}
const bars = barsOf(cases);
print(cases, bars);
if (opts.plot) writeFileSync(opts.plot, plot(cases));
write(opts.json, result('truth', cases, bars));
