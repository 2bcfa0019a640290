// Fingers on the page are fingers on the title's touch screen, and none stays there when nobody looks.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { Engine, titlesFolder, until } from '../lib/engine.mjs';
import { RECT, decodeBarcode, sampleBarcode } from '../lib/barcode.mjs';
import { openBrowser, play } from '../lib/browser.mjs';

let engine, browser, titles;
before(async () => {
  titles = titlesFolder({
    fingers: { from: 'beacon', edit: (toml) => toml.replace(/^\[display\]$/m, '[display]\nkind = "wayland"').replace(/^mouse = .*$/m, 'mouse = "absolute"\ntouch = true') },
  });
  engine = await Engine.start({ titles });
  browser = await openBrowser();
});
after(async () => { await browser?.close(); await engine?.stop(); rmSync(titles, { recursive: true, force: true }); });

test('two fingers are two, and come again after the page was left', async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, hasTouch: true });
  const page = await play(browser, engine, 'fingers', { context });
  await page.evaluate(`globalThis.sampleBarcode = ${sampleBarcode}`);
  await page.evaluate((rect) => {
    firstlight.observe(rect, ({ luma }) => { globalThis.seen = sampleBarcode(luma); });
  }, RECT);
  const inputs = async () => {
    const bytes = await page.evaluate(() => globalThis.seen);
    return bytes && decodeBarcode(bytes)?.inputs;
  };
  await until(async () => Number.isInteger(await inputs()), 'a barcode');
  const first = await inputs();
  const cdp = await context.newCDPSession(page);
  const touch = (type, ...points) => cdp.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([id, x, y]) => ({ id, x, y })) });
  const count = async (more, what) => until(async () => (await inputs()) === first + more, what);

  await touch('touchStart', [0, 300, 300]);
  await count(1, 'the first finger');
  await touch('touchStart', [0, 300, 300], [1, 700, 400]);
  await count(2, 'the second finger');
  await touch('touchMove', [0, 350, 320], [1, 650, 380]);
  await touch('touchEnd', [0, 350, 320]);
  await touch('touchStart', [0, 350, 320], [1, 500, 500]);
  await count(3, 'a finger that came back');

  // The page loses the focus with both down: the title has none of them, so that both may come again.
  await page.evaluate(() => window.dispatchEvent(new Event('blur')));
  await touch('touchEnd');
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  await touch('touchStart', [0, 300, 300], [1, 700, 400]);
  await count(5, 'both fingers again');
  await touch('touchEnd');
  assert.equal(await inputs(), first + 5);
  await context.close();
});
