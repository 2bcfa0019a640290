// Density: sessions that replay recorded access units through the whole send path, beside bare quinn and bare webrtc at the same rate and sizes.
// Senders are one process on one thread, players another. See docs/RESULTS.md for what the figures mean.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bar, options, printBars, result, round, table, write } from '../report/report.mjs';
import { barPlot } from '../report/plot.mjs';

const PROGRAM = join(process.env.CARGO_TARGET_DIR ?? 'target', 'release', 'density');
/** Access units at 60 fps with the engine's encoder settings: one-frame VBV, no B frames, an endless GOP. Noise fills the rate. */
const RECORD = ['-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=60,noise=alls=24:allf=t', '-t', '5', '-c:v', 'libx264', '-preset', 'superfast',
  '-tune', 'zerolatency', '-g', '100000', '-b:v', '10M', '-maxrate', '10M', '-bufsize', '167k', '-x264-params', 'aud=1:scenecut=0', '-f', 'h264'];

const count = (most) => (t) => (Number.isInteger(Number(t)) && Number(t) >= 1 && Number(t) <= most ? Number(t) : undefined);
const opts = options('Usage: ./bench density [options]', {
  sessions: { default: 32, help: 'sessions at once, at most 60', parse: count(60) },
  seconds: { default: 10, help: 'seconds to measure, each time', parse: count(600) },
  rounds: { default: 3, help: 'turns of each side; medians count', parse: count(99) },
  json: { default: undefined, help: 'file to write the result to' },
  plot: { default: undefined, help: 'file to draw the result to (SVG)' },
});

/** A child whose lines are JSON. */
class Child {
  constructor(args) {
    this.process = spawn(PROGRAM, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
    this.over = once(this.process, 'exit');
  }

  async next() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`density ${this.process.spawnargs[1]} ended early`);
    return JSON.parse(value);
  }
}

/** What each side sends over, as the program calls it. */
const SIDES = { firstlight: 'quic', quinn: 'bare-quic', 'firstlight, sealed': 'sealed', 'firstlight, WebRTC': 'rtc', webrtc: 'bare-rtc' };

async function turn(units, over) {
  const more = ['--over', over];
  const sender = new Child(['send', '--sessions', opts.sessions, '--seconds', opts.seconds, '--units', units, ...more].map(String));
  let player;
  try {
    const { port, certificate } = await sender.next();
    player = new Child(['play', '--sessions', opts.sessions, '--port', port, '--certificate', certificate, ...more].map(String));
    const sent = await sender.next();
    const played = await player.next();
    await Promise.all([sender.over, player.over]);
    return figures(sent, played);
  } finally {
    sender.process.kill('SIGKILL');
    player?.process.kill('SIGKILL');
  }
}

function figures(sent, played) {
  const cpu = sent.user_s + sent.system_s;
  return {
    gbit_per_core: (sent.bytes * 8) / cpu / 1e9,
    cpu_per_session: cpu / sent.wall_s / opts.sessions,
    us_per_packet: (cpu / sent.packets) * 1e6,
    user_share: sent.user_s / cpu,
    mbit_per_session: (sent.bytes * 8) / sent.wall_s / opts.sessions / 1e6,
    fps: sent.units / sent.wall_s / opts.sessions,
    mib_per_session: (sent.resident_bytes[1] - sent.resident_bytes[0]) / opts.sessions / 2 ** 20,
    skipped: sent.skipped, lost: sent.lost, repeated: sent.repeated, played,
  };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function summary(name, turns) {
  const of = (key) => round(median(turns.map((t) => t[key])), 4);
  return {
    name, turns: turns.length, gbit_per_core: of('gbit_per_core'), cpu_per_session: of('cpu_per_session'), us_per_packet: of('us_per_packet'),
    user_share: of('user_share'), mbit_per_session: of('mbit_per_session'), fps: of('fps'), mib_per_session: of('mib_per_session'),
    skipped: of('skipped'), lost: of('lost'), repeated: of('repeated'), gbit_per_core_turns: turns.map((t) => round(t.gbit_per_core, 4)),
  };
}

const folder = mkdtempSync(join(tmpdir(), 'firstlight-density-'));
try {
  const units = join(folder, 'units.h264');
  console.error('recording access units');
  execFileSync('ffmpeg', ['-loglevel', 'error', ...RECORD, units]);
  const turns = Object.fromEntries(Object.keys(SIDES).map((name) => [name, []]));
  for (let round = 1; round <= opts.rounds; round++) {
    for (const name of Object.keys(turns)) {
      console.error(`round ${round} of ${opts.rounds}: ${name}, ${opts.sessions} sessions`);
      turns[name].push(await turn(units, SIDES[name]));
    }
  }
  const cases = Object.entries(turns).map(([name, list]) => summary(name, list));
  const ours = cases[0];
  // Of turns side by side: whatever else the machine did, it did to both.
  const share = (one, other) => median(turns[one].map((t, i) => t.gbit_per_core / turns[other][i].gbit_per_core));
  const shares = {
    throughput_of_quinn: share('firstlight', 'quinn'), sealed_of_unsealed: share('firstlight, sealed', 'firstlight'), throughput_of_webrtc: share('firstlight, WebRTC', 'webrtc'),
  };
  const bars = [
    bar('throughput per core, of bare quinn\'s', shares.throughput_of_quinn, 0.8, 'of 1', { atLeast: true }),
    bar('throughput per core over WebRTC, of bare webrtc\'s', shares.throughput_of_webrtc, 0.8, 'of 1', { atLeast: true }),
    bar('memory of a session\'s send path', ours.mib_per_session, 2, 'MiB'),
  ];
  table([['', 'Gbit/s per core', 'core per session', 'us per packet', 'Mbit/s each', 'fps', 'MiB each', 'skipped', 'lost'],
    ...cases.map((c) => [c.name, c.gbit_per_core, c.cpu_per_session, c.us_per_packet, c.mbit_per_session, c.fps, c.mib_per_session, c.skipped, c.lost])]);
  printBars(bars);
  console.log(`sealed, of unsealed: ${round(shares.sealed_of_unsealed, 3)}`);
  write(opts.json, result('density', cases, bars, { sessions: opts.sessions, seconds: opts.seconds, ...Object.fromEntries(Object.entries(shares).map(([name, of]) => [name, round(of, 4)])) }));
  if (opts.plot) {
    const drawn = cases.map((c) => ({ label: c.name, p50: c.gbit_per_core, p95: c.gbit_per_core, color: c === ours ? '#5aa9ff' : '#8892a6' }));
    writeFileSync(opts.plot, barPlot({ title: 'Sent per core', unit: 'Gbit/s', groups: [{ name: `${opts.sessions} sessions`, bars: drawn }] }));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
