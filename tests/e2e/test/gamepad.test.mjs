// A gamepad of the browser is one of the title: its buttons arrive, its motors run, and nothing stays pressed when nobody looks.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { Engine, titlesFolder, until } from '../lib/engine.mjs';
import { RECT, decodeBarcode, sampleBarcode } from '../lib/barcode.mjs';
import { openBrowser, play, untilStats } from '../lib/browser.mjs';

let engine, browser, titles;
before(async () => {
  titles = titlesFolder({ pads: { from: 'beacon', edit: (toml) => toml.replace(/^gamepads = .*$/m, 'gamepads = 2') } });
  engine = await Engine.start({ titles });
  browser = await openBrowser();
});
after(async () => { await browser?.close(); await engine?.stop(); rmSync(titles, { recursive: true, force: true }); });

/** Runs in the page, before its own scripts: gamepads that the test plugs in, presses and feels. */
function fakeGamepads() {
  const pads = [null, null, null, null];
  const tell = (type, gamepad) => dispatchEvent(Object.assign(new Event(type), { gamepad }));
  navigator.getGamepads = () => pads;
  globalThis.fake = {
    effects: [],
    plug(index) {
      const vibrationActuator = {
        playEffect: async (type, effect) => { globalThis.fake.effects.push({ index, type, ...effect }); return 'complete'; },
        reset: async () => { globalThis.fake.effects.push({ index, type: 'reset' }); return 'complete'; },
      };
      const buttons = Array.from({ length: 17 }, () => ({ pressed: false, touched: false, value: 0 }));
      pads[index] = { id: 'fake', index, connected: true, mapping: 'standard', timestamp: 0, axes: [0, 0, 0, 0], buttons, vibrationActuator };
      tell('gamepadconnected', pads[index]);
    },
    unplug(index) {
      const gone = pads[index];
      pads[index] = null;
      tell('gamepaddisconnected', gone);
    },
    press(index, button, pressed) { pads[index].buttons[button] = { pressed, touched: pressed, value: Number(pressed) }; },
    move(index, axis, value) { pads[index].axes[axis] = value; },
  };
}

/** Presses A until the app, which looks for gamepads twice a second, has found the gamepad and runs its motors. */
async function holdA(page, index) {
  await until(async () => {
    await fake(page, 'press', index, 0, true);
    const felt = await page.waitForFunction(() => (globalThis.rumbles.at(-1)?.strong ?? 0) > 0, null, { timeout: 300 }).catch(() => null);
    if (felt === null) await fake(page, 'press', index, 0, false);
    return felt;
  }, 'the motors of a gamepad whose A is down');
}

/** Opens the title with fake gamepads; the page counts what the app saw, and keeps what its motors were told. */
async function playWithPads() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  await context.addInitScript(fakeGamepads);
  const page = await play(browser, engine, 'pads', { context });
  await page.evaluate(`globalThis.sampleBarcode = ${sampleBarcode}`);
  await page.evaluate((rect) => {
    globalThis.rumbles = [];
    globalThis.newest = null;
    firstlight.on('rumble', (rumble) => rumbles.push(rumble));
    firstlight.observe(rect, ({ luma }) => { newest = sampleBarcode(luma); });
  }, RECT);
  return page;
}

/** How much input the app has seen. */
async function seen(page) {
  const bytes = await until(() => page.evaluate(() => globalThis.newest), 'a picture');
  return decodeBarcode(bytes)?.inputs ?? -1;
}

const last = (page) => page.evaluate(() => globalThis.rumbles.at(-1) ?? null);
const fake = (page, name, ...args) => page.evaluate(([name, args]) => globalThis.fake[name](...args), [name, args]);

test('buttons and sticks arrive, the motors run and stop, and the page says that a gamepad is in use', async () => {
  const page = await playWithPads();
  await fake(page, 'plug', 2);
  await page.waitForFunction(() => document.querySelector('.hint')?.textContent === 'Gamepad 1 is ready');
  await untilStats(page, (s) => s.input.gamepads === 1, 'a gamepad in the statistics');
  await page.keyboard.press('Control+Alt+Shift+S');
  await page.waitForFunction(() => document.body.innerText.includes('1 in use'));

  const before = await seen(page);
  await holdA(page, 2);
  assert.deepEqual(await page.evaluate(() => fake.effects.at(-1)), { index: 2, type: 'dual-rumble', duration: 2000, strongMagnitude: 1, weakMagnitude: 32767 / 65535 });
  assert.ok(await seen(page) > before, 'the press was seen');
  await fake(page, 'press', 2, 0, false);
  await until(async () => (await last(page)).strong === 0, 'the motors to stop');
  assert.equal(await page.evaluate(() => fake.effects.at(-1).type), 'reset');

  const still = await seen(page);
  await fake(page, 'move', 2, 0, -1);
  await until(async () => (await seen(page)) > still, 'a moved stick');
  await fake(page, 'unplug', 2);
  await untilStats(page, (s) => s.input.gamepads === 0, 'no gamepad in the statistics');
  await page.context().close();
});

test('a page that nobody sees holds no button, and one that is seen again holds what is held', async () => {
  const page = await playWithPads();
  await fake(page, 'plug', 0);
  await untilStats(page, (s) => s.input.gamepads === 1, 'a gamepad');
  await holdA(page, 0);

  const hide = (hidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => (hidden ? 'hidden' : 'visible') });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await hide(true);
  await until(async () => (await last(page)).strong === 0, 'the button to be up in the app');
  assert.equal(await page.evaluate(() => fake.effects.at(-1).type), 'reset', 'and the motors to rest');
  await hide(false);
  await until(async () => (await last(page)).strong > 0, 'the button that is still down');
  await fake(page, 'press', 0, 0, false);
  await until(async () => (await last(page)).strong === 0, 'the release');
  await page.context().close();
});

test('a third gamepad is one too many for a title of two', async () => {
  const page = await playWithPads();
  for (const index of [0, 1, 3]) await fake(page, 'plug', index);
  await page.waitForFunction(() => document.querySelector('.hint')?.textContent === 'This game takes no more gamepads');
  await untilStats(page, (s) => s.input.gamepads === 2, 'two gamepads');
  const events = (await page.evaluate(() => firstlight.stats())).input.events;
  await fake(page, 'press', 1, 3, true);
  await untilStats(page, (s) => s.input.events > events && s.input.unacknowledged === 0, 'a press on the second to be heard');
  await page.context().close();
});
