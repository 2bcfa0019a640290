// `./bench placement`: runs the program and prints what it measured.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { barPlot } from '../report/plot.mjs';
import { bar, measured, options, printBars, result, round, table, write } from '../report/report.mjs';

const PROGRAM = join(process.env.CARGO_TARGET_DIR ?? 'target', 'release', 'placement');

/** As every file under `deploy/` starts an indexer. */
const HUGE_PAGES = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' };

const given = options('Usage: ./bench placement [options]', {
  hosts: { default: 1_000_000, help: 'hosts', parse: Number },
  regions: { default: 30, help: 'regions', parse: Number },
  titles: { default: 2_000, help: 'titles', parse: Number },
  decisions: { default: 300_000, help: 'decisions that are measured', parse: Number },
  scans: { default: 60, help: 'of those, made by a plain scan as well', parse: Number },
  beats: { default: 2_000_000, help: 'beats that are measured', parse: Number },
  small: { default: 5_000, help: 'hosts of the fleet on which each decision is compared with the best', parse: Number },
  seed: { default: 1, help: 'another imaginary fleet', parse: Number },
  json: { default: undefined, help: 'file to write the result to' },
  plot: { default: undefined, help: 'file to draw the result to (SVG)' },
});

const { json, plot, ...numbers } = given;
const flags = (of) => Object.entries(of).flatMap(([name, value]) => [`--${name}`, String(value)]);
const { speed, quality } = measured(PROGRAM, flags(numbers), HUGE_PAGES);
// The same without, and less of it: how much of the above is due to them.
const small = measured(PROGRAM, flags({ ...numbers, decisions: Math.ceil(numbers.decisions / 3), scans: 1, small: 500 })).speed;

const row = (name, of) => [name, round(of.p50, 2), round(of.p99, 2), round(of.p999, 2), round(of.max, 1), of.n];
console.log(`${speed.hosts} hosts, ${speed.regions} regions, ${speed.titles} titles, ${speed.entries} titles on hosts\n`);
table([
  ['microseconds', 'p50', 'p99', 'p999', 'max', 'n'],
  row('decision', speed.decision_us),
  row('its reasons, as JSON', speed.decision_explained_us),
  row('a plain scan', speed.scan_us),
  row('beat (batches of 1000)', speed.beat_us),
  row('hosts looked at', speed.looked_at),
]);
console.log('');
table([
  ['', 'value'],
  ['decisions/s, one core', round(speed.decisions_per_s, 0)],
  ['the same without huge pages', round(small.decisions_per_s, 0)],
  ['plain scans/s, one core', round(speed.scans_per_s, 1)],
  ['beats/s, one core', round(speed.beats_per_s, 0)],
  ['the same without huge pages', round(small.beats_per_s, 0)],
  ['bytes per host', round(speed.memory_bytes_per_host, 0)],
  ['bytes per host and title', round(speed.memory_bytes_per_entry, 0)],
  ['predicted latency, ms', `${round(quality.latency_ms, 2)} (optimum ${round(quality.latency_ms_optimum, 2)})`],
  ['machines in use', `${quality.hosts_used} (optimum ${quality.hosts_used_optimum})`],
]);

const bars = [
  bar('decisions a second on one core', speed.decisions_per_s, 100_000, '/s', { atLeast: true }),
  bar('decision p99', speed.decision_us.p99, 100, 'us'),
  bar('memory per host and title', speed.memory_bytes_per_entry, 400, 'bytes'),
  bar('beats a second on one core', speed.beats_per_s, 100_000, '/s', { atLeast: true }),
  bar('predicted latency above the optimum', quality.latency_excess * 100, 3, '%'),
  bar('machines in use above the optimum', quality.packing_excess * 100, 3, '%'),
];
printBars(bars);
write(json, result('placement', [{ name: 'speed', ...speed }, { name: 'speed-without-huge-pages', ...small }, { name: 'quality', ...quality }], bars, { options: numbers }));
if (plot) {
  const drawn = [['decision', speed.decision_us, '#5aa9ff'], ['plain scan', speed.scan_us, '#8892a6']];
  const bars = drawn.map(([label, of, color]) => ({ label, p50: of.p50, p95: of.p99, color }));
  writeFileSync(plot, barPlot({ title: 'A decision (p50, p99)', unit: 'us', groups: [{ name: `${speed.hosts} hosts`, bars }] }));
}
