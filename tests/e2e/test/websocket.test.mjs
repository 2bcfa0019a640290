// A network that carries no UDP: the page finds its way over a WebSocket by itself.
import { after, afterEach, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { Engine, until } from '../lib/engine.mjs';
import { openBrowser, play, untilState, untilStats } from '../lib/browser.mjs';
import { Relay } from '../lib/relay.mjs';

/** The beacon's tone is far above this; digital silence is 0. */
const AUDIBLE = 0.001;
let engine, browser, relay, page;
before(async () => { engine = await Engine.start(); browser = await openBrowser(); });
after(async () => { await browser?.close(); await engine?.stop(); });
afterEach(async () => { await page?.context().close(); relay?.close(); relay = undefined; });

test('with UDP blocked picture and sound come over a WebSocket, and keys go back over it', async () => {
  relay = new Relay();
  relay.cut = true;
  // WebRTC would find a way past the relay, which stands before WebTransport's port alone.
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  await context.addInitScript(() => { delete globalThis.RTCPeerConnection; });
  page = await play(browser, engine, 'beacon', { relay, context });
  const stats = await untilStats(page, (s) => s.frames.decoded > 60, 'sixty decoded frames');
  assert.equal(stats.transport, 'websocket');
  assert.ok(relay.counts.cut > 0, 'WebTransport was tried first');
  assert.ok(stats.audio.level < AUDIBLE, `nothing is to be heard yet: ${stats.audio.level}`);
  await page.keyboard.press('KeyA', { delay: 50 });
  await untilStats(page, (s) => s.audio.level > AUDIBLE, 'the tone of a key');
  await untilStats(page, (s) => s.input.events > 0 && s.input.unacknowledged === 0, 'keys to be acknowledged');
});

test('a page that is told to uses the WebSocket at once, and goes on after a reload', async () => {
  page = await play(browser, engine, 'beacon', { query: '?autostart=1&transport=websocket' });
  const stats = await untilStats(page, (s) => s.frames.decoded > 30, 'thirty decoded frames');
  assert.equal(stats.transport, 'websocket');
  const session = await page.evaluate(() => firstlight.session);
  await page.reload();
  await untilState(page, 'playing');
  assert.equal(await page.evaluate(() => firstlight.session), session);
  await page.evaluate(() => firstlight.end());
  await until(async () => (await engine.operator(`/v1/sessions/${session}`)).state === 'ended', 'the session to end');
});
