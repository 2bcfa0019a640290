// The picture is as large as the player sees it, on both displays; and modes beyond 720p60.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { Engine, titlesFolder, until } from '../lib/engine.mjs';
import { RECT, decodeBarcode, sampleBarcode } from '../lib/barcode.mjs';
import { openBrowser, play, untilStats } from '../lib/browser.mjs';
import { assertHits } from '../lib/cross.mjs';

const display = (lines) => (toml) => toml.replace(/^\[display\]$/m, `[display]\n${lines}`);
const sized = (width, height, fps, kind) => (toml) => toml
  .replace(/^\[display\][^[]*/m, `[display]\nkind = "${kind}"\nwidth = ${width}\nheight = ${height}\nfps = ${fps}\n\n`)
  .replace(/BEACON_FPS = "60"/, `BEACON_FPS = "${fps}"`);

let engine, browser, titles;
before(async () => {
  titles = titlesFolder({
    'on-x11': { from: 'beacon' },
    'on-wayland': { from: 'beacon', edit: display('kind = "wayland"') },
    fixed: { from: 'beacon', edit: (toml) => toml.replace(/^resize = .*$/m, 'resize = "fixed"') },
    fast: { from: 'beacon', edit: sized(1280, 720, 120, 'wayland') },
    large: { from: 'beacon', edit: sized(2560, 1440, 60, 'x11') },
  });
  engine = await Engine.start({ titles });
  browser = await openBrowser();
});
after(async () => { await browser?.close(); await engine?.stop(); rmSync(titles, { recursive: true, force: true }); });

/** Looks at the barcode of every picture from here on; returns how to read the newest. */
async function watchBarcode(page) {
  await page.evaluate(`globalThis.sampleBarcode = ${sampleBarcode}`);
  await page.evaluate((rect) => { firstlight.observe(rect, ({ luma }) => { globalThis.seen = sampleBarcode(luma); }); }, RECT);
  return async () => {
    const bytes = await page.evaluate(() => globalThis.seen);
    return bytes && decodeBarcode(bytes);
  };
}

async function assertMoves(code, pictures = 30) {
  const first = await until(code, 'a barcode');
  await until(async () => (await code())?.frame > first.frame + pictures, `${pictures} pictures more`);
}

const untilDrawn = (page, { width, height }) => untilStats(page, (s) => s.drawn_width === width && s.drawn_height === height, `a picture of ${width}x${height}`);
const box = (page) => page.locator('[data-part="stage"] video').boundingBox();

for (const title of ['on-x11', 'on-wayland']) {
  test(`${title}: another size of the window is another size of the picture, with one IDR`, async () => {
    const page = await play(browser, engine, title);
    const code = await watchBarcode(page);
    await untilDrawn(page, { width: 1280, height: 720 });
    await assertMoves(code);
    // No more pixels than the title's own: what a busy machine was measured to encode in time is another test's affair.
    for (const size of [{ width: 1200, height: 740 }, { width: 1100, height: 760 }]) {
      const before = await page.evaluate(() => firstlight.stats());
      await page.setViewportSize(size);
      await untilDrawn(page, size);
      // Each step is a window that rests: the one before is over.
      const after = await page.evaluate(() => firstlight.stats());
      const whole = (stats) => stats.width === stats.drawn_width;
      // A machine or a line that is too weak for it codes it smaller, which is an IDR of its own.
      if (whole(before) && whole(after)) assert.equal(after.frames.idr - before.frames.idr, 1);
      await assertMoves(code);
      await assertHits(page, await box(page), size, `in ${size.width}x${size.height}`);
    }
    // The overlay says it.
    await page.keyboard.press('Control+Alt+Shift+KeyS');
    await until(async () => /1100×760/.test(await page.locator('.stats').innerText()), 'the overlay to say the size');
    await page.context().close();
  });
}

test('a screen with two pixels to one of CSS gets both, and a title of a fixed size keeps it', async () => {
  const context = await browser.newContext({ viewport: { width: 560, height: 400 }, deviceScaleFactor: 2 });
  const sharp = await play(browser, engine, 'on-wayland', { context });
  await untilDrawn(sharp, { width: 1120, height: 800 });
  await assertMoves(await watchBarcode(sharp));
  await context.close();

  const page = await play(browser, engine, 'fixed');
  const code = await watchBarcode(page);
  await assertMoves(code);
  await page.setViewportSize({ width: 1000, height: 700 });
  await assertMoves(code, 90);
  const stats = await page.evaluate(() => firstlight.stats());
  assert.deepEqual([stats.drawn_width, stats.drawn_height], [1280, 720]);
  await assertHits(page, await box(page), { width: 1280, height: 720 }, 'scaled by the page');
  await page.context().close();
});

test('1440p and 120 pictures a second are played', async () => {
  const large = await play(browser, engine, 'large');
  await untilDrawn(large, { width: 2560, height: 1440 });
  await assertMoves(await watchBarcode(large));
  await assertHits(large, await box(large), { width: 2560, height: 1440 }, 'in 1440p', 5);
  await large.context().close();

  const fast = await play(browser, engine, 'fast');
  const code = await watchBarcode(fast);
  await assertMoves(code, 240);
  await assertHits(fast, await box(fast), { width: 1280, height: 720 }, 'at 120 a second');
  await fast.context().close();
});
