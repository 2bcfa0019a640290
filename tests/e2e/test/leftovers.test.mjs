// Ctrl-C, and kill -9 followed by a new start, leave nothing behind.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine, cgroups, processTable, udpPorts, until } from '../lib/engine.mjs';
import { openBrowser, play, untilState, untilStats } from '../lib/browser.mjs';

const ours = (path) => /firstlight/.test(path) && !/firstlight-(data|titles)-/.test(path);
const temporary = () => [...readdirSync('/tmp'), ...readdirSync('/tmp/.X11-unix'), ...readdirSync('/run')].filter((name) => ours(name) || /^X\d+$/.test(name) || /^\.X\d+-lock$/.test(name)).sort();
const sandboxed = () => [...processTable().values()].filter(({ name }) => /^(Xvfb|pulseaudio|bwrap|beacon|parec)$/.test(name)).map(({ pid, name }) => `${name} ${pid}`);
const alive = (family) => family.filter(({ pid, command }) => processTable().get(pid)?.command === command);

test('Ctrl-C with a player attached leaves no process, socket, cgroup or temporary folder, and the page says why', async (t) => {
  const browser = await openBrowser();
  t.after(() => browser.close());
  const before = { temporary: temporary(), cgroups: cgroups(), sandboxed: sandboxed() };
  const engine = await Engine.start();
  const page = await play(browser, engine, 'beacon');
  await untilStats(page, (s) => s.frames.decoded > 10, 'a picture');
  const family = engine.processes();
  assert.ok(family.length > 4, 'engine, worker, display, sound and app run');
  const data = readdirSync(engine.data);
  assert.equal(await engine.stop(), 0, engine.lines.join('\n'));
  assert.deepEqual(alive(family), []);
  assert.deepEqual([...udpPorts()].filter((port) => port >= engine.mediaPorts[0] && port <= engine.mediaPorts[1]), []);
  assert.deepEqual({ temporary: temporary(), cgroups: cgroups(), sandboxed: sandboxed() }, before, `data held ${data}`);
  await untilState(page, 'ended');
  assert.match(await page.evaluate(() => document.body.innerText), /engine|server|stopp/i);
});

test('what a kill -9 leaves is removed by the next start', async (t) => {
  const browser = await openBrowser();
  t.after(() => browser.close());
  const data = mkdtempSync(join(tmpdir(), 'firstlight-data-'));
  const before = { temporary: temporary(), cgroups: cgroups(), sandboxed: sandboxed() };
  const first = await Engine.start({ data });
  await play(browser, first, 'beacon');
  const family = first.processes();
  // The engine and its worker at once: nobody is left to clean up.
  for (const { pid, command } of family) if (/firstlight\S* (up|worker)/.test(command)) process.kill(pid, 'SIGKILL');
  await first.exited;
  // A sandbox that is being born just then (a copy to be parked) waits for its dead maker for ever: that one is the next start's.
  await until(() => alive(family).every(({ name }) => name === 'bwrap'), () => `everything to be gone: ${JSON.stringify(alive(family))}`);
  const second = await Engine.start({ data });
  await second.stop();
  assert.deepEqual(alive(family), []);
  await until(() => JSON.stringify({ temporary: temporary(), cgroups: cgroups(), sandboxed: sandboxed() }) === JSON.stringify(before),
    `the leftovers to be gone: ${JSON.stringify({ temporary: temporary(), cgroups: cgroups(), sandboxed: sandboxed() })}, before: ${JSON.stringify(before)}`, 5_000);
  rmSync(data, { recursive: true, force: true });
});
