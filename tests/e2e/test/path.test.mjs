// What a path does in mid-game: loses in bursts, goes silent, gets another address, is gone. Behind the emulator, the page's requests too.
import { after, afterEach, before, beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { Engine, until } from '../lib/engine.mjs';
import { Emulator } from '../lib/emulator.mjs';
import { RECT, decodeBarcode, sampleBarcode } from '../lib/barcode.mjs';
import { openBrowser, play, untilStats } from '../lib/browser.mjs';

let engine, browser, emulator, page, session;
before(async () => {
  engine = await Engine.start();
  emulator = Emulator.start();
  browser = await openBrowser({ args: await emulator.browserArgs(engine) });
});
after(async () => { await browser?.close(); await emulator?.stop(); await engine?.stop(); });
beforeEach(async () => {
  await emulator.set({ delay_ms: 10, rate: 20e6 });
  page = await play(browser, engine, 'beacon');
  // The app has drawn its first picture by then.
  await pictures(40);
  await page.evaluate(`globalThis.sampleBarcode = ${sampleBarcode}`);
  await page.evaluate((rect) => { globalThis.seen = []; firstlight.observe(rect, ({ luma }) => seen.push(sampleBarcode(luma))); }, RECT);
  session = await page.evaluate(() => firstlight.session);
});
afterEach(async () => { await page?.context().close(); });

/** Waits for so many pictures from here on. */
async function pictures(count) {
  const { decoded } = await page.evaluate(() => firstlight.stats().frames);
  return untilStats(page, (s) => s.frames.decoded > decoded + count, `${count} more pictures`);
}

/** It is the same game, its pictures are whole and in order. */
async function assertTheSameGame() {
  assert.equal(await page.evaluate(() => firstlight.state), 'playing');
  assert.equal(await page.evaluate(() => firstlight.session), session);
  const seen = (await page.evaluate(() => globalThis.seen)).map(decodeBarcode);
  assert.ok(seen.every((code) => code !== null), 'no damaged barcode was ever shown');
  const frames = seen.map(({ frame }) => frame);
  assert.deepEqual(frames, [...frames].sort((a, b) => a - b), 'in order');
}

const connections = async () => (await emulator.stats()).udp_flows;

test('three per cent of loss in bursts is played through', async () => {
  await emulator.set({ delay_ms: 10, rate: 20e6, bursts: { begin: 0.0103, end: 0.25, loss: 0.75 } });
  await pictures(300);
  assert.ok((await emulator.stats()).down.lost > 0, 'packets were lost');
  await assertTheSameGame();
});

test('after an outage of two seconds the game goes on by itself', async () => {
  await emulator.ask('cut');
  const cutAt = Date.now();
  await until(() => Date.now() - cutAt >= 2_000, 'two seconds of silence', 5_000);
  await emulator.ask('restore');
  await pictures(60);
  await assertTheSameGame();
});

test('a NAT that forgets its binding costs no new connection', async () => {
  // A machine that stalls for 300 ms in the very same moment makes the client try another connection beside: not in every round.
  for (let round = 1; ; round++) {
    const before = await connections();
    assert.ok((await emulator.ask('rebind')).flows > 0, 'a binding was forgotten');
    await pictures(60);
    if ((await connections()) === before) break;
    assert.ok(round < 5, 'each rebinding led to a new connection');
  }
  await assertTheSameGame();
});

test('when the interface is gone the session is attached again from another one', async () => {
  const before = await connections();
  assert.ok((await emulator.ask('drop_interface')).flows > 0, 'an interface was lost');
  await until(async () => (await connections()) > before, 'a new connection');
  await pictures(60);
  await assertTheSameGame();
});
