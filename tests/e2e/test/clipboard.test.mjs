// Text goes from the player's clipboard to the title's and back, where the title's manifest says so, and from his keyboard whatever is on it.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Engine, binary, until } from '../lib/engine.mjs';
import { openBrowser, play, untilStats } from '../lib/browser.mjs';

let engine, browser, titles;
before(async () => {
  titles = mkdtempSync(join(tmpdir(), 'firstlight-titles-'));
  scribe('x11', 'both');
  scribe('wayland', 'both');
  scribe('x11', 'none');
  engine = await Engine.start({ titles });
  browser = await openBrowser();
});
after(async () => { await browser?.close(); await engine?.stop(); rmSync(titles, { recursive: true, force: true }); });

/** A title whose program copies on `1`, and on V pastes and copies what it found, with a word of its own. */
function scribe(kind, clipboard) {
  const program = join(dirname(binary()), 'container-scene');
  if (!existsSync(program)) throw new Error(`${program} is not there: ./test e2e builds it`);
  const id = `${kind}-${clipboard}`;
  mkdirSync(join(titles, id, 'bin'), { recursive: true });
  cpSync(program, join(titles, id, 'bin/scene'));
  writeFileSync(join(titles, id, 'title.toml'), `id = "${id}"\nname = "${id}"\nversion = "1"\n[run]\ncommand = ["bin/scene", "clipboard"]\n`
    + `[display]\nkind = "${kind}"\nwidth = 640\nheight = 360\n[audio]\nenabled = false\n[input]\nclipboard = "${clipboard}"\n`);
}

const mine = (page) => page.evaluate(() => navigator.clipboard.readText());
const copy = (page, text) => page.evaluate((text) => navigator.clipboard.writeText(text), text);

async function open(title, script) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, permissions: ['clipboard-read', 'clipboard-write'] });
  if (script) await context.addInitScript(script);
  const page = await play(browser, engine, title, { context });
  await page.locator('[data-part=stage]').click();
  return page;
}

for (const kind of ['x11', 'wayland']) {
  test(`what a program copies is the player's, and what the player pastes is the program's: ${kind}`, async () => {
    const page = await open(`${kind}-both`);
    await until(async () => {
      await page.keyboard.press('1');
      return (await mine(page)) === 'grüß 😀';
    }, 'what the program copied');
    await copy(page, 'two\r\nlines');
    await page.keyboard.press('Control+V');
    await until(async () => (await mine(page)) === 'two\nlines, heard', 'what the program made of it');
    // By the bar's button as well.
    await copy(page, 'by hand');
    await page.locator('[data-part=paste]').dispatchEvent('click');
    await until(async () => (await mine(page)) === 'by hand, heard', 'what the program made of it');
    await page.context().close();
  });
}

test('what the browser refuses waits for a press in the bar', async () => {
  const page = await open('x11-both', () => {
    const write = navigator.clipboard.writeText.bind(navigator.clipboard);
    globalThis.refuses = true;
    navigator.clipboard.writeText = (text) => (globalThis.refuses ? Promise.reject(new DOMException('', 'NotAllowedError')) : write(text));
  });
  const button = page.locator('[data-part=copy]');
  assert.equal(await button.isVisible(), false);
  await until(async () => {
    await page.keyboard.press('1');
    return page.locator('[data-part=copy]:not([hidden])').count();
  }, 'the button');
  await page.evaluate(() => { globalThis.refuses = false; });
  await button.dispatchEvent('click');
  await until(async () => (await mine(page)) === 'grüß 😀', 'what the program copied');
  assert.equal(await page.locator('[data-part=copy]:not([hidden])').count(), 0);
  await page.context().close();
});

test('a title whose manifest says nothing has no part in it', async () => {
  const page = await open('x11-none');
  await copy(page, 'a secret');
  await page.keyboard.press('1');
  await page.keyboard.press('Control+V');
  // The program has the keys, and has copied.
  await untilStats(page, ({ input }) => input.events >= 6 && input.unacknowledged === 0, 'the keys at the host');
  assert.equal(await page.locator('[data-part=paste]:not([hidden])').count(), 0);
  assert.equal(await mine(page), 'a secret');
  await page.context().close();
});

for (const kind of ['x11', 'wayland']) {
  test(`what no key of the player's stands for is typed all the same: ${kind}`, async () => {
    const page = await open(`${kind}-both`);
    await page.locator('[data-part=type]').dispatchEvent('click');
    await page.waitForFunction(() => document.activeElement?.className === 'typing');
    await page.keyboard.insertText('é漢😀');
    await until(async () => (await mine(page)).endsWith('é漢😀'), 'what was typed');
    // Keys that make no text go to the title as keys, and the others as text.
    await page.keyboard.press('q');
    await until(async () => (await mine(page)).endsWith('é漢😀q'), 'what was typed');
    await page.locator('[data-part=type]').dispatchEvent('click');
    await page.waitForFunction(() => document.activeElement?.dataset.part === 'stage');
    await page.keyboard.press('w');
    await until(async () => (await mine(page)).endsWith('é漢😀qw'), 'a key');
    await page.context().close();
  });
}
