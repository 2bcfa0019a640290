// The Wayland display in a real browser: a native client, the same program through the X server, and a real game unchanged.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { Engine, titlesFolder, until } from '../lib/engine.mjs';
import { RECT, decodeBarcode, sampleBarcode } from '../lib/barcode.mjs';
import { difference, fingerprint, openBrowser, play, untilStats } from '../lib/browser.mjs';

const wayland = (toml) => toml.replace(/^\[display\]$/m, '[display]\nkind = "wayland"');
const beacon = (toml, display) => wayland(toml).replace(/^env = .*$/m, `env = { BEACON_FPS = "60", BEACON_MOTION = "low", BEACON_DISPLAY = "${display}" }`);

let engine, browser, titles;
before(async () => {
  titles = titlesFolder({
    native: { from: 'beacon', edit: (toml) => beacon(toml, 'wayland') },
    'through-x': { from: 'beacon', edit: (toml) => beacon(toml, 'x11') },
    game: { from: 'freedoom', edit: wayland },
  });
  engine = await Engine.start({ titles });
  browser = await openBrowser();
});
after(async () => { await browser?.close(); await engine?.stop(); rmSync(titles, { recursive: true, force: true }); });

for (const title of ['native', 'through-x']) {
  test(`the beacon, ${title}: the picture moves, keys and mouse are answered`, async () => {
    const page = await play(browser, engine, title);
    await page.evaluate(`globalThis.sampleBarcode = ${sampleBarcode}`);
    await page.evaluate((rect) => {
      firstlight.observe(rect, ({ luma }) => { globalThis.seen = sampleBarcode(luma); });
    }, RECT);
    const code = async () => {
      const bytes = await page.evaluate(() => globalThis.seen);
      return bytes && decodeBarcode(bytes);
    };
    const first = await until(code, 'a barcode');
    await until(async () => (await code())?.frame > first.frame + 60, 'sixty pictures more');

    await page.locator('[data-part="stage"]').click();
    for (const [what, act] of [
      ['a key', () => page.keyboard.press('a', { delay: 40 })],
      ['the mouse', () => page.mouse.move(300 + Math.random() * 400, 300 + Math.random() * 200)],
      ['a button', () => page.mouse.click(500, 400, { delay: 40 })],
    ]) {
      const before = (await until(code, 'a barcode')).inputs;
      await act();
      await until(async () => { const now = await code(); return now && now.inputs !== before; }, `an answer to ${what}`);
    }
    const stats = await page.evaluate(() => firstlight.stats());
    assert.deepEqual([stats.width, stats.height], [1280, 720]);
    await page.context().close();
  });
}

test('Freedoom runs unchanged on the Wayland display: a key opens its menu, and the view turns while one is held', async () => {
  const page = await play(browser, engine, 'game');
  await untilStats(page, (s) => s.frames.decoded > 10, 'ten decoded frames');
  const shown = await until(async () => {
    const print = await fingerprint(page);
    return print && Math.max(...print) > 40 && print;
  }, 'a picture that is not black');
  await page.locator('[data-part="stage"]').click();
  await until(async () => {
    await page.keyboard.press('Escape', { delay: 60 });
    await page.waitForTimeout(300);
    return difference(shown, await fingerprint(page)) > 0.6;
  }, 'Escape to open the menu');
  // A new game: it moves when the player turns.
  for (const key of ['Enter', 'Enter', 'Enter']) {
    await page.keyboard.press(key, { delay: 60 });
    await page.waitForTimeout(300);
  }
  const standing = await fingerprint(page);
  await page.keyboard.down('ArrowLeft');
  await until(async () => difference(standing, await fingerprint(page)) > 4, 'the view to turn while a key is held');
  await page.keyboard.up('ArrowLeft');
  await page.context().close();
});
