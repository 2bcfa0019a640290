// A machine that joins, proves what it says and serves players, and gives them less one day: it is found out by a checker that plays like
// anybody, loses its rank and then its admission, and its provider is told why.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binary, titlesFolder, until } from '../lib/engine.mjs';
import { openBrowser, play, untilStats } from '../lib/browser.mjs';
import { Canary, cases } from '../lib/canary.mjs';
import { Gateway, Host, Nats } from '../lib/fleet.mjs';

/** As many games as it takes at most: what a line may look like for once is held against nobody, and on a busy machine the checker abstains. */
const GAMES_MAX = 12;
let nats, gateway, browser, titles, folder, host;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'firstlight-canary-'));
  titles = titlesFolder({ beacon: { from: 'beacon', edit: (toml) => toml.replace(/^env = .*$/m, 'env = { BEACON_FPS = "60", BEACON_MOTION = "high" }') } });
  nats = await Nats.start();
  gateway = await Gateway.start({ bus: nats.url, titles, check: true });
});
after(async () => {
  await browser?.close();
  await host?.stop();
  await gateway?.stop();
  await nats?.kill();
  for (const dir of [folder, titles]) rmSync(dir, { recursive: true, force: true });
});

const row = () => gateway.host(host.id);

/** Whether nobody is sent to any host; a session that was begun all the same is ended. */
async function isClosed({ url }) {
  const headers = { 'content-type': 'application/json', authorization: `Bearer flp_${'B'.repeat(43)}` };
  const answer = await fetch(new URL('v1/sessions', url), { method: 'POST', headers, body: '{"title":"beacon"}' });
  const { session } = await answer.json();
  if (session !== undefined) await fetch(new URL(`v1/sessions/${session}`, url), { method: 'DELETE', headers });
  return answer.status === 503;
}

/** Waits for what the gateway says of the host; says what both said where it does not come. */
const untilRow = (condition, what, timeout) => until(async () => condition(await row()), what, timeout).catch(async (error) => {
  const said = (program) => program.lines.slice(-15).join('\n');
  throw new Error(`${error.message}; it is ${JSON.stringify(await row())}\ngateway:\n${said(gateway.program)}\nhost:\n${said(host.program)}`);
});

test('a machine that gives players less than it could is found out, loses its rank, then its admission, and is told why', async (t) => {
  host = await Host.join(gateway, { titles });
  // A late answer is asked for again, later each time: 5, 10, 20, 40, 80 and 160 s.
  await untilRow(({ state }) => state === 'open', 'the host to be proven', 330_000);
  browser = await openBrowser();
  const page = await play(browser, gateway, 'beacon');
  await untilStats(page, (s) => s.frames.decoded > 60, 'sixty decoded frames');
  await page.evaluate(() => firstlight.end());
  await page.context().close();

  // Nobody's word is taken before an operator has let him testify.
  const refused = await fetch(`${gateway.url}v1/testimonies`, { method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ session: 'abc', checker: 'a'.repeat(64), seen: {}, signed: 'A'.repeat(86) }) });
  assert.ok([403, 404].includes(refused.status), String(refused.status));
  const canary = await Canary.admit(gateway, folder);

  // It begins to throttle, under its own name.
  const { data, id } = host;
  await host.program.end();
  host = await Host.join(gateway, { titles, data, token: '', args: ['--bitrate-max', '400000'] });
  assert.equal(host.id, id);
  await untilRow(({ state }) => state === 'open', 'the host to be open again', 60_000);

  let rank;
  for (let game = 1; game <= GAMES_MAX; game++) {
    const said = await canary.game('--play-s', '10');
    if (said.abstained !== undefined) { t.diagnostic(`game ${game}: ${said.abstained}`); continue; }
    const before = (await cases(gateway, host.id)).length;
    const closed = async () => (await cases(gateway, host.id)).length > before;
    await untilRow(closed, `the case of game ${game} to be closed: ${JSON.stringify(said)}`, 60_000);
    const now = await row();
    t.diagnostic(`game ${game}: ${now.state}, score ${now.score}, ${now.why ?? ''}`);
    if (now.state === 'refused') break;
    // One case is not enough to be refused, and costs it its rank.
    rank ??= now.score;
  }
  const found = await row();
  assert.equal(found.state, 'refused', JSON.stringify(found));
  assert.ok(rank <= 55, `after its first case its score was ${rank}`);
  assert.match(found.why, /^sessions: (players got less than their lines carry|pictures were missing)/);
  await host.program.untilLine(/sends no players here.*sessions: /, 'the host was told why');

  // Nobody is sent to it, and what was found can be judged again by anybody.
  await until(() => isClosed(gateway), 'the host to be closed with its next beat');
  const file = join(folder, 'evidence');
  const text = await gateway.operator(`/v1/hosts/${host.id}/evidence`);
  writeFileSync(file, text);
  const judged = spawnSync(binary(), ['checker', 'verify', file], { encoding: 'utf8' });
  assert.equal(judged.status, 0, judged.stdout + judged.stderr);
  assert.match(judged.stdout, new RegExp(`case of host ${host.id}.*holds: penalised`));
  writeFileSync(file, text.replaceAll('"outcome":"penalised"', '"outcome":"dismissed"'));
  assert.equal(spawnSync(binary(), ['checker', 'verify', file]).status, 1, 'a case that says something else');
});
