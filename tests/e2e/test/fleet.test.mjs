// Machines join a fleet, carry players, drain and leave; one that vanishes is missed at once.
import { after, afterEach, before, beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Engine, binary, freePort, until } from '../lib/engine.mjs';
import { openBrowser, play, untilState, untilStats } from '../lib/browser.mjs';
import { Gateway, Host, Nats } from '../lib/fleet.mjs';

let nats, gateway, browser, page, hosts;
before(async () => { [nats, browser] = await Promise.all([Nats.start(), openBrowser()]); });
after(async () => { await browser?.close(); await nats?.kill(); });
beforeEach(async () => {
  hosts = [];
  gateway = await Gateway.start({ bus: nats.url });
});
afterEach(async () => {
  await page?.context().close();
  page = undefined;
  for (const host of hosts) await host.stop();
  await gateway?.stop();
});

const joined = async (options) => {
  const host = await Host.join(gateway, options);
  hosts.push(host);
  return host;
};
const sessionOf = (page) => page.evaluate(() => firstlight.session);
const words = () => page.evaluate(() => document.body.innerText);

test('a machine that joins is measured, and carries a player until he is done; then it leaves and nobody is lost', async () => {
  const metrics = `127.0.0.1:${await freePort()}`;
  const host = await joined({ args: ['--region', 'eu-1', '--name', 'box', '--metrics', metrics] });
  const row = await gateway.host(host.id);
  assert.deepEqual([row.name, row.region, row.sessions], ['box', 'eu-1', 0]);
  assert.ok(row.slots > 0 && row.titles > 0 && row.stages_ms > 0, JSON.stringify(row));

  page = await play(browser, gateway, 'beacon');
  await untilStats(page, (s) => s.frames.decoded > 30, 'thirty decoded frames');
  await page.keyboard.press('KeyA', { delay: 50 });
  await untilStats(page, (s) => s.input.events > 0 && s.input.unacknowledged === 0, 'keys to be acknowledged');
  assert.ok(host.processes().some(({ command }) => /firstlight\S* worker/.test(command)), 'the session runs below the host');
  await until(async () => (await gateway.host(host.id)).sessions === 1, 'the gateway to count the session');
  const told = await fetch(`http://${metrics}/metrics`);
  assert.match(await told.text(), /^host_sessions_attached_total\{by="ticket",transport="webtransport"\} 1$/m, 'its provider sees it as well');

  const drain = host.tell('drain');
  await drain.untilLine(/one session goes on/, 'the drain said what it waits for');
  await until(async () => (await gateway.host(host.id)).state === 'draining', 'the gateway to know of the drain');
  const refused = await fetch(`${gateway.url}v1/sessions`, {
    method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer flp_${'B'.repeat(43)}` }, body: '{"title":"beacon"}' });
  assert.equal(refused.status, 503, 'nothing new comes to a host that drains');
  const before = (await page.evaluate(() => firstlight.stats())).frames.decoded;
  await untilStats(page, (s) => s.frames.decoded > before + 30, 'the player to go on');
  assert.equal(drain.isRunning, true);
  // It ends the waiting, not the draining.
  await drain.end();
  assert.equal((await gateway.host(host.id)).state, 'draining');

  const leave = host.tell('leave');
  await leave.untilLine(/Leaving: nothing new is taken; one session goes on/, 'the leave said what it waits for');
  await page.evaluate(() => firstlight.end());
  await untilState(page, 'ended');
  const [[left], [code]] = await Promise.all([leave.exited, host.program.exited]);
  assert.deepEqual([left, code], [0, 0]);
  assert.match(leave.lines.at(-1), /^Left/);
  await until(async () => (await gateway.host(host.id)).state === 'left', 'the gateway to know that it left');
  assert.doesNotMatch(await gateway.operator('/metrics'), /^cell_hosts_lost_total [1-9]/m);
});

test('the players of a machine that vanishes are told within seconds, and go on elsewhere', async () => {
  const host = await joined();
  page = await play(browser, gateway, 'beacon');
  await untilStats(page, (s) => s.frames.decoded > 30, 'thirty decoded frames');
  const session = await sessionOf(page);
  const other = await joined();
  const family = host.processes();
  await host.kill();
  await untilState(page, 'ended');
  assert.match(await words(), /machine you played on is gone/i);
  const { state, reason } = await gateway.session(session);
  assert.deepEqual([state, reason], ['ended', 'host_lost']);
  assert.equal((await gateway.host(host.id)).state, 'lost');
  await until(() => family.every(({ pid }) => { try { process.kill(pid, 0); return false; } catch { return true; } }),
    'the processes of the killed host to be gone');
  // The button of the card that the player sees.
  await page.getByRole('button', { name: /again/i }).click();
  await untilState(page, 'playing');
  assert.notEqual(await sessionOf(page), session);
  await untilStats(page, (s) => s.frames.decoded > 30, 'a picture from the other machine');
  assert.equal((await gateway.host(other.id)).state, 'open');
  assert.ok(other.processes().some(({ command }) => /firstlight\S* worker/.test(command)));
});

test('a killed machine comes back under its own name, without a token', async () => {
  const host = await joined();
  await host.kill();
  const again = await Host.join(gateway, { data: host.data, token: '' });
  hosts.push(again);
  assert.equal(again.id, host.id);
  page = await play(browser, gateway, 'beacon');
  await untilStats(page, (s) => s.frames.decoded > 10, 'a picture');
});

test('players play on while NATS is away, and new ones come when it is back', async () => {
  await joined();
  page = await play(browser, gateway, 'beacon');
  await untilStats(page, (s) => s.frames.decoded > 30, 'thirty decoded frames');
  await nats.kill();
  const before = (await page.evaluate(() => firstlight.stats())).frames.decoded;
  await untilStats(page, (s) => s.frames.decoded > before + 120, 'pictures without a bus');
  assert.equal(await page.evaluate(() => firstlight.state), 'playing');
  const connected = () => gateway.program.lines.filter((line) => /the bus is connected/.test(line)).length;
  const had = connected();
  await nats.start();
  // Until then it says that nobody can be placed here.
  await until(() => connected() > had, 'the gateway to be connected again', 60_000);
  const second = await play(browser, gateway, 'beacon');
  await untilStats(second, (s) => s.frames.decoded > 10, 'a picture for somebody new');
  assert.equal(await page.evaluate(() => firstlight.state), 'playing', 'nobody was cut off');
  await second.context().close();
});

test('an engine with a host of its own takes others beside it', async () => {
  const engine = await Engine.start({ args: ['--bus', nats.url, '--trust-hosts'] });
  try {
    const at = { url: engine.url, token: async () => (await engine.operator('/v1/hosts/tokens', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })).token,
      host: async (id) => (await engine.operator('/v1/hosts')).hosts.find(({ host }) => host === id) };
    const host = await Host.join(at);
    hosts.push(host);
    const { hosts: all } = await engine.operator('/v1/hosts');
    const own = all.find((row) => row.host !== host.id);
    await engine.operator(`/v1/hosts/${own.host}/cordon`, { method: 'POST', body: '{"on":true}', headers: { 'content-type': 'application/json' } });
    page = await play(browser, engine, 'beacon');
    await untilStats(page, (s) => s.frames.decoded > 30, 'thirty decoded frames');
    assert.ok(host.processes().some(({ command }) => /firstlight\S* worker/.test(command)), 'it runs on the machine that joined');
  } finally {
    await engine.stop();
  }
});

test('a machine that joins proves what it says before anybody is sent to it, and what it proved can be judged again', async () => {
  const strict = await Gateway.start({ bus: nats.url, check: true });
  try {
    const host = await Host.join(strict);
    hosts.push(host);
    // A late answer is asked for again, later each time: 5, 10, 20, 40, 80 and 160 s.
    await until(async () => (await strict.host(host.id)).state === 'open', 'the host to be proven', 330_000);
    page = await play(browser, strict, 'beacon');
    await untilStats(page, (s) => s.frames.decoded > 30, 'thirty decoded frames');

    const evidence = join(strict.data, 'evidence');
    writeFileSync(evidence, await strict.operator(`/v1/hosts/${host.id}/evidence`));
    const judged = spawnSync(binary(), ['checker', 'verify', evidence], { encoding: 'utf8' });
    assert.equal(judged.status, 0, judged.stdout + judged.stderr);
    for (const kind of ['compute', 'memory', 'disk', 'encode']) {
      assert.match(judged.stdout, new RegExp(`${kind} of host ${host.id}.*holds: proven`));
    }
    const [first] = readFileSync(evidence, 'utf8').split('\n');
    const at = Math.floor(first.length / 2);
    writeFileSync(evidence, `${first.slice(0, at)}${first[at] === 'A' ? 'B' : 'A'}${first.slice(at + 1)}\n`);
    assert.equal(spawnSync(binary(), ['checker', 'verify', evidence]).status, 1, 'a record that was changed');
  } finally {
    await strict.stop();
  }
});
