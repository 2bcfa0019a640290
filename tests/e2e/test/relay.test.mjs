// Over a relay: a picture, keys and sound, and the engine says what carries them.
import { after, afterEach, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Engine, binary, freePort, until } from '../lib/engine.mjs';
import { Gateway, Host, Nats } from '../lib/fleet.mjs';
import { openBrowser, play, untilState, untilStats } from '../lib/browser.mjs';

/** The beacon's tone is far above this; digital silence is 0. */
const AUDIBLE = 0.001;
let engine, browser, carrier, page;
before(async () => {
  const port = await freePort();
  engine = await Engine.start({ args: ['--relay', `https://127.0.0.1:${port}`] });
  carrier = await carry(port, engine.lines);
  browser = await openBrowser();
});
after(async () => { await browser?.close(); await engine?.stop(); carrier?.kill('SIGKILL'); });
afterEach(async () => { await page?.context().close(); });

/** A relay for the gateway that printed these lines, and goes on printing. */
async function carry(port, lines) {
  const key = lines.map((line) => /--gateway-key ([0-9a-f]{64})/.exec(line)?.[1]).find(Boolean);
  assert.ok(key, 'the gateway prints its key');
  const relay = spawn(binary(), ['relay', '--listen', `127.0.0.1:${port}`, '--gateway-key', key, '--drain-s', '0'], { stdio: 'ignore' });
  await until(() => lines.some((line) => line.includes('a relay answers')), 'the gateway to find the relay');
  return relay;
}

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

test('a player of a machine that joined is carried to that machine', async () => {
  const port = await freePort();
  const nats = await Nats.start();
  const gateway = await Gateway.start({ bus: nats.url, args: ['--relay', `https://127.0.0.1:${port}`] });
  const relay = await carry(port, gateway.program.lines);
  const host = await Host.join(gateway);
  try {
    page = await play(browser, gateway, 'beacon', { query: '?autostart=1&transport=relay' });
    const stats = await untilStats(page, (s) => s.frames.decoded > 60, 'sixty decoded frames');
    assert.deepEqual([stats.transport, stats.packets.malformed], ['relay', 0]);
    await page.keyboard.press('KeyA', { delay: 50 });
    await untilStats(page, (s) => s.input.events > 0 && s.input.unacknowledged === 0, 'keys to be acknowledged');
    const session = await page.evaluate(() => firstlight.session);
    await until(async () => (await gateway.session(session)).stats?.transport === 'relay', 'the operator to be told so');
  } finally {
    relay.kill('SIGKILL');
    await host.stop();
    await gateway.stop();
    await nats.kill();
  }
});
