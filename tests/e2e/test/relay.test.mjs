// Over a relay: a picture, keys and sound, and the engine says what carries them.
import { after, afterEach, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Engine, binary, freePort, until } from '../lib/engine.mjs';
import { openBrowser, play, untilState, untilStats } from '../lib/browser.mjs';

/** The beacon's tone is far above this; digital silence is 0. */
const AUDIBLE = 0.001;
let engine, browser, carrier, page, port;
before(async () => {
  port = await freePort();
  engine = await Engine.start({ args: ['--relay', `https://127.0.0.1:${port}`] });
  const key = engine.lines.map((line) => /--gateway-key ([0-9a-f]{64})/.exec(line)?.[1]).find(Boolean);
  assert.ok(key, 'the engine prints the key');
  carrier = spawn(binary(), ['relay', '--listen', `127.0.0.1:${port}`, '--gateway-key', key, '--drain-s', '0'], { stdio: 'ignore' });
  browser = await openBrowser();
  await until(() => engine.lines.some((line) => line.includes('a relay answers')), 'the engine to find the relay');
});
after(async () => { await browser?.close(); await engine?.stop(); carrier?.kill('SIGKILL'); });
afterEach(async () => { await page?.context().close(); });

test('a picture and sound come over a relay, and keys go back over it', async () => {
  page = await play(browser, engine, 'beacon', { query: '?autostart=1&transport=relay' });
  const stats = await untilStats(page, (s) => s.frames.decoded > 60, 'sixty decoded frames');
  assert.equal(stats.transport, 'relay');
  assert.equal(stats.packets.malformed, 0, 'everything opens');
  assert.ok(stats.audio.level < AUDIBLE, `nothing is to be heard yet: ${stats.audio.level}`);
  await page.keyboard.press('KeyA', { delay: 50 });
  await untilStats(page, (s) => s.audio.level > AUDIBLE, 'the tone of a key');
  await untilStats(page, (s) => s.input.events > 0 && s.input.unacknowledged === 0, 'keys to be acknowledged');
  const session = await page.evaluate(() => firstlight.session);
  await until(async () => (await engine.operator(`/v1/sessions/${session}`)).stats?.transport === 'relay', 'the worker to say so');
  assert.match(await engine.operator('/metrics'), /host_sessions_attached_total\{by="ticket",transport="relay"\} [1-9]/);
});

test('a relay that is told to stop lets its player go, who goes on another way', async () => {
  page = await play(browser, engine, 'beacon', { query: '?autostart=1&transport=relay' });
  await untilStats(page, (s) => s.frames.decoded > 10, 'a picture');
  const session = await page.evaluate(() => firstlight.session);
  carrier.kill('SIGTERM');
  const [code] = await once(carrier, 'exit');
  assert.equal(code, 0);
  await until(async () => (await engine.operator(`/v1/sessions/${session}`)).state === 'waiting', 'the session to wait for its player');
  await page.goto(`${engine.url}play/beacon?autostart=1`);
  await untilState(page, 'playing');
  assert.equal(await page.evaluate(() => firstlight.session), session);
});
