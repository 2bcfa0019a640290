// NVENC, by its double: taken where it is, left for software with one IDR when the card goes, and shared as far as it reaches.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { Engine, titlesFolder, until } from '../lib/engine.mjs';
import { Nvenc } from '../lib/nvenc.mjs';
import { RECT, decodeBarcode, sampleBarcode } from '../lib/barcode.mjs';
import { openBrowser, play, untilStats } from '../lib/browser.mjs';

let browser, titles;
before(async () => {
  // The double encodes by the processor, in the time that a card is given only where nobody else wants that: half as many pictures have twice as much.
  titles = titlesFolder({ lively: { from: 'beacon', edit: (toml) => toml
    .replace(/^fps = .*$/m, 'fps = 30').replace(/^env = .*$/m, 'env = { BEACON_FPS = "30", BEACON_MOTION = "low" }') } });
  browser = await openBrowser();
});
after(async () => { await browser?.close(); rmSync(titles, { recursive: true, force: true }); });

/** An engine on a machine with this card; both are gone at the end. */
async function withCard(control, body) {
  const nvenc = new Nvenc(control);
  const engine = await Engine.start({ titles, env: nvenc.env });
  try {
    // Sessions that begin before it is measured take software.
    await until(() => engine.lines.some((line) => line.startsWith('Encodes by')), 'the encoders to be measured', 60_000);
    await body(engine, nvenc);
  } finally {
    await engine.stop();
    const { broken } = nvenc;
    nvenc.forget();
    assert.deepEqual(broken, [], 'no rule of the driver is broken');
  }
}

/** Collects the numbers of the app's pictures as they are decoded. */
async function watch(page) {
  await page.evaluate(`globalThis.sampleBarcode = ${sampleBarcode}`);
  await page.evaluate((rect) => {
    globalThis.seen = [];
    firstlight.observe(rect, ({ luma }) => { seen.push(sampleBarcode(luma)); });
  }, RECT);
}

/** Numbers since the last call, of all pictures whose barcode can be read. */
async function numbers(page) {
  const seen = await page.evaluate(() => globalThis.seen.splice(0));
  return seen.map(decodeBarcode).filter((code) => code !== null).map((code) => code.frame);
}

const workers = (engine) => engine.processes().filter(({ command }) => / worker\b/.test(command)).map(({ pid }) => pid);

test('a title plays through NVENC, and its pictures move', async () => {
  await withCard('', async (engine, nvenc) => {
    const page = await play(browser, engine, 'lively');
    await watch(page);
    await untilStats(page, (s) => s.frames.decoded > 100 && s.encoder === 'NVENC', 'a hundred pictures by NVENC');
    const stats = await page.evaluate(() => firstlight.stats());
    assert.deepEqual([stats.width, stats.height], [1280, 720]);
    const read = await numbers(page);
    assert.ok(read.length > 20 && read.at(-1) > read[0] + 20, `the app's pictures: ${read}`);
    assert.deepEqual(read, [...read].sort((a, b) => a - b), 'in order');
    assert.ok(nvenc.pictures >= 100, `${nvenc.pictures} pictures came from the card`);
    await page.context().close();
  });
});

test('a card that is lost in mid-session costs an IDR, and no restart', async () => {
  await withCard('', async (engine, nvenc) => {
    const page = await play(browser, engine, 'lively');
    await untilStats(page, (s) => s.frames.decoded > 60, 'sixty pictures');
    await watch(page);
    const [before, pids] = [await page.evaluate(() => firstlight.stats()), workers(engine)];
    assert.ok(nvenc.pictures > 30, 'from the card');
    nvenc.control('lost = yes');
    const { pictures } = nvenc;
    const after = await untilStats(page, (s) => s.frames.decoded > before.frames.decoded + 120, 'four seconds more of pictures');
    assert.ok(nvenc.pictures <= pictures + 1, 'none of them from the card');
    assert.equal(await page.evaluate(() => firstlight.state), 'playing');
    await untilStats(page, (s) => s.encoder === 'libx264', 'libx264 to encode');
    assert.deepEqual(workers(engine), pids, 'by the same worker');
    assert.ok(after.frames.idr - before.frames.idr <= 2, `${after.frames.idr - before.frames.idr} IDRs more`);
    const read = await numbers(page);
    assert.ok(read.length > 60 && read.at(-1) > read[0] + 60, `the app's pictures go on: ${read}`);
    await page.context().close();
  });
});

test('of two sessions on a card that takes one, the second is encoded in software', async () => {
  await withCard('sessions = 1', async (engine, nvenc) => {
    const first = await play(browser, engine, 'lively');
    await until(() => nvenc.pictures > 20, 'pictures from the card');
    await untilStats(first, (s) => s.encoder === 'NVENC', 'the card to encode');
    const second = await play(browser, engine, 'lively');
    await untilStats(second, (s) => s.frames.decoded > 60 && s.encoder === 'libx264', 'sixty pictures by libx264');
    const { pictures } = nvenc;
    await until(() => nvenc.pictures > pictures + 10, 'the first to go on by the card');
    await Promise.all([first.context().close(), second.context().close()]);
  });
});
