// What ends, ends in words and not in a frozen picture.
import { after, afterEach, before, beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { Engine, until } from '../lib/engine.mjs';
import { openBrowser, play, untilState, untilStats } from '../lib/browser.mjs';

let engine, browser, page;
before(async () => { browser = await openBrowser(); });
after(async () => { await browser?.close(); });
beforeEach(async () => {
  engine = await Engine.start();
  page = await play(browser, engine, 'beacon');
  await untilStats(page, (s) => s.frames.decoded > 10, 'ten decoded frames');
});
afterEach(async () => { await page?.context().close(); await engine?.stop(); });

const find = (pattern) => engine.processes().find(({ command }) => pattern.test(command));
/** The page may know before the host has heard the worker's last words. */
const untilReason = (reason) => until(async () => (await engine.operator('/v1/sessions')).sessions[0].reason === reason, `the reason ${reason}`);
const words = () => page.evaluate(() => document.body.innerText);

test('a killed app ends in words', async () => {
  const app = engine.processes().find(({ command }) => /^\S*bin\/beacon/.test(command));
  assert.ok(app, 'the app runs below the engine');
  process.kill(app.pid, 'SIGKILL');
  await untilState(page, 'ended');
  assert.match(await words(), /crashed|stopped unexpectedly|ended unexpectedly/i);
  assert.doesNotMatch(await words(), /SIGKILL|signal|exit code/i, 'the cause is for the operator, not for the player');
  await untilReason('title_crashed');
});

test('a killed worker ends in words', async () => {
  process.kill(find(/firstlight\S* worker/).pid, 'SIGKILL');
  await untilState(page, 'ended');
  assert.match(await words(), /fault|went wrong|failed/i);
  await untilReason('engine_fault');
});

test('a killed engine is told at once, and nothing of it survives', async () => {
  const family = engine.processes();
  await engine.kill();
  await until(async () => !['playing', 'connecting'].includes(await page.evaluate(() => firstlight.state)), 'the page to notice');
  await until(async () => /engine|server|cannot be reached|unreachable/i.test(await words()), 'words about the engine');
  await until(() => family.every(({ pid }) => { try { process.kill(pid, 0); return false; } catch { return true; } }),
    'the processes of the killed engine to be gone');
});

test('the player ends the session and may start anew', async () => {
  await page.evaluate(() => firstlight.end());
  await untilState(page, 'ended');
  await untilReason('by_player');
  await page.reload();
  await untilState(page, 'playing');
});
