// What the line does not carry is coded smaller, and as drawn again when it does: shown as large as ever, and hit where it is clicked.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { Engine, titlesFolder, until } from '../lib/engine.mjs';
import { Emulator } from '../lib/emulator.mjs';
import { RECT, decodeBarcode, sampleBarcode } from '../lib/barcode.mjs';
import { assertHits } from '../lib/cross.mjs';
import { openBrowser, play, untilStats } from '../lib/browser.mjs';

const DRAWN = { width: 1280, height: 720 };
let engine, browser, emulator, titles;
before(async () => {
  titles = titlesFolder({ lively: { from: 'beacon', edit: (toml) => toml.replace(/^env = .*$/m, 'env = { BEACON_FPS = "60", BEACON_MOTION = "low" }') } });
  engine = await Engine.start({ titles });
  emulator = Emulator.start();
  browser = await openBrowser({ args: await emulator.browserArgs(engine) });
});
after(async () => { await browser?.close(); await emulator?.stop(); await engine?.stop(); rmSync(titles, { recursive: true, force: true }); });

test('a line of 350 kbit/s gets a smaller picture, a faster one the whole, in the same place', async () => {
  await emulator.set({ delay_ms: 10, rate: 20e6 });
  const page = await play(browser, engine, 'lively');
  await page.evaluate(`globalThis.sampleBarcode = ${sampleBarcode}`);
  await page.evaluate((rect) => {
    globalThis.sizes = [];
    globalThis.seen = [];
    firstlight.on('size', (size) => sizes.push(size));
    firstlight.observe(rect, ({ luma }) => { seen.push(sampleBarcode(luma)); seen.splice(0, seen.length - 600); });
  }, RECT);
  await untilStats(page, (s) => s.frames.decoded > 10, 'a running picture');
  const box = () => page.locator('[data-part="stage"] video').boundingBox();
  const shown = await box();
  await assertHits(page, shown, DRAWN, 'over a fast line');

  await emulator.set({ delay_ms: 10, rate: 3.5e5 });
  const small = await untilStats(page, (s) => s.width > 0 && s.width < 1280, 'a smaller picture', 60_000);
  assert.equal(Math.round((small.width * 720) / small.height), 1280, 'of the same shape');
  const idrs = small.frames.idr;
  await untilStats(page, (s) => s.frames.decoded > small.frames.decoded + 100, 'a hundred more pictures');
  assert.deepEqual(await box(), shown, 'shown in the same place');
  await assertHits(page, shown, DRAWN, 'smaller', 5);
  const stats = await page.evaluate(() => firstlight.stats());
  assert.ok(stats.width < 1280, 'still smaller');
  // A swing or two while the rate is found; no more.
  assert.ok(stats.frames.idr - idrs <= 4, `${stats.frames.idr - idrs} IDRs more`);

  await emulator.set({ delay_ms: 10, rate: 20e6 });
  await untilStats(page, (s) => s.width === 1280, 'the picture as drawn', 90_000);
  await assertHits(page, shown, DRAWN, 'as drawn again');
  assert.deepEqual(await page.evaluate(() => globalThis.sizes.filter(({ width, height }) => width !== 1280 || height !== 720)), [],
    'the page is told of no other size than the drawn one');
  const codes = (await page.evaluate(() => globalThis.seen)).map(decodeBarcode).filter((code) => code !== null);
  const frames = codes.map((code) => code.frame);
  assert.deepEqual(frames, [...frames].sort((a, b) => a - b), 'in order');
  await page.context().close();
});
