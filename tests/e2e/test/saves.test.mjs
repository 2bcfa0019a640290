// What a title saves is its player's, and the page of saved games lets him go back, take it along and remove it.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Engine, titlesFolder, until } from '../lib/engine.mjs';
import { openBrowser, play, untilStats } from '../lib/browser.mjs';

/** Each session adds a line to what it saved before. */
const SAVER = '#!/bin/sh\nmkdir -p "$HOME/saves"\necho played >> "$HOME/saves/log"\nexec "$(dirname "$0")/beacon"\n';

let engine, browser, titles;
before(async () => {
  titles = titlesFolder({ saver: { from: 'beacon', edit: (toml) => toml.replace('command = ["bin/beacon"]', 'command = ["bin/saver"]\npersist = ["home/saves"]') } });
  const saver = join(titles, 'saver/bin/saver');
  writeFileSync(saver, SAVER);
  chmodSync(saver, 0o755);
  engine = await Engine.start({ titles });
  browser = await openBrowser();
});
after(async () => { await browser?.close(); await engine?.stop(); rmSync(titles, { recursive: true, force: true }); });

/** A session from its beginning to its end. */
async function playOnce(context) {
  const page = await play(browser, engine, 'saver', { context });
  await untilStats(page, (s) => s.frames.decoded > 10, 'a picture');
  const session = await page.evaluate(() => firstlight.session);
  await engine.operator(`/v1/sessions/${session}`, { method: 'DELETE' });
  await until(async () => (await engine.operator(`/v1/sessions/${session}`)).state === 'ended', 'the session to end');
  await page.close();
}

/** The lines of the newest save, as the page's download has them. */
async function taken(page) {
  const [download] = await Promise.all([page.waitForEvent('download'), page.locator('[data-part=take]').click()]);
  assert.equal(download.suggestedFilename(), 'saver-saves.tar.gz');
  const archive = await download.path();
  assert.ok((await readFile(archive)).length > 0);
  return execFileSync('tar', ['-xzOf', archive, '--wildcards', '*log'], { encoding: 'utf8' }).trim().split('\n').length;
}

test('a player goes back to an older save, takes it along, and removes all of it', async () => {
  const context = await browser.newContext({ acceptDownloads: true });
  const page = await context.newPage();
  await page.goto(`${engine.url}saves`);
  await page.getByText('Nothing saved yet').waitFor();

  for (let n = 1; n <= 2; n++) {
    await playOnce(context);
    // What was saved is put away in the session's last moments.
    await until(async () => {
      await page.reload();
      await page.locator('.saves-list > *').first().waitFor();
      return (await page.locator('[data-version]').count()) === n;
    }, `${n} versions to be listed`);
  }
  assert.equal(await taken(page), 2);

  await page.locator('[data-part=restore]').click();
  await page.getByText('goes on from').waitFor();
  assert.equal(await taken(page), 1, 'the first session alone');
  await playOnce(context);
  await page.reload();
  await until(async () => (await taken(page)) === 2, 'what was gone back to and one session more');

  const remove = page.locator('[data-part=erase]');
  await remove.click();
  await page.getByText('Remove for good?').waitFor();
  await remove.click();
  await page.getByText('Nothing saved yet').waitFor();
  await context.close();
});

test('the library leads there, and another browser sees none of it', async () => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(engine.url);
  await page.getByRole('link', { name: 'Saved games' }).click();
  await page.getByText('Nothing saved yet').waitFor();
  await page.context().close();
});
