// One really cheating host of each kind, beside an honest one, against the checker that ships: a gateway that checks, a host process that
// joined it, and where it takes one, a process that speaks in the host's name (benches/cheats/src/liar) or players on the same slots.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Canary, cases } from '../../tests/e2e/lib/canary.mjs';
import { ROOT, titlesFolder, until } from '../../tests/e2e/lib/engine.mjs';
import { openBrowser, play } from '../../tests/e2e/lib/browser.mjs';
import { Gateway, Host, Nats } from '../../tests/e2e/lib/fleet.mjs';
import { barPlot } from '../report/plot.mjs';
import { bar, options, printBars, result, round, table, write } from '../report/report.mjs';

/** Old pictures for new ones: the title is recorded for some seconds, and the recording is shown from then on. */
const REPLAY = `#!/bin/sh
"$(dirname "$0")/beacon" & BEACON=$!
sleep 2
ffmpeg -v error -f x11grab -framerate 60 -video_size 1280x720 -i "$DISPLAY" -t 3 -c:v libx264 -preset ultrafast -qp 0 /tmp/loop.mkv
kill $BEACON
exec ffplay -v error -fs -an -loop 0 /tmp/loop.mkv
`;
const BUSY = (toml) => toml.replace(/^env = .*$/m, 'env = { BEACON_FPS = "60", BEACON_MOTION = "high" }');

/**
 * `about`: what is lied about in the host's name. `args`: of the host itself. `turns`: what it begins with when it has been admitted.
 * `crowd`: players who are on the same machine. `titles`: makes the host's own copy another. `by`: what has to find it out.
 */
const KINDS = {
  honest: { honest: true },
  'bigger claims': { about: 'cores', by: 'challenges' },
  'made-up proofs': { about: 'proofs', by: 'challenges' },
  'oversold slots': { args: ['--slots', '5'], crowd: 4, by: 'canaries' },
  throttles: { args: ['--bitrate-max', '400000'], by: 'canaries' },
  'replays old frames': { titles: (dir) => { writeFileSync(join(dir, 'beacon/bin/replay'), REPLAY); chmodSync(join(dir, 'beacon/bin/replay'), 0o755); },
    edit: (toml) => toml.replace('bin/beacon', 'bin/replay'), by: 'canaries' },
  'far away': { about: 'near', by: 'canaries' },
  'counts what it never sent': { about: 'units', by: 'canaries' },
  'inflates minutes': { about: 'minutes', by: 'canaries' },
  'turns bad': { turns: ['--bitrate-max', '400000'], by: 'canaries' },
};
/** What a line may look like for once is held against nobody: two findings of one kind are needed. */
const GAMES_MAX = 6;

const opts = options('Usage: ./bench liars [options]', {
  kinds: { default: Object.keys(KINDS).join(','), help: 'which, by comma', parse: (t) => (t.split(',').every((kind) => KINDS[kind]) ? t : undefined) },
  'play-s': { default: 10, help: 'seconds of each game of the canary at least', parse: Number },
  json: { default: undefined, help: 'file to write the result to' },
  plot: { default: undefined, help: 'file to draw the result to (SVG)' },
});

const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');

/** A fleet of one host that cheats, and what becomes of it. */
async function run(name, browser) {
  const kind = KINDS[name];
  const folder = mkdtempSync(join(tmpdir(), 'firstlight-liar-'));
  const titles = titlesFolder({ beacon: { from: 'beacon', edit: BUSY } });
  const own = titlesFolder({ beacon: { from: 'beacon', edit: (toml) => (kind.edit ?? ((same) => same))(BUSY(toml)) } });
  kind.titles?.(own);
  const [outer, inner] = [await Nats.start(), await Nats.start()];
  let gateway, host, liar;
  const began = Date.now();
  try {
    gateway = await Gateway.start({ bus: outer.url, titles, check: true });
    const canary = await Canary.admit(gateway, folder);
    const data = join(folder, 'host');
    const lies = kind.about !== undefined;
    const join_ = (more, token) => Host.join(gateway, { titles: own, data, token, args: ['--address', '127.0.0.1', ...(lies ? ['--bus', inner.url] : []), ...more],
      spoken: lies ? () => { liar = spawn(join(target, 'release/liar'), ['--inner', inner.url, '--outer', outer.url, '--data', data, '--about', kind.about], { stdio: 'inherit' }); } : undefined });
    host = await join_(kind.args ?? []);
    const row = () => gateway.host(host.id);
    const found = async (games) => {
      const { state, score, why } = await row();
      return state === 'refused' ? { name, caught: true, by: games === 0 ? 'challenges' : 'canaries', games, seconds: round((Date.now() - began) / 1000, 0), score: score ?? null, why } : null;
    };
    await until(async () => ['open', 'refused'].includes((await row())?.state), `${name}: the host to be checked`, 300_000);
    const early = await found(0);
    if (early) return early;
    if (kind.turns) {
      await canary.game('--play-s', String(opts['play-s']));
      await host.program.end();
      host = await join_(kind.turns, '');
      await until(async () => (await row()).state === 'open', `${name}: the host to be open again`, 60_000);
    }
    const crowd = [];
    for (let n = 0; n < (kind.crowd ?? 0); n++) crowd.push(await play(browser, gateway, 'beacon'));
    const said = [];
    for (let game = 1; game <= GAMES_MAX; game++) {
      const told = await canary.game('--play-s', String(opts['play-s']), '--region-rtt-ms', '5');
      said.push(told);
      // A committee has four stages, each as long as its slowest member takes; alone, seconds.
      await until(async () => (await row()).state === 'refused' || (await cases(gateway, host.id)).length >= game, 'a case', 15_000).catch(() => {});
      const caught = await found(game);
      if (caught) return caught;
      if (kind.honest && game === 3) break;
    }
    for (const page of crowd) await page.context().close();
    const { score } = await row();
    return { name, caught: false, games: said.length, seconds: round((Date.now() - began) / 1000, 0), score: score ?? null, said };
  } finally {
    liar?.kill('SIGTERM');
    if (liar && liar.exitCode === null && liar.signalCode === null) await once(liar, 'exit');
    await host?.program.end();
    await gateway?.stop();
    await Promise.all([outer.kill(), inner.kill()]);
    for (const dir of [folder, titles, own]) rmSync(dir, { recursive: true, force: true });
  }
}

const browser = await openBrowser();
const found = [];
try {
  for (const name of opts.kinds.split(',')) {
    process.stderr.write(`${name}\n`);
    found.push(await run(name, browser));
  }
} finally {
  await browser.close();
}
table([['kind', 'caught', 'by', 'games', 's', 'score', 'why'],
  ...found.map((of) => [of.name, of.caught ? 'yes' : 'no', of.by ?? '-', of.games, of.seconds, of.score ?? '-', of.why ?? JSON.stringify(of.said?.at(-1)?.service ?? '')])]);
const cheats = found.filter(({ name }) => !KINDS[name].honest);
const bars = [
  bar('kinds of cheat caught, of those run', cheats.filter(({ caught }) => caught).length, cheats.length, '', { atLeast: true }),
  bar('honest hosts refused', found.filter(({ name, caught }) => KINDS[name].honest && caught).length, 0, ''),
];
printBars(bars);
write(opts.json, result('liars', found, bars));
if (opts.plot) {
  const bars = found.map((of) => ({ label: of.name, p50: of.seconds, p95: of.seconds, color: of.caught ? '#5f86ff' : '#8a93a5' }));
  writeFileSync(opts.plot, barPlot({ title: 'Until a host was refused, or let be (grey)', unit: 's', groups: [{ name: 'hosts', bars }] }));
}
