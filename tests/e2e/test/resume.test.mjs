// The session waits for its player: reload, a cut line, a second tab.
import { after, afterEach, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { Engine, until } from '../lib/engine.mjs';
import { RECT, readBarcode } from '../lib/barcode.mjs';
import { openBrowser, play, untilState, untilStats } from '../lib/browser.mjs';
import { Relay } from '../lib/relay.mjs';

let engine, browser, context, relay;
before(async () => { engine = await Engine.start({ args: ['--slots', '4'] }); browser = await openBrowser(); });
after(async () => { await browser?.close(); await engine?.stop(); });
afterEach(async () => { await context?.close(); relay?.close(); relay = undefined; });

/** The next barcode that the decoder puts out. */
async function barcode(page) {
  const luma = await page.evaluate((rect) => new Promise((resolve) => {
    const stop = firstlight.observe(rect, ({ luma }) => { stop(); resolve(Array.from(luma)); });
  }), RECT);
  return readBarcode(luma);
}
const sessionOf = (page) => page.evaluate(() => firstlight.session);
const open = async () => { context = await browser.newContext({ viewport: { width: 1280, height: 720 } }); return context; };

test('a reload comes back into the same game, with no key held', async () => {
  await open();
  const page = await play(browser, engine, 'beacon', { context });
  await page.keyboard.down('KeyW');
  await untilStats(page, (s) => s.input.events > 0 && s.input.unacknowledged === 0, 'the key to be acknowledged');
  const [session, before] = [await sessionOf(page), await barcode(page)];
  await page.reload();
  await untilState(page, 'playing');
  const after = await barcode(page);
  assert.equal(await sessionOf(page), session);
  assert.ok(after.frame > before.frame, `frame ${after.frame} comes after ${before.frame}: it is the same run of the app`);
  // The release that silence or the detach injected is counted by nobody but the app's own key state: it goes on counting presses alone.
  assert.equal(after.inputs, before.inputs);
});

test('a cut of five seconds comes back into the same game', async () => {
  await open();
  relay = new Relay();
  // The cut is of UDP alone: a client that may would go on over a WebSocket.
  const page = await play(browser, engine, 'beacon', { context, relay, query: '?autostart=1&transport=webtransport' });
  const [session, before] = [await sessionOf(page), await barcode(page)];
  relay.cut = true;
  const cutAt = Date.now();
  await untilState(page, 'reconnecting');
  assert.match(await page.evaluate(() => document.body.innerText), /reconnect|connection/i);
  await until(() => Date.now() - cutAt >= 5_000, 'five seconds of silence', 6_000);
  relay.cut = false;
  await untilState(page, 'playing');
  const after = await barcode(page);
  assert.equal(await sessionOf(page), session);
  assert.ok(after.frame > before.frame);
});

test('a crashed tab is taken up by a new one', async () => {
  await open();
  const first = await play(browser, engine, 'beacon', { context });
  const session = await sessionOf(first);
  await first.close();
  await until(async () => (await engine.operator(`/v1/sessions/${session}`)).state === 'waiting', 'the session to wait');
  const second = await play(browser, engine, 'beacon', { context });
  assert.equal(await sessionOf(second), session);
});

test('a waiting session costs nothing', async () => {
  await open();
  const page = await play(browser, engine, 'beacon', { context });
  const session = await sessionOf(page);
  await page.close();
  await until(async () => (await engine.operator(`/v1/sessions/${session}`)).state === 'waiting', 'the session to wait');
  const app = engine.processes().find(({ command }) => /^\S*bin\/beacon/.test(command));
  const { readFileSync } = await import('node:fs');
  const ticks = () => readFileSync(`/proc/${app.pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13).reduce((a, b) => a + Number(b), 0);
  const passes = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  // It is said to wait before it is frozen.
  let before;
  await until(async () => { before = ticks(); await passes(200); return ticks() === before; }, 'the app to stand still');
  await passes(1_500);
  assert.equal(ticks(), before, 'the app used no CPU');
});
