// Glass to glass: from a picture drawn by the app to the player's screen, beside the floor: the same capture and encoder piped bare
// into a decoder. Both sides run in turns, in one browser, in one run. See docs/RESULTS.md for what the figures mean.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { Engine, ROOT, descendants, freePort, titlesFolder, until } from '../../tests/e2e/lib/engine.mjs';
import { RECT, sampleBarcode } from '../../tests/e2e/lib/barcode.mjs';
import { openBrowser, untilState, untilStats } from '../../tests/e2e/lib/browser.mjs';
import { bar, cpuSeconds, distribution, options, printBars, result, round, table, write } from '../report/report.mjs';
import { barPlot } from '../report/plot.mjs';
import { begin, end, install } from './page.mjs';
import { join, stretch } from './analyse.mjs';
import { press } from './press.mjs';

const MODES = {
  '720p60-low': { width: 1280, height: 720, motion: 'low', bitrate: 8_000_000 },
  '720p60-high': { width: 1280, height: 720, motion: 'high', bitrate: 8_000_000 },
  '1080p60-low': { width: 1920, height: 1080, motion: 'low', bitrate: 15_000_000 },
  '1080p60-high': { width: 1920, height: 1080, motion: 'high', bitrate: 15_000_000 },
};
/** Off the screen's 60 Hz by a little, so that each phase against its refresh comes up every six seconds. */
const APP_FPS = 59.83;
/** A stretch of one side before the other has its turn. */
const STRETCH_S = 10;
/** The rate rule, the caches and the decoder have settled by then. */
const SETTLE_MS = 2_000;

const opts = options('Usage: ./bench glass [options]', {
  title: { default: 'beacon', help: 'a title that draws the barcode' },
  seconds: { default: 60, help: 'seconds per case and side', parse: (t) => (Number(t) >= 2 ? Number(t) : undefined) },
  cases: { default: Object.keys(MODES).join(','), help: 'which, by comma', parse: (t) => (t.split(',').every((c) => MODES[c]) ? t : undefined) },
  fps: { default: APP_FPS, help: 'rate the app draws at', parse: Number },
  json: { default: undefined, help: 'file to write the result to' },
  plot: { default: undefined, help: 'file to draw the result to (SVG)' },
});

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Our side of a case: an engine with one session, whose player comes and goes. */
class Ours {
  static async open(mode, browser) {
    const side = new Ours();
    side.titles = titlesFolder({ [opts.title]: { from: opts.title, edit: (toml) => toml
      .replace(/^width = .*$/m, `width = ${mode.width}`).replace(/^height = .*$/m, `height = ${mode.height}`)
      .replace(/^env = .*$/m, `env = { BEACON_FPS = "${opts.fps}", BEACON_MOTION = "${mode.motion}" }`) } });
    side.engine = await Engine.start({ titles: side.titles, args: ['--bitrate-max', String(mode.bitrate), '--slots', '1'] });
    side.context = await browser.newContext({ viewport: { width: mode.width, height: mode.height } });
    side.page = await side.context.newPage();
    await side.page.goto(`${side.engine.url}play/${opts.title}?autostart=1`);
    await untilState(side.page, 'playing');
    side.firstPicture = [];
    return side;
  }

  /** A stretch of play. Coming back to the waiting session gives a first-picture figure each time. */
  async run(seconds) {
    if (this.away) this.firstPicture.push(await this.comeBack());
    // As a text: the page's policy forbids it to make code itself.
    await this.page.evaluate(`globalThis.sampleBarcode = ${sampleBarcode}`);
    await this.page.evaluate(install, { rect: RECT });
    await wait(SETTLE_MS);
    const before = this.cpu();
    await this.page.evaluate(begin);
    const [encoder] = await Promise.all([this.encoderCores(seconds), press(this.page, seconds)]);
    const samples = await this.page.evaluate(end);
    const after = this.cpu();
    this.stats = await this.page.evaluate(() => firstlight.stats());
    await this.page.evaluate(() => firstlight.leave());
    await this.page.goto('about:blank');
    this.away = true;
    const session = (await this.engine.operator('/v1/sessions')).sessions[0].session;
    await until(async () => (await this.engine.operator(`/v1/sessions/${session}`)).state === 'waiting', 'the session to wait');
    const cores = (key) => (after[key] - before[key]) / samples.seconds;
    const cpu = { engine: cores('engine') - encoder, encoder, app: cores('app'), browser: cores('browser') };
    return { ...stretch(samples), cpu };
  }

  /** From the click on "play" to the first decoded picture of the session that waited, in ms. */
  async comeBack() {
    await this.page.goto(`${this.engine.url}play/${opts.title}`);
    await this.page.waitForFunction(() => globalThis.firstlight);
    await this.page.evaluate((rect) => {
      globalThis.first = new Promise((resolve) => {
        let clicked;
        addEventListener('click', (event) => { clicked ??= performance.timeOrigin + event.timeStamp; }, true);
        const stop = firstlight.observe(rect, ({ decodedAt }) => { stop(); resolve(decodedAt - clicked); });
      });
    }, RECT);
    await this.page.locator('[data-part="start"]').click();
    return this.page.evaluate(() => globalThis.first);
  }

  /** CPU seconds so far, by whom; the engine with its encoder. */
  cpu() {
    const family = this.engine.processes();
    const isEngine = ({ command }) => /firstlight\S* (up|worker)/.test(command);
    return {
      engine: cpuSeconds(family.filter(isEngine).map(({ pid }) => pid)),
      app: cpuSeconds(family.filter((p) => !isEngine(p)).map(({ pid }) => pid)),
      browser: browserSeconds(),
    };
  }

  /** Cores that the encoder uses, as the worker tells it once a second: time inside x264 and in its threads. */
  async encoderCores(seconds) {
    const { session } = (await this.engine.operator('/v1/sessions')).sessions.find(({ state }) => state === 'attached');
    const told = [];
    for (const until_ = Date.now() + seconds * 1000; Date.now() < until_;) {
      await wait(1000);
      told.push((await this.engine.operator(`/v1/sessions/${session}`)).stats.cpu_encoder_us / 1e6);
    }
    return told.reduce((a, b) => a + b, 0) / told.length;
  }

  async close() {
    await this.context.close();
    await this.engine.stop();
    rmSync(this.titles, { recursive: true, force: true });
  }
}

/** The floor: one process, one page, no control. */
class Floor {
  static async open(mode, browser) {
    const side = new Floor();
    Object.assign(side, { mode, browser });
    side.titles = titlesFolder({ [opts.title]: { from: opts.title, edit: (toml) => toml
      .replace(/^width = .*$/m, `width = ${mode.width}`).replace(/^height = .*$/m, `height = ${mode.height}`)
      .replace(/^env = .*$/m, `env = { BEACON_FPS = "${opts.fps}", BEACON_MOTION = "${mode.motion}" }`) } });
    return side;
  }

  async run(seconds) {
    const port = await freePort();
    const runDir = mkdtempSync(path(tmpdir(), 'firstlight-floor-'));
    const binary = path(process.env.CARGO_TARGET_DIR ?? path(ROOT, 'target'), 'release/floor');
    const child = spawn(binary, ['--title', path(this.titles, opts.title), '--port', String(port), '--bitrate', String(this.mode.bitrate), '--run-dir', runDir],
      { stdio: ['ignore', 'pipe', 'inherit'] });
    const context = await this.browser.newContext({ viewport: { width: this.mode.width, height: this.mode.height } });
    try {
      const page = await context.newPage();
      await until(async () => fetch(`http://127.0.0.1:${port}/`).then((r) => r.ok, () => false), 'the floor to listen');
      await page.goto(`http://127.0.0.1:${port}/`);
      await page.waitForFunction(() => globalThis.floor?.decoded > 10, undefined, { timeout: 20_000 });
      await page.evaluate(`globalThis.sampleBarcode = ${sampleBarcode}; globalThis.install = ${install}`);
      await page.evaluate((rect) => globalThis.install({ rect, observe: (r, fn) => globalThis.floor.observe(r, fn) }), RECT);
      await wait(SETTLE_MS);
      const before = this.cpu(child.pid);
      await page.evaluate(begin);
      // Nobody hears the keys here, but pressing them costs the browser as much as it does on our side.
      await press(page, seconds);
      const samples = await page.evaluate(end);
      const after = this.cpu(child.pid);
      const parts = await page.evaluate(() => globalThis.floor.parts());
      const cpu = Object.fromEntries(Object.keys(after).map((key) => [key, (after[key] - before[key]) / samples.seconds]));
      return { ...stretch(samples), parts, cpu };
    } finally {
      await context.close();
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
      rmSync(runDir, { recursive: true, force: true });
    }
  }

  /** CPU seconds so far: capture and encoder are one process. */
  cpu(pid) {
    const family = descendants(pid);
    return {
      encoder: cpuSeconds([pid]),
      app: cpuSeconds(family.filter((p) => p.pid !== pid).map((p) => p.pid)),
      browser: browserSeconds(),
    };
  }

  async close() { rmSync(this.titles, { recursive: true, force: true }); }
}

const browserSeconds = () => cpuSeconds(descendants(process.pid).filter(({ command }) => /chrom/.test(command)).map(({ pid }) => pid));

async function runCase(name, browser) {
  const mode = MODES[name];
  const rounds = Math.max(1, Math.round(opts.seconds / STRETCH_S));
  const each = opts.seconds / rounds;
  const ours = await Ours.open(mode, browser);
  const floor = await Floor.open(mode, browser);
  const [mine, bare] = [[], []];
  try {
    for (let round_ = 0; round_ < rounds; round_++) {
      process.stderr.write(`${name}: round ${round_ + 1} of ${rounds}\r`);
      // Who goes first changes each round.
      for (const side of round_ % 2 ? [floor, ours] : [ours, floor]) (side === ours ? mine : bare).push(await side.run(each));
    }
    return summary(name, mine, bare, ours);
  } finally {
    await floor.close();
    await ours.close();
    process.stderr.write('\n');
  }
}

function summary(name, mine, bare, ours) {
  const [a, b] = [join(mine), join(bare)];
  const mean = (side, key) => round(side.reduce((total, { cpu }) => total + cpu[key], 0) / side.length);
  const parts = (key) => distribution(bare.flatMap(({ parts }) => parts[key]));
  return {
    name, ...MODES[name], app_fps: opts.fps, seconds: a.seconds,
    decoded_ms: a.decoded_ms, presented_ms: a.presented_ms, floor_decoded_ms: b.decoded_ms, floor_presented_ms: b.presented_ms,
    floor_encode_ms: parts('encode'), floor_decode_ms: parts('decode'), floor_encode_plus_decode_ms: parts('sum'),
    decoded_ratio: { p50: round(a.decoded_ms.p50 / b.decoded_ms.p50), p95: round(a.decoded_ms.p95 / b.decoded_ms.p95) },
    click_to_photon_ms: a.click_to_photon_ms, first_picture_ms: distribution(ours.firstPicture),
    decoded_fps: a.decoded_fps, presented_fps: a.presented_fps, floor_decoded_fps: b.decoded_fps,
    frozen_over_100ms_s: a.frozen_over_100ms_s, floor_frozen_over_100ms_s: b.frozen_over_100ms_s, damaged_frames: a.damaged_frames,
    coded_smaller: a.coded_smaller,
    cpu_cores: Object.fromEntries(['engine', 'encoder', 'app', 'browser'].map((key) => [key, mean(mine, key)])),
    floor_cpu_cores: Object.fromEntries(['encoder', 'app', 'browser'].map((key) => [key, mean(bare, key)])),
    stages_ms: ours.stats.stages_ms, bitrate_bps: ours.stats.bitrate_bps,
  };
}

function barsOf(cases) {
  const of = (name) => cases.find((c) => c.name === name);
  const [low, high] = [of('720p60-low'), of('720p60-high')];
  const bars = [];
  for (const c of [low, high].filter(Boolean)) {
    bars.push(bar(`${c.name} decoded_ms against the floor, p50`, c.decoded_ratio.p50, 1.15, 'ratio'),
      bar(`${c.name} decoded_ms against the floor, p95`, c.decoded_ratio.p95, 1.3, 'ratio'),
      bar(`${c.name} frozen over 100 ms`, c.frozen_over_100ms_s, 0, 's'),
      bar(`${c.name} engine CPU without encoder`, c.cpu_cores.engine, 0.15, 'cores'),
      bar(`${c.name} floor over its encode plus decode, p50`, c.floor_decoded_ms.p50 - c.floor_encode_plus_decode_ms.p50, 1, 'ms'));
  }
  if (low) {
    bars.push(bar('720p60-low decoded_fps', low.decoded_fps, 59, 'fps', { atLeast: true }),
      bar('first_picture_ms p50', low.first_picture_ms.p50, 300, 'ms'),
      bar('presented_ms p50 (outside: 32)', low.presented_ms.p50, 32, 'ms'), bar('presented_ms p95 (outside: 39)', low.presented_ms.p95, 39, 'ms'),
      bar('click_to_photon_ms p50 (outside: 43)', low.click_to_photon_ms.p50, 43, 'ms'),
      bar('click_to_photon_ms p95 (outside: 56)', low.click_to_photon_ms.p95, 56, 'ms'));
  }
  return bars;
}

function print(cases, bars) {
  const two = (d) => `${d.p50 ?? '-'} / ${d.p95 ?? '-'}`;
  table([['p50 / p95, ms', 'decoded', 'floor', 'presented', 'floor', 'click→photon', 'first', 'fps dec/pres', 'frozen s', 'cpu eng/enc/app/browser'],
    ...cases.map((c) => [c.name, two(c.decoded_ms), two(c.floor_decoded_ms), two(c.presented_ms), two(c.floor_presented_ms), two(c.click_to_photon_ms),
      c.first_picture_ms.p50 ?? '-', `${c.decoded_fps}/${c.presented_fps}`, c.frozen_over_100ms_s, Object.values(c.cpu_cores).join('/')])]);
  printBars(bars);
}

function plot(cases) {
  const [mine, bare] = ['#5aa9ff', '#8d97a8'];
  return barPlot({ title: 'Drawn to decoded, drawn to presented, click to photon', unit: 'ms', groups: cases.map((c) => ({ name: c.name, bars: [
    { label: 'decoded', ...c.decoded_ms, color: mine }, { label: 'floor decoded', ...c.floor_decoded_ms, color: bare },
    { label: 'presented', ...c.presented_ms, color: mine }, { label: 'floor presented', ...c.floor_presented_ms, color: bare },
    { label: 'click to photon', ...c.click_to_photon_ms, color: '#ffb454' }] })) });
}

if (!existsSync(path(ROOT, 'titles', opts.title))) { console.error(`error: no title ${opts.title}`); process.exit(2); }
const browser = await openBrowser();
const cases = [];
try {
  for (const name of opts.cases.split(',')) cases.push(await runCase(name, browser));
} finally {
  await browser.close();
}
const bars = barsOf(cases);
print(cases, bars);
write(opts.json, result('glass', cases, bars));
if (opts.plot) writeFileSync(opts.plot, plot(cases));
