// What the line does not carry is coded smaller, and as drawn again when it does: shown as large as ever, and hit where it is clicked.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { Engine, titlesFolder } from '../lib/engine.mjs';
import { Emulator } from '../lib/emulator.mjs';
import { RECT, decodeBarcode, sampleBarcode } from '../lib/barcode.mjs';
import { openBrowser, play, untilStats } from '../lib/browser.mjs';

let engine, browser, emulator, titles;
before(async () => {
  titles = titlesFolder({ lively: { from: 'beacon', edit: (toml) => toml.replace(/^env = .*$/m, 'env = { BEACON_FPS = "60", BEACON_MOTION = "high" }') } });
  engine = await Engine.start({ titles });
  emulator = Emulator.start();
  browser = await openBrowser({ args: await emulator.browserArgs(engine) });
});
after(async () => { await browser?.close(); await emulator?.stop(); await engine?.stop(); rmSync(titles, { recursive: true, force: true }); });

test('a line of 400 kbit/s gets a smaller picture, a faster one the whole, in the same place', async () => {
  await emulator.set({ delay_ms: 10, rate: 20e6 });
  const page = await play(browser, engine, 'lively');
  await page.evaluate(`globalThis.sampleBarcode = ${sampleBarcode}`);
  await page.evaluate((rect) => {
    globalThis.sizes = [];
    globalThis.seen = [];
    firstlight.on('size', (size) => sizes.push(size));
    firstlight.observe(rect, ({ luma }) => { seen.push(sampleBarcode(luma)); seen.splice(0, seen.length - 600); });
  }, RECT);
  await untilStats(page, (s) => s.frames.decoded > 60 && s.width === 1280, 'a running picture as drawn');
  const box = () => page.locator('[data-part="stage"] video').boundingBox();
  const shown = await box();
  const whole = await luma(page, shown);

  await emulator.set({ delay_ms: 10, rate: 4e5 });
  const small = await untilStats(page, (s) => s.width > 0 && s.width < 1280, 'a smaller picture', 45_000);
  assert.equal(Math.round((small.width * 720) / small.height), 1280, 'of the same shape');
  const idrs = small.frames.idr;
  await untilStats(page, (s) => s.frames.decoded > small.frames.decoded + 100, 'a hundred more pictures');
  assert.deepEqual(await box(), shown, 'shown in the same place');
  const there = await luma(page, shown);
  const stats = await page.evaluate(() => firstlight.stats());
  assert.ok(stats.width < 1280, 'still smaller');
  // A swing or two while the rate is found; no more.
  assert.ok(stats.frames.idr - idrs <= 4, `${stats.frames.idr - idrs} IDRs more`);
  assert.ok(there, 'the cross is where the pointer is');

  await emulator.set({ delay_ms: 10, rate: 20e6 });
  await untilStats(page, (s) => s.width === 1280, 'the picture as drawn', 60_000);
  assert.ok(whole && (await luma(page, shown)), 'the cross is where the pointer is, before and after');
  assert.deepEqual(await page.evaluate(() => globalThis.sizes.filter(({ width, height }) => width !== 1280 || height !== 720)), [],
    'the page is told of no other size than the drawn one');
  const codes = (await page.evaluate(() => globalThis.seen)).map(decodeBarcode).filter((code) => code !== null);
  const frames = codes.map((code) => code.frame);
  assert.deepEqual(frames, [...frames].sort((a, b) => a - b), 'in order');
  await page.context().close();
});

/** Whether the app's cross comes to where the pointer goes: brighter there with it than without it, at two places. */
async function luma(page, shown) {
  const places = [{ x: 400, y: 400 }, { x: 880, y: 520 }];
  const scale = Math.min(shown.width / 1280, shown.height / 720);
  const edge = { x: shown.x + (shown.width - 1280 * scale) / 2, y: shown.y + (shown.height - 720 * scale) / 2 };
  const go = ({ x, y }) => page.mouse.move(edge.x + x * scale, edge.y + y * scale);
  const at = [];
  for (const place of places) {
    // Twice, so that it moves even if it was there.
    await go({ x: place.x + 40, y: place.y });
    await go(place);
    const inputs = await page.evaluate(() => firstlight.stats().input.events);
    await untilStats(page, (s) => s.input.events >= inputs && s.input.unacknowledged === 0, 'the app to have the pointer');
    at.push(await Promise.all(places.map((where) => medians(page, where))));
  }
  const [first, second] = at;
  const brighter = [first[0] - second[0], second[1] - first[1]];
  assert.ok(brighter.every((by) => by > 15), `brighter by ${brighter} where the pointer is`);
  return true;
}

/** The median over pictures of the mean luma of four by four pixels. */
function medians(page, { x, y }) {
  return page.evaluate(({ x, y }) => new Promise((resolve) => {
    const means = [];
    let skip = 20;
    const stop = firstlight.observe({ x: x - 2, y: y - 2, width: 4, height: 4 }, ({ luma }) => {
      if (skip-- > 0) return;
      means.push(luma.reduce((sum, value) => sum + value, 0) / luma.length);
      if (means.length < 15) return;
      stop();
      resolve(means.sort((a, b) => a - b)[7]);
    });
  }), { x, y });
}
