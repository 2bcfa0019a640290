// A real game in a real browser: picture, keys, sound.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { join, relative } from 'node:path';
import { Engine, ROOT, until } from '../lib/engine.mjs';
import { difference, fingerprint, openBrowser, play, untilStats } from '../lib/browser.mjs';

let engine, browser;
// As `./run` names it: from the folder in which the engine is started.
const titles = relative(process.cwd(), join(ROOT, 'titles'));
before(async () => { engine = await Engine.start({ titles }); browser = await openBrowser(); });
after(async () => { await browser?.close(); await engine?.stop(); });

/** The game's own sounds and music are far above this; digital silence is 0. */
const AUDIBLE = 0.0005;
/** A menu over the title picture changes the grid by more than this; noise of the encoder stays under a third of it. */
const MENU = 0.6;

test('Freedoom arrives, a key opens its menu and closes it, it is heard, and it moves', async () => {
  const page = await play(browser, engine, 'freedoom');
  await untilStats(page, (s) => s.frames.decoded > 10, 'ten decoded frames');
  const stats = await page.evaluate(() => firstlight.stats());
  assert.deepEqual([stats.width, stats.height], [1280, 720]);
  const shown = await until(async () => {
    const print = await fingerprint(page);
    return print && Math.max(...print) > 40 && print;
  }, 'a picture that is not black');

  await page.locator('[data-part="stage"]').click();
  let menu;
  await until(async () => {
    await page.keyboard.press('Escape', { delay: 60 });
    menu = await settled(page);
    return difference(shown, menu) > MENU;
  }, 'Escape to open the menu');
  await page.keyboard.press('Escape', { delay: 60 });
  await until(async () => difference(menu, await settled(page)) > MENU, 'Escape to close the menu');

  await untilStats(page, (s) => s.audio.level > 0.0005, `a sound level over ${AUDIBLE}`);

  // A new game: it moves when the player walks.
  for (const key of ['Escape', 'Enter', 'Enter', 'Enter']) {
    await page.keyboard.press(key, { delay: 60 });
    await settled(page);
  }
  const standing = await settled(page);
  await page.keyboard.down('ArrowLeft');
  await until(async () => difference(standing, await fingerprint(page)) > 4, 'the view to turn while a key is held');
  await page.keyboard.up('ArrowLeft');
  await page.context().close();
});

test('the second title plays from its manifest alone', async () => {
  const { titles } = await (await fetch(`${engine.url}v1/titles`)).json();
  const second = titles.find(({ id }) => id !== 'freedoom' && id !== 'beacon');
  assert.ok(second, 'there is a second real title');
  const page = await play(browser, engine, second.id);
  await untilStats(page, (s) => s.frames.decoded > 10, 'ten decoded frames');
  await until(async () => {
    const print = await fingerprint(page);
    return print && Math.max(...print) - Math.min(...print) > 60;
  }, 'a picture with light and dark in it', 40_000);
  await page.context().close();
});

/** The fingerprint once two in a row are nearly alike, or after a second of movement. */
async function settled(page) {
  let last = await fingerprint(page);
  for (let i = 0; i < 10; i++) {
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)));
    const next = await fingerprint(page);
    if (difference(last, next) < 0.05) return next;
    last = next;
  }
  return last;
}
