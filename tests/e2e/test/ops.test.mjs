// The operators' page against a real engine: who sees anything, what is seen, and what a cordon does to players.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { Engine, titlesFolder, until } from '../lib/engine.mjs';
import { openBrowser, play, untilState } from '../lib/browser.mjs';

let engine, browser, titles;
before(async () => {
  titles = titlesFolder({ beacon: { from: 'beacon' } });
  engine = await Engine.start({ titles, args: ['--slots', '2'] });
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await engine?.stop();
  if (titles) rmSync(titles, { recursive: true, force: true });
});

/** The page in a tab of its own, with everything that it asks for and every complaint of the browser. */
async function openOps(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.requested = [];
  page.complaints = [];
  page.on('request', (request) => page.requested.push(request.url()));
  page.on('console', (message) => message.type() === 'error' && page.complaints.push(message.text()));
  page.on('pageerror', (error) => page.complaints.push(error.message));
  await page.goto(`${engine.url}ops`);
  await page.locator('[data-part="lock"]').waitFor();
  return page;
}

async function unlock(page, key = engine.operatorKey) {
  await page.getByLabel('The operator’s key').fill(key);
  await page.getByRole('button', { name: 'Open' }).click();
}

const saying = (page, part, words) =>
  until(async () => (await page.locator(`[data-part="${part}"]`).innerText()).includes(words), `"${words}" in ${part}`);

test('without the key the page asks for it, knows nothing and asks the engine nothing', async () => {
  const page = await openOps();
  const asked = () => page.requested.filter((url) => /\/v1\/|\/metrics/.test(url));
  assert.deepEqual(asked(), []);
  await unlock(page, 'hunter2');
  await page.getByText('That is not an operator’s key').waitFor();
  assert.deepEqual(asked(), []);
  await unlock(page, `flo_${'A'.repeat(43)}`);
  await page.getByText('This key is not known here').waitFor();
  assert.equal(await page.locator('.board').count(), 0);
  // A key that was refused is not kept: the page asks again.
  await page.reload();
  await page.locator('[data-part="lock"]').waitFor();
  const { hosts } = await engine.operator('/v1/hosts');
  assert.ok(!(await page.content()).includes(hosts[0].host));
  await page.context().close();
});

test('with the key it shows the host, the session that runs, and why it is there', async () => {
  const player = await play(browser, engine, 'beacon');
  const id = await player.evaluate(() => globalThis.firstlight.session);
  const { hosts } = await engine.operator('/v1/hosts');
  const page = await openOps();
  await unlock(page);
  await page.locator(`[data-host="${hosts[0].host}"][data-state="open"]`).waitFor();
  const session = page.locator(`[data-session="${id}"]`);
  await session.waitFor();
  assert.match(await session.innerText(), /beacon\s+attached\s+on this machine/);
  await session.locator('summary').press('Enter');
  await page.getByText('this machine in local: the title is installed there').waitFor();
  await saying(page, 'tile-sessions', '1');
  await saying(page, 'starts-words', 'Cold: 1 start');
  await saying(page, 'live', 'Live');
  // Reloading asks for nothing; the key is in no address, and nothing came from or went elsewhere.
  await page.reload();
  await session.waitFor();
  const addresses = [page.url(), ...page.requested];
  assert.ok(addresses.every((url) => url.startsWith(engine.url) && !url.includes('flo_')), addresses.join('\n'));
  assert.deepEqual(page.complaints, []);
  // In a tab of its own it is asked for again.
  const other = await page.context().newPage();
  await other.goto(`${engine.url}ops`);
  await other.locator('[data-part="lock"]').waitFor();
  await page.context().close();
  await player.evaluate(() => globalThis.firstlight.end());
  await player.close();
});

test('a cordon by its button turns the next player away in words, and he plays when it is lifted', async () => {
  const page = await openOps();
  await unlock(page);
  const row = page.locator('[data-host]');
  await row.waitFor();
  await row.locator('[data-part="cordon"]').click();
  await page.getByRole('dialog').getByText('No gateway of this cell places anything new on it').waitFor();
  // Escape means no.
  await page.keyboard.press('Escape');
  assert.equal(await page.getByRole('dialog').count(), 0);
  assert.equal((await engine.operator('/v1/hosts')).hosts[0].state, 'open');
  await row.locator('[data-part="cordon"]').click();
  await page.locator('[data-part="confirm"]').click();
  await saying(page, 'said', 'is cordoned: nothing new is placed on it.');
  await until(async () => (await row.getAttribute('data-state')) === 'cordoned', 'the host to be shown as cordoned');

  const context = await browser.newContext();
  const player = await context.newPage();
  await player.goto(`${engine.url}play/beacon?autostart=1`);
  await player.getByText('All places are taken').first().waitFor();
  assert.deepEqual((await engine.operator('/v1/sessions?live=true')).sessions, []);
  await row.locator('[data-part="cordon"]').click();
  await saying(page, 'said', 'takes sessions again.');
  await player.goto(`${engine.url}play/beacon?autostart=1`);
  await untilState(player, 'playing');
  await page.locator('[data-session][data-state="attached"]').waitFor();
  assert.deepEqual(page.complaints, []);
  await player.evaluate(() => globalThis.firstlight.end());
  await context.close();
  await page.context().close();
});

test('what was cordoned is cordoned after a restart, and a drain ends with its button', async () => {
  const [host] = (await engine.operator('/v1/hosts')).hosts;
  const say = (what, on) =>
    engine.operator(`/v1/hosts/${host.host}/${what}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ on }) });
  await say('cordon', true);
  const { data } = engine;
  engine.ownsData = false;
  await engine.stop();
  engine = await Engine.start({ titles, data, args: ['--slots', '2'] });
  engine.ownsData = true;
  const page = await openOps();
  await unlock(page);
  const row = page.locator(`[data-host="${host.host}"][data-state="cordoned"]`);
  await row.waitFor();
  await page.getByRole('button', { name: /^Lift cordon/ }).click();
  await page.locator('[data-host][data-state="open"]').waitFor();
  await page.getByRole('button', { name: /^Drain/ }).click();
  await page.locator('[data-part="confirm"]').click();
  await page.locator('[data-host][data-state="draining"]').waitFor();
  await page.getByRole('button', { name: /^Stop draining/ }).click();
  await page.locator('[data-host][data-state="open"]').waitFor();
  await page.context().close();
});

test('a narrow screen shows all of it without a scroll sideways, and the keyboard reaches every button', async () => {
  const page = await openOps({ viewport: { width: 360, height: 740 }, colorScheme: 'light' });
  await unlock(page);
  await page.locator('[data-host]').waitFor();
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= 360, `the page is ${width} pixels wide`);
  const reached = new Set();
  for (let press = 0; press < 12; press++) {
    await page.keyboard.press('Tab');
    reached.add(await page.evaluate(() => document.activeElement?.getAttribute('data-part')));
  }
  for (const part of ['forget', 'drain', 'cordon']) assert.ok(reached.has(part), `${part} of ${[...reached]}`);
  await page.context().close();
});
