#!/usr/bin/env node
// A checker that plays: real Chromium, the ordinary page, the ordinary API. It comes at random times, plays a title by a script like anybody,
// and says what it got, signed, on a way that the host is not on. docs/guides/checker.md says how to run it.
import { createHash, createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { RECT, decodeBarcode, sampleBarcode } from '../tests/e2e/lib/barcode.mjs';
import { openBrowser, untilState } from '../tests/e2e/lib/browser.mjs';
import { options } from '../benches/report/report.mjs';

const number = (least) => (text) => (Number(text) >= least ? Number(text) : undefined);
const opts = options('Usage: scripts/canary.mjs --gateway URL --key FILE [options]', {
  gateway: { default: undefined, help: 'the page to play at, http://HOST:PORT/' },
  key: { default: undefined, help: 'file of its own secret key; it is made where there is none' },
  titles: { default: 'beacon', help: 'what it plays, by comma' },
  busy: { default: 'beacon', help: 'those of them that draw at their full rate all the time' },
  'line-mbit': { default: 20, help: 'what its line surely carries', parse: number(0.1) },
  'region-rtt-ms': { default: 0, help: 'how far the region that it checks is from here; 0: not looked at', parse: number(0) },
  'mean-s': { default: 3_600, help: 'seconds from one game to the next, on average; they come at random', parse: number(1) },
  'play-s': { default: 60, help: 'seconds of a game at least; some are twice as long', parse: number(5) },
  games: { default: 0, help: 'how many; 0: until it is stopped', parse: number(0) },
});
for (const needed of ['gateway', 'key']) if (opts[needed] === undefined) { console.error(`error: --${needed} is needed (see --help)`); process.exit(2); }

/** A host does not judge a decoder before. */
const DECODER_WARMS_UP_MS = 3_000;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** An Ed25519 key in the form of the engine's own: 64 hexadecimal digits. */
function openKey(file) {
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600 });
  const seed = Buffer.from(readFileSync(file, 'utf8').trim(), 'hex');
  if (seed.length !== 32) { console.error(`error: ${file} holds no key of 64 hexadecimal digits`); process.exit(2); }
  const secret = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]), format: 'der', type: 'pkcs8' });
  const known = Buffer.from(createPublicKey(secret).export({ format: 'jwk' }).x, 'base64url');
  return { secret, known };
}

/** What the figures of a testimony are, in the order in which they are signed (docs/QOE.md, section 5). */
const SEEN = ['seconds', 'units', 'bytes'];
const SERVICE = ['drawn', 'encoded', 'sent_bps', 'allowed_bps', 'rtt_us', 'region_rtt_us', 'fresh', 'asked_fresh', 'drawn_pixels', 'pixels'];

function signed(key, session, seen, service) {
  const figures = [...SEEN.map((name) => seen[name]), ...SERVICE.map((name) => service[name])];
  const bytes = Buffer.alloc(8 * figures.length);
  figures.forEach((figure, at) => bytes.writeBigUInt64BE(BigInt(figure), 8 * at));
  const of = createHash('sha256').update('firstlight session\0').update(session).digest();
  return sign(null, Buffer.concat([Buffer.from('firstlight testimony 1\0'), of, Buffer.from([1]), key.known, bytes]), key.secret).toString('base64url');
}

const between = (least, most) => least + Math.random() * (most - least);
const KEYS = ['KeyW', 'KeyA', 'KeyS', 'KeyD', 'KeyX', 'ArrowUp', 'ArrowLeft', 'ArrowDown', 'ArrowRight'];

/** How somebody plays: which keys, how fast, how much by the mouse. No two games are by the same. */
function habit() {
  const keys = KEYS.filter(() => Math.random() < 0.5);
  const [gap, hold, mouse] = [between(350, 1_100), between(40, 140), Math.random()];
  return {
    seconds: opts['play-s'] * between(1, 2),
    key: () => keys[Math.floor(Math.random() * keys.length)] ?? 'KeyX',
    /** Log-normal, as people's are; never so short that the picture has no time to show it. */
    gapMs: () => Math.min(Math.max(gap * Math.exp(0.5 * normal()), 300), 4_000),
    holdMs: () => hold * Math.exp(0.4 * normal()),
    moves: () => Math.random() < mouse,
    steps: () => Math.round(between(2, 12)),
  };
}
const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());

/** The product's figures as soon as they are new, and when that was. */
async function figures(page) {
  const read = () => page.evaluate(() => firstlight.stats());
  const old = (await read()).frames.received;
  for (const until = Date.now() + 1_000; ;) {
    const stats = await read();
    if (stats.frames.received !== old || Date.now() > until) return { ...stats, at: Date.now() };
    await wait(10);
  }
}

/** Why nobody can be blamed for what these figures show; null: this machine and its line were as they should be. */
function abstains(seconds, display) {
  const warm = seconds.filter(({ at }) => at - seconds[0].at >= DECODER_WARMS_UP_MS);
  // A host relieves a decoder that is three pictures behind, as it should.
  if (warm.some(({ stages_ms }) => stages_ms.decode.p95 > (3 * 1000) / display.fps)) return 'this machine decodes too slowly';
  if (seconds.some(({ state }) => state !== 'playing')) return 'the connection was lost';
  // What a browser's own receiver has lost it does not count by picture.
  if (seconds.some(({ transport }) => transport === 'webrtc')) return 'it came over WebRTC';
  return null;
}

/** Plays for a while; what was seen of each second, and how many presses the picture should have shown, and has. */
async function playOn(page, display) {
  // As a text: the page's policy forbids it to make code itself.
  await page.evaluate(`globalThis.sampleBarcode = ${sampleBarcode}`);
  await page.evaluate((rect) => {
    globalThis.newest = { bits: null, seen: 0 };
    firstlight.observe(rect, ({ luma }) => { globalThis.newest = { bits: globalThis.sampleBarcode(luma), seen: globalThis.newest.seen + 1 }; });
  }, RECT);
  const look = async () => { const { bits, seen } = await page.evaluate(() => globalThis.newest); return { inputs: bits && decodeBarcode(bits)?.inputs, seen }; };
  const player = habit();
  const seconds = [await figures(page)];
  const presses = { asked: 0, shown: 0 };
  while (Date.now() - seconds[0].at < player.seconds * 1000) {
    if (player.moves()) await page.mouse.move(Math.random() * display.width, Math.random() * display.height, { steps: player.steps() });
    const before = await look();
    await page.keyboard.press(player.key(), { delay: player.holdMs() });
    await wait(player.gapMs());
    const after = await look();
    // Only a title that draws what it was told shows it, and only in a picture that has come since.
    if (Number.isInteger(before.inputs) && Number.isInteger(after.inputs) && after.seen > before.seen) { presses.asked++; if (after.inputs !== before.inputs) presses.shown++; }
    seconds.push(await figures(page));
  }
  return { seconds, presses };
}

/** Plays, and returns what was seen, or why it says nothing. */
async function play(browser, title, display) {
  const context = await browser.newContext({ viewport: { width: display.width, height: display.height } });
  try {
    const page = await context.newPage();
    // An honest host has a player for no longer than from here to the end, and sends no more than arrives in all that time.
    const opened = Date.now();
    await page.goto(`${opts.gateway}play/${title}?autostart=1`);
    await untilState(page, 'playing', 60_000);
    const session = await page.evaluate(() => firstlight.session);
    const { seconds, presses } = await playOn(page, display);
    await page.evaluate(() => firstlight.end());
    const ended = Date.now();
    const lasted = Math.ceil((ended - opened) / 1000);
    const abstained = abstains(seconds, display);
    if (abstained !== null) return { session, abstained };
    const [first, last] = [seconds[0], seconds.at(-1)];
    const all = ({ frames }) => frames.received + frames.lost;
    const bps = Math.round(median(seconds.map(({ bitrate_bps }) => bitrate_bps)));
    // What was on its way at the end is its host's, too.
    const tail = Math.ceil((display.fps * (ended - last.at)) / 1000);
    const busy = opts.busy.split(',').includes(title);
    // The second half: a size is found in the first.
    const pixels = median(seconds.slice(seconds.length >> 1).map(({ width, height }) => width * height));
    return { session, seen: { seconds: lasted, units: all(last) + tail, bytes: Math.round((bps / 8) * lasted) }, service: {
      drawn: busy ? Math.round((display.fps * (last.at - first.at)) / 1000) : 0, encoded: busy ? all(last) - all(first) : 0,
      sent_bps: bps, allowed_bps: Math.round(opts['line-mbit'] * 1e6),
      rtt_us: Math.round(1000 * Math.min(...seconds.map(({ rtt_ms }) => rtt_ms))), region_rtt_us: Math.round(1000 * opts['region-rtt-ms']),
      fresh: presses.shown, asked_fresh: presses.asked, drawn_pixels: display.width * display.height, pixels } };
  } finally {
    await context.close();
  }
}

async function game(key) {
  const { titles } = await (await fetch(new URL('v1/titles', opts.gateway))).json();
  const wanted = titles.filter(({ id }) => opts.titles.split(',').includes(id));
  const { id, display } = wanted[Math.floor(Math.random() * wanted.length)] ?? {};
  if (id === undefined) throw new Error(`none of ${opts.titles} is played at ${opts.gateway}`);
  const browser = await openBrowser();
  try {
    const found = await play(browser, id, display);
    const { session, seen, service, abstained } = found;
    if (abstained !== undefined) return console.log(JSON.stringify({ title: id, session, abstained }));
    const body = { session, checker: key.known.toString('hex'), seen, service, signed: signed(key, session, seen, service) };
    const answer = await fetch(new URL('v1/testimonies', opts.gateway), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`the testimony was not taken: ${answer.status} ${await answer.text()}`);
    console.log(JSON.stringify({ title: id, session, seen, service }));
  } finally {
    await browser.close();
  }
}

const key = openKey(opts.key);
console.error(`checker ${key.known.toString('hex')}; an operator lets it testify: POST /v1/checkers {"key":"…"}`);
for (let n = 0; opts.games === 0 || n < opts.games; n++) {
  // Exponential: nobody can be honest by the clock. The first of a given number comes at once.
  if (opts.games === 0 || n > 0) await wait(-Math.log(1 - Math.random()) * opts['mean-s'] * 1000);
  try {
    await game(key);
  } catch (error) {
    console.error(`a game came to nothing: ${error.message}`);
    if (opts.games > 0) process.exitCode = 1;
  }
}
