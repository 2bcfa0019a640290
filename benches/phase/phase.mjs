// Phase lock: the same title, drawn by its display's frame clock, with that clock free and with it steered by the player's screen. Both sides
// run in turns, in one browser, in one run. See docs/RESULTS.md for what the figures mean.
import { rmSync, writeFileSync } from 'node:fs';
import { Engine, titlesFolder, until } from '../../tests/e2e/lib/engine.mjs';
import { RECT, decodeBarcode, sampleBarcode } from '../../tests/e2e/lib/barcode.mjs';
import { openBrowser, untilState } from '../../tests/e2e/lib/browser.mjs';
import { bar, distribution, options, printBars, result, round, table, write } from '../report/report.mjs';
import { barPlot } from '../report/plot.mjs';
import { join, stretch } from '../glass/analyse.mjs';
import { begin, end, install } from '../glass/page.mjs';
import { press } from '../glass/press.mjs';

const SIDES = { free: 'false', locked: 'true' };
/** A stretch of one side before the other has its turn. */
const STRETCH_S = 15;
/** The rate rule and the caches have settled by then, and so has a clock that can be steered: a report, half a period of turning, another report. */
const SETTLE_MS = 6_000;

const opts = options('Usage: ./bench phase [options]', {
  seconds: { default: 60, help: 'seconds per side', parse: (t) => (Number(t) >= 5 ? Number(t) : undefined) },
  width: { default: 1280, help: 'of the picture', parse: Number },
  height: { default: 720, help: 'of the picture', parse: Number },
  motion: { default: 'low', help: 'low or high', parse: (t) => (['low', 'high'].includes(t) ? t : undefined) },
  json: { default: undefined, help: 'file to write the result to' },
  plot: { default: undefined, help: 'file to draw the result to (SVG)' },
});

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A session whose player comes and goes. */
class Side {
  static async open(name, engine, browser) {
    const side = new Side();
    Object.assign(side, { name, engine, stretches: [], clocks: [] });
    side.context = await browser.newContext({ viewport: { width: opts.width, height: opts.height } });
    side.page = await side.context.newPage();
    return side;
  }

  async run(seconds) {
    const { page, name } = this;
    await page.goto(`${this.engine.url}play/${name}?autostart=1`);
    await untilState(page, 'playing');
    // As a text: the page's policy forbids it to make code itself.
    await page.evaluate(`globalThis.sampleBarcode = ${sampleBarcode}`);
    await page.evaluate(install, { rect: RECT });
    await wait(SETTLE_MS);
    await page.evaluate(begin);
    await press(page, seconds);
    const samples = await page.evaluate(end);
    const { frame_clock, stages_ms } = await page.evaluate(() => firstlight.stats());
    this.stretches.push({ ...stretch(samples), waits: waits(samples) });
    this.clocks.push({ state: frame_clock.state, refresh_hz: round(frame_clock.refresh_hz), wait_ms: frame_clock.wait_ms, present_ms: stages_ms.present });
    await page.evaluate(() => firstlight.leave());
    await page.goto('about:blank');
    await until(async () => (await this.engine.operator('/v1/sessions')).sessions.every(({ state }) => state !== 'attached'), 'the session to wait');
  }

  figures() {
    const all = join(this.stretches);
    const waits = this.stretches.flatMap((s) => s.waits);
    return {
      name: this.name, width: opts.width, height: opts.height, motion: opts.motion, seconds: all.seconds,
      decoded_ms: all.decoded_ms, presented_ms: all.presented_ms, wait_ms: distribution(waits), wait_ms_buckets: buckets(waits),
      click_to_photon_ms: all.click_to_photon_ms, decoded_fps: all.decoded_fps, presented_fps: all.presented_fps,
      frozen_over_100ms_s: all.frozen_over_100ms_s, damaged_frames: all.damaged_frames, frame_clock: this.clocks,
    };
  }
}

/** From decoded to presented, of each picture that was. */
function waits({ decoded, presented }) {
  const out = new Map();
  for (const { at, bits } of decoded) {
    const code = decodeBarcode(bits);
    if (code && !out.has(code.frame)) out.set(code.frame, at);
  }
  const seen = new Set();
  return presented.flatMap(({ at, bits }) => {
    const code = decodeBarcode(bits);
    if (!code || seen.has(code.frame) || !out.has(code.frame)) return [];
    seen.add(code.frame);
    return [at - out.get(code.frame)];
  });
}

/** How many waited so many whole milliseconds. */
function buckets(waits) {
  const counts = {};
  for (const ms of waits.map(Math.floor).sort((a, b) => a - b)) counts[ms] = (counts[ms] ?? 0) + 1;
  return counts;
}

const edit = (phaseLock) => (toml) => toml
  .replace(/^width = .*$/m, `kind = "wayland"\nphase_lock = ${phaseLock}\nwidth = ${opts.width}`).replace(/^height = .*$/m, `height = ${opts.height}`)
  .replace(/^env = .*$/m, `env = { BEACON_CLOCK = "display", BEACON_MOTION = "${opts.motion}" }`);
const titles = titlesFolder(Object.fromEntries(Object.entries(SIDES).map(([name, lock]) => [name, { from: 'beacon', edit: edit(lock) }])));
const engine = await Engine.start({ titles, args: ['--bitrate-max', '8000000', '--slots', '2'] });
const browser = await openBrowser();
let cases;
try {
  const sides = [];
  for (const name of Object.keys(SIDES)) sides.push(await Side.open(name, engine, browser));
  const rounds = Math.max(1, Math.round(opts.seconds / STRETCH_S));
  for (let round_ = 0; round_ < rounds; round_++) {
    process.stderr.write(`round ${round_ + 1} of ${rounds}\r`);
    // Who goes first changes each round.
    for (const side of round_ % 2 ? [...sides].reverse() : sides) await side.run(opts.seconds / rounds);
  }
  process.stderr.write('\n');
  cases = sides.map((side) => side.figures());
} finally {
  await browser.close();
  await engine.stop();
  rmSync(titles, { recursive: true, force: true });
}

const [free, locked] = cases;
const bars = [
  bar('presented_ms p50, free less locked', free.presented_ms.p50 - locked.presented_ms.p50, 5, 'ms', { atLeast: true }),
  bar('locked: presented_fps', locked.presented_fps, 59, 'fps', { atLeast: true }),
  bar('locked: frozen over 100 ms', locked.frozen_over_100ms_s, 0, 's'),
];
const two = (d) => `${d.p50 ?? '-'} / ${d.p95 ?? '-'}`;
table([['p50 / p95, ms', 'decoded', 'presented', 'waited', 'click→photon', 'fps dec/pres', 'frozen s', 'frame clock'],
  ...cases.map((c) => [c.name, two(c.decoded_ms), two(c.presented_ms), two(c.wait_ms), two(c.click_to_photon_ms), `${c.decoded_fps}/${c.presented_fps}`,
    c.frozen_over_100ms_s, [...new Set(c.frame_clock.map(({ state }) => state))].join(', ')])]);
for (const c of cases) console.log(`${c.name}: pictures by whole ms waited: ${Object.entries(c.wait_ms_buckets).map(([ms, n]) => `${ms}: ${n}`).join(', ')}`);
printBars(bars);
write(opts.json, result('phase', cases, bars));
if (opts.plot) {
  const bars_ = (key) => cases.map((c) => ({ label: c.name, p50: c[key].p50, p95: c[key].p95, color: c.name === 'locked' ? '#5aa9ff' : '#8a8f98' }));
  const groups = [['drawn to decoded', 'decoded_ms'], ['decoded to presented', 'wait_ms'], ['drawn to presented', 'presented_ms'], ['click to photon', 'click_to_photon_ms']]
    .map(([name, key]) => ({ name, bars: bars_(key) }));
  writeFileSync(opts.plot, barPlot({ title: 'Phase lock', unit: 'ms', groups }));
}
