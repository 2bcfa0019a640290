// `./bench leases`: runs the program and prints what it measured.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { barPlot } from '../report/plot.mjs';
import { bar, options, printBars, result, round, table, write } from '../report/report.mjs';

const PROGRAM = join(process.env.CARGO_TARGET_DIR ?? 'target', 'release', 'leases');

const given = options('Usage: ./bench leases [options]', {
  seconds: { default: 4, help: 'seconds of each case', parse: Number },
  clients: { default: '1,4,8,16,32', help: 'clients at once, one case each' },
  'in-flight': { default: 16, help: 'requests in flight per client of the batched case', parse: Number },
  slots: { default: 1_000_000, help: 'slots of the imaginary fleet', parse: Number },
  json: { default: undefined, help: 'file to write the result to' },
  plot: { default: undefined, help: 'file to draw the result to (SVG)' },
});

const { json, plot, ...numbers } = given;
const flags = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
const { cases } = JSON.parse(execFileSync(PROGRAM, flags, { encoding: 'utf8', maxBuffer: 1 << 24 }));

table([
  ['store', 'clients', 'in flight', 'placements/s', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms', 'n', 'double'],
  ...cases.map((c) => [c.name, c.clients, c.in_flight, c.per_s, round(c.placed_ms.p50, 2), round(c.placed_ms.p95, 2),
    round(c.placed_ms.p99, 2), round(c.placed_ms.max, 1), c.placed_ms.n, c.double]),
]);

const of = (name) => cases.filter((c) => c.name === name);
const best = (list) => list.reduce((a, b) => (b.per_s > a.per_s ? b : a));
const postgres = best(of('postgres'));
const most = of('postgres').at(-1);
const bare = of('bare update skip locked').find((c) => c.clients === most.clients);
const batched = best(of('redb, batched'));
console.log(`\nPostgreSQL at ${most.clients} clients: ${round(most.per_s / bare.per_s, 2)} of a bare loop's rate, which keeps no session, fence, key or event`);
const bars = [
  bar('placements a second on PostgreSQL', postgres.per_s, 3_000, '/s', { atLeast: true }),
  bar(`placement p99 on PostgreSQL, ${most.clients} clients`, most.placed_ms.p99, 20, 'ms'),
  bar('placements a second on redb, batched', batched.per_s, 10_000, '/s', { atLeast: true }),
  bar('slots given twice', cases.reduce((sum, c) => sum + c.double, 0), 0, ''),
];
printBars(bars);
write(json, result('leases', cases, bars, { options: numbers }));
if (plot) {
  const color = { postgres: '#5aa9ff', 'bare update skip locked': '#8892a6', redb: '#7bd88f', 'redb, batched': '#7bd88f' };
  const counts = [...new Set(cases.map((c) => c.clients))];
  const groups = counts.map((clients) => ({
    name: `${clients} clients`,
    bars: cases.filter((c) => c.clients === clients)
      .map((c) => ({ label: c.name, p50: c.placed_ms.p50, p95: c.placed_ms.p99, color: color[c.name] })),
  }));
  writeFileSync(plot, barPlot({ title: 'A durable placement (p50, p99)', unit: 'ms', groups }));
}
