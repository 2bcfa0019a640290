// Parked titles in a real browser: the copy that waited is the one that is played, and what was saved is there.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Engine, cgroups, processTable, titlesFolder, until } from '../lib/engine.mjs';
import { RECT, decodeBarcode, sampleBarcode } from '../lib/barcode.mjs';
import { difference, fingerprint, openBrowser, play, untilStats } from '../lib/browser.mjs';

/** Digital silence is 0, the beacon's tone far above this. */
const AUDIBLE = 0.01;
/** Two looks at the same place of the game; its title picture is several times as far from it. */
const SAME_PLACE = 8;

let engine, browser, titles;
before(async () => {
  titles = titlesFolder({ beacon: { from: 'beacon' }, freedoom: { from: 'freedoom' } });
  engine = await Engine.start({ titles, parked: true });
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await engine?.stop();
  if (titles) rmSync(titles, { recursive: true, force: true });
});

const untilParked = (title, of = engine) => until(async () => {
  const { hosts } = await of.operator('/v1/hosts');
  return hosts[0].warm.find((warm) => warm.title === title)?.parked > 0;
}, `a parked copy of ${title}`, 90_000);

/** What a picture's barcode says. */
async function look(page) {
  await page.evaluate(`globalThis.sampleBarcode = ${sampleBarcode}`);
  const bytes = await page.evaluate((rect) => new Promise((resolve) => {
    const stop = globalThis.firstlight.observe(rect, ({ luma }) => { stop(); resolve(globalThis.sampleBarcode(luma)); });
  }), RECT);
  return decodeBarcode(bytes);
}

async function end(page) {
  await page.evaluate(() => globalThis.firstlight.end());
  await page.close();
}

test('two players in a row get a parked copy each: it moves, hears keys, and was silent while it stood still', async () => {
  const sessions = new Set();
  for (let player = 0; player < 2; player++) {
    await untilParked('beacon');
    const page = await play(browser, engine, 'beacon');
    const stats = await untilStats(page, (s) => s.start !== null && s.frames.decoded > 30, 'thirty pictures and a traced start');
    assert.equal(stats.start.parked, true);
    const { placed_ms, connected_ms, first_frame_ms, shown_ms, total_ms } = stats.start;
    assert.ok(Math.abs(placed_ms + connected_ms + first_frame_ms + shown_ms - total_ms) < 0.01, JSON.stringify(stats.start));
    assert.ok(stats.audio.level < AUDIBLE, `nothing is to be heard: ${stats.audio.level}`);
    const first = await until(() => look(page), 'a barcode');
    await until(async () => (await look(page))?.frame > first.frame, 'the picture to move');
    assert.equal(first.inputs, 0, 'nobody pressed anything before');
    await page.locator('[data-part="stage"]').click();
    await page.keyboard.press('KeyA', { delay: 40 });
    await until(async () => (await look(page))?.inputs > 0, 'a key to be seen');
    const id = await page.evaluate(() => globalThis.firstlight.session);
    const { operator } = await until(async () => {
      const session = await engine.operator(`/v1/sessions/${id}`);
      return session.operator.start && session;
    }, 'the start in the operator’s view');
    assert.equal(operator.parked, true);
    assert.equal(operator.start.parked, true);
    sessions.add(id);
    await end(page);
  }
  assert.equal(sessions.size, 2);
  const metrics = await engine.operator('/metrics');
  assert.match(metrics, /host_second_on_seconds_count\{warmth="parked"\} 2/);
  for (const step of ['placed', 'connected', 'thawed', 'first_frame', 'shown']) assert.ok(metrics.includes(`step="${step}"`), step);
});

test('a game saved in one parked session is there in the next', async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  const press = async (page, ...keys) => {
    for (const key of keys) {
      await page.keyboard.press(key, { delay: 60 });
      await page.waitForTimeout(350);
    }
  };
  const open = async () => {
    await untilParked('freedoom');
    const page = await play(browser, engine, 'freedoom', { context });
    const stats = await untilStats(page, (s) => s.start !== null && s.frames.decoded > 10, 'ten pictures');
    assert.equal(stats.start.parked, true);
    await page.locator('[data-part="stage"]').click();
    return page;
  };
  const first = await open();
  // A new game, and a save of it under the name that the game proposes with a letter more.
  await press(first, 'Escape', 'Enter', 'Enter', 'Enter');
  await first.waitForTimeout(2_500);
  const place = await fingerprint(first);
  const saved = () => files(join(engine.data, 'players')).filter((path) => /savegames.*\.dsg$/.test(path));
  await until(async () => {
    await press(first, 'F2', 'Enter', 'KeyA', 'Enter');
    return saved().length > 0;
  }, 'a saved game in the player’s folder', 40_000);
  await end(first);

  const second = await open();
  assert.equal(saved().length, 1, 'the parked start has lost the save');
  const before = difference(place, await fingerprint(second));
  let now;
  await until(async () => {
    await press(second, 'F3', 'Enter');
    await second.waitForTimeout(800);
    now = difference(place, await fingerprint(second));
    return now < SAME_PLACE;
  }, 'the saved place', 40_000).catch((cause) => { throw new Error(`the picture was ${before} from the saved place, and is ${now}`, { cause }); });
  await end(second);
  await context.close();
});

test('parked copies go with their engine, however it ends', async () => {
  for (const how of ['stop', 'kill']) {
    const own = await Engine.start({ titles, parked: true });
    await untilParked('beacon', own);
    const family = own.processes().filter(({ pid }) => pid !== own.child.pid);
    assert.ok(family.some(({ name }) => name === 'beacon'), 'the beacon is parked');
    const lives = () => { const all = processTable(); return family.filter(({ pid, command }) => all.get(pid)?.command === command); };
    await own[how]();
    await until(() => lives().length === 0, 'the parked copies to go');
    if (how === 'stop') assert.deepEqual(cgroups().filter((path) => family.some(({ pid }) => path.includes(String(pid)))), []);
    else own.forget();
  }
});

/** Every file below a folder. */
function files(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    return entry.isDirectory() ? files(path) : [path];
  });
}
