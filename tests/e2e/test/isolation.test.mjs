// Two sessions at once; a page elsewhere; a full engine.
import { after, afterEach, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { Engine, titlesFolder, until } from '../lib/engine.mjs';
import { RECT, readBarcode } from '../lib/barcode.mjs';
import { openBrowser, play, untilState, untilStats } from '../lib/browser.mjs';
import { rmSync } from 'node:fs';

let engine, browser, titles;
const pages = [];
before(async () => {
  titles = titlesFolder({ beacon: { from: 'beacon' }, 'beacon-quiet': { from: 'beacon', edit: (toml) => toml.replace(/^env = .*$/m, 'env = { BEACON_BEEP = "off" }') } });
  engine = await Engine.start({ titles, args: ['--slots', '2'] });
  browser = await openBrowser();
});
after(async () => { await browser?.close(); await engine?.stop(); rmSync(titles, { recursive: true, force: true }); });
afterEach(async () => {
  for (const page of pages.splice(0)) await page.context().close();
  for (const { session, state } of (await engine.operator('/v1/sessions')).sessions) {
    if (state !== 'ended') await engine.operator(`/v1/sessions/${session}`, { method: 'DELETE' });
  }
});

async function barcode(page) {
  const luma = await page.evaluate((rect) => new Promise((resolve) => {
    const stop = firstlight.observe(rect, ({ luma }) => { stop(); resolve(Array.from(luma)); });
  }), RECT);
  return readBarcode(luma);
}

test('two sessions at once neither see nor hear each other', async () => {
  const first = await play(browser, engine, 'beacon');
  const second = await play(browser, engine, 'beacon');
  pages.push(first, second);
  await untilStats(first, (s) => s.frames.decoded > 10, 'a picture');
  await untilStats(second, (s) => s.frames.decoded > 10, 'a picture');
  const quiet = await barcode(second);
  await first.keyboard.press('KeyA', { delay: 50 });
  await untilStats(first, (s) => s.audio.level > 0.001, 'the beep of the first');
  const heard = await second.evaluate(() => firstlight.stats().audio.level);
  assert.ok(heard < 0.0001, `the second hears ${heard}`);
  assert.equal((await barcode(second)).inputs, quiet.inputs, 'the second saw no input');
  // A player does not see another's session either.
  const id = await second.evaluate(() => firstlight.session);
  const status = await first.evaluate(async (id) => (await fetch(`/v1/sessions/${id}`, { headers: { authorization: `Bearer flp_${'A'.repeat(43)}` } })).status, id);
  assert.equal(status, 404);
});

test('a full engine says so and lets a player wait, and nobody playing suffers', async () => {
  const first = await play(browser, engine, 'beacon');
  const second = await play(browser, engine, 'beacon');
  pages.push(first, second);
  const context = await browser.newContext();
  const third = await context.newPage();
  pages.push(third);
  await third.goto(`${engine.url}play/beacon?autostart=1`);
  await third.getByText('All places are taken').waitFor();
  assert.match(await third.evaluate(() => document.body.innerText), /You are next/);
  const decoded = await first.evaluate(() => firstlight.stats().frames.decoded);
  // Asked from here: a page that others lie on top of draws no frames of its own, by which it would look.
  await untilStats(first, (s) => s.frames.decoded > decoded + 30, 'half a second more of pictures');
  // Who goes away gives the turn up.
  const left = third.waitForResponse((response) => response.request().method() === 'DELETE' && response.url().includes('/v1/queue/'));
  await third.getByRole('link', { name: 'Library' }).or(third.getByRole('button', { name: 'Library' })).first().click();
  await left;
});

test('who closes the page while he waits holds nobody up', async () => {
  const first = await play(browser, engine, 'beacon');
  const second = await play(browser, engine, 'beacon');
  pages.push(first, second);
  const waits = async () => {
    const page = await (await browser.newContext()).newPage();
    pages.push(page);
    await page.goto(`${engine.url}play/beacon?autostart=1`);
    await page.getByText('All places are taken').waitFor();
    return page;
  };
  const [third, fourth] = [await waits(), await waits()];
  const waiting = async () => (await engine.operator('/v1/overview')).queue;
  assert.equal(await waiting(), 2);
  await third.goto('about:blank');
  // One who is only not heard of any more would wait for ninety seconds.
  await until(async () => (await waiting()) === 1, 'the first in the queue to be gone', 30_000);
  await first.evaluate(() => globalThis.firstlight.end());
  await untilState(fourth, 'playing');
});

test('a waiting session gives way to a new player', async () => {
  const first = await play(browser, engine, 'beacon');
  const waiting = await first.evaluate(() => firstlight.session);
  await first.context().close();
  const second = await play(browser, engine, 'beacon');
  await until(async () => (await engine.operator(`/v1/sessions/${waiting}`)).state === 'waiting', 'the first to wait');
  const third = await play(browser, engine, 'beacon');
  pages.push(second, third);
  const { state, reason } = await engine.operator(`/v1/sessions/${waiting}`);
  assert.deepEqual([state, reason], ['ended', 'gave_way']);
});

test('a page on another site can neither start, see nor drive anything', async () => {
  const foreign = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html><title>foreign</title>'));
  foreign.listen(0, '127.0.0.1');
  await once(foreign, 'listening');
  const owner = await play(browser, engine, 'beacon');
  pages.push(owner);
  const session = await owner.evaluate(() => firstlight.session);
  const mine = await engine.operator(`/v1/sessions/${session}`);
  const context = await browser.newContext();
  const page = await context.newPage();
  pages.push(page);
  await page.goto(`http://127.0.0.1:${foreign.address().port}/`);
  const seen = await page.evaluate(async ({ url, session, endpoint }) => {
    const tries = {};
    const attempt = async (name, path, options) => {
      try { const r = await fetch(url + path, options); tries[name] = `${r.type} ${r.status} ${await r.text().catch(() => '')}`; } catch (e) { tries[name] = `refused: ${e.name}`; }
    };
    await attempt('start', 'v1/sessions', { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer flp_${'B'.repeat(43)}` }, body: '{"title":"beacon"}' });
    await attempt('start without preflight', 'v1/sessions', { method: 'POST', mode: 'no-cors', body: '{"title":"beacon"}' });
    await attempt('see', `v1/sessions/${session}`, {});
    await attempt('end', `v1/sessions/${session}`, { method: 'DELETE' });
    try {
      const hash = Uint8Array.from(endpoint.cert_sha256[0].match(/../g).map((h) => parseInt(h, 16)));
      const transport = new WebTransport(`${endpoint.url}?ticket=x`, { serverCertificateHashes: [{ algorithm: 'sha-256', value: hash }] });
      await transport.ready;
      tries.media = 'attached';
    } catch (e) { tries.media = `refused: ${e.name}`; }
    return tries;
  }, { url: engine.url, session, endpoint: mine.endpoints[0] });
  for (const [what, result] of Object.entries(seen)) {
    assert.doesNotMatch(result, /attached|201|beacon/, `${what}: ${result}`);
  }
  assert.equal((await engine.operator(`/v1/sessions/${session}`)).state, 'attached');
  assert.equal((await engine.operator('/v1/sessions')).sessions.filter(({ state }) => state !== 'ended').length, 1);
  foreign.close();
});
