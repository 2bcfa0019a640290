// Capture: from a picture's commit, and from an input, to the encoder's input, by each kind of display and by plain X11 capture.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bar, distribution, options, printBars, result, table, write } from '../report/report.mjs';
import { barPlot } from '../report/plot.mjs';

const PROGRAM = join(process.env.CARGO_TARGET_DIR ?? 'target', 'release', 'capture');
/** How each way is called: the engine's displays first. */
const WAYS = { x11: 'X11', wayland: 'Wayland', xwayland: 'Wayland, X11 app', plain: 'X11 by x11grab' };
const SIZES = { '720p': [1280, 720], '1080p': [1920, 1080] };

const count = (most) => (t) => (Number.isInteger(Number(t)) && Number(t) >= 1 && Number(t) <= most ? Number(t) : undefined);
const opts = options('Usage: ./bench capture [options]', {
  seconds: { default: 10, help: 'seconds to measure, each time', parse: count(600) },
  rounds: { default: 3, help: 'turns of each way, interleaved; all samples count', parse: count(99) },
  sizes: { default: '720p', help: `which of ${Object.keys(SIZES).join(', ')}, with commas`, parse: (t) => (t.split(',').every((s) => s in SIZES) ? t : undefined) },
  json: { default: undefined, help: 'file to write the result to' },
  plot: { default: undefined, help: 'file to draw the result to (SVG)' },
});

const cases = [];
for (const size of opts.sizes.split(',')) {
  const [width, height] = SIZES[size];
  const samples = Object.fromEntries(Object.keys(WAYS).map((way) => [way, { commit_ms: [], capture_ms: [], input_ms: [] }]));
  for (let round = 1; round <= opts.rounds; round++) {
    for (const way of Object.keys(WAYS)) {
      const args = ['--way', way, '--seconds', opts.seconds, '--width', width, '--height', height].map(String);
      const measured = JSON.parse(execFileSync(PROGRAM, args, { encoding: 'utf8', maxBuffer: 1 << 26 }));
      for (const [key, values] of Object.entries(measured)) samples[way][key].push(...values);
    }
  }
  for (const [way, name] of Object.entries(WAYS)) {
    const { commit_ms, capture_ms, input_ms } = samples[way];
    cases.push({ name: `${name}, ${size}`, way, size, commit_ms: distribution(commit_ms), capture_ms: distribution(capture_ms), input_ms: distribution(input_ms) });
  }
}

const of = (way, size = '720p') => cases.find((c) => c.way === way && c.size === size);
const bars = [
  bar('Wayland, 720p60: commit to encoder input, p50', of('wayland')?.commit_ms.p50 ?? null, 2, 'ms'),
  bar('Wayland, 720p60: commit to encoder input, p95', of('wayland')?.commit_ms.p95 ?? null, 4, 'ms'),
  bar('Wayland, 720p60: commit to encoder input, p50, less that of X11', of('wayland') ? of('wayland').commit_ms.p50 - of('x11').commit_ms.p50 : null, 0, 'ms'),
  bar('Wayland, 720p60: input to its answer in the encoder input, p50, less that of X11', of('wayland') ? of('wayland').input_ms.p50 - of('x11').input_ms.p50 : null, 0, 'ms'),
];
const cells = (d) => [d.p50, d.p95, d.p99].map((v) => v?.toFixed(2) ?? '-').join(' / ');
table([
  ['way', 'commit to encoder input', 'of that, to at hand', 'pictures', 'input to encoder input', 'inputs'],
  ...cases.map((c) => [c.name, cells(c.commit_ms), cells(c.capture_ms), c.commit_ms.n, cells(c.input_ms), c.input_ms.n]),
]);
console.log('ms: p50 / p95 / p99. The beacon draws 60 a second, each picture is encoded (libx264, 8 Mbit/s), keys fall anywhere between two pictures.');
printBars(bars);
write(opts.json, result('capture', cases, bars, { seconds: opts.seconds, rounds: opts.rounds }));
if (opts.plot) {
  const drawn = (key) => cases.map((c) => ({ label: c.name, p50: c[key].p50, p95: c[key].p95, color: c.way === 'wayland' ? '#5aa9ff' : '#8a8f98' }));
  const groups = [{ name: 'commit to encoder input', bars: drawn('commit_ms') }, { name: 'input to encoder input', bars: drawn('input_ms') }];
  writeFileSync(opts.plot, barPlot({ title: 'Capture', unit: 'ms', groups }));
}
