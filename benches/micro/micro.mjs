// Micro benches: what each call of the hot path takes, in time and in allocations. See docs/RESULTS.md.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bar, options, printBars, result, round, table, write } from '../report/report.mjs';
import { barPlot } from '../report/plot.mjs';

const opts = options('Usage: ./bench micro [options]', {
  seconds: { default: 60, help: 'seconds of simulated stream per line', parse: (t) => (Number.isInteger(Number(t)) && Number(t) >= 1 && Number(t) <= 3600 ? Number(t) : undefined) },
  json: { default: undefined, help: 'file to write the result to' },
  plot: { default: undefined, help: 'file to draw the result to (SVG)' },
});

const program = join(process.env.CARGO_TARGET_DIR ?? 'target', 'release', 'micro');
const cases = JSON.parse(execFileSync(program, ['--seconds', String(opts.seconds)], { encoding: 'utf8' }))
  .map((c) => ({ ...c, ns_per_call: round(c.ns_per_call, 1), ns_per_packet: round(c.ns_per_packet, 1), allocations_per_packet: round(c.allocations_per_packet, 6) }));
const bars = [bar('allocations in the hot path on a clean line', cases.filter((c) => c.line === 'clean').reduce((sum, c) => sum + c.allocations, 0), 0, 'in all')];
table([['line', 'call', 'calls', 'ns per call', 'ns per packet', 'allocations'], ...cases.map((c) => [c.line, c.call, c.calls, c.ns_per_call, c.ns_per_packet ?? '-', c.allocations])]);
printBars(bars);
write(opts.json, result('micro', cases, bars, { seconds: opts.seconds }));
if (opts.plot) {
  const drawn = cases.filter((c) => c.line === 'clean').map((c) => ({ label: c.call, p50: c.ns_per_call, p95: c.ns_per_call, color: '#5aa9ff' }));
  writeFileSync(opts.plot, barPlot({ title: 'Time of a call', unit: 'ns', groups: [{ name: 'clean line', bars: drawn }] }));
}
