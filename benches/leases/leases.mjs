// `./bench leases`: runs the program and prints what it measured.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { barPlot } from '../report/plot.mjs';
import { bar, measured, options, printBars, result, round, table, write } from '../report/report.mjs';

const PROGRAM = join(process.env.CARGO_TARGET_DIR ?? 'target', 'release', 'leases');

const given = options('Usage: ./bench leases [options]', {
  clients: { default: '1,2,4,8,16,32', help: 'clients at once, one case each' },
  batch: { default: 32, help: 'calls that each client of the batched case has under way', parse: Number },
  seconds: { default: 2, help: 'seconds per case and round', parse: Number },
  rounds: { default: 2, help: 'rounds, each of which runs every case once', parse: Number },
  slots: { default: 1_000_000, help: 'slots of the imaginary fleet', parse: Number },
  json: { default: undefined, help: 'file to write the result to' },
  plot: { default: undefined, help: 'file to draw the result to (SVG)' },
});

const { json, plot, ...numbers } = given;
const flags = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
const { cases } = measured(PROGRAM, flags);

const NAMES = { redb: 'redb', postgres: 'PostgreSQL', bare: 'bare SKIP LOCKED' };
const name = ({ store, call, batch }) => `${NAMES[store]}${store === 'bare' ? '' : `, ${call}`}${batch > 1 ? `, ${batch} at once` : ''}`;
table([
  ['store and call', 'clients', 'calls/s', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms', 'n'],
  ...cases.map((of) => [name(of), of.clients, round(of.per_s, 0), ...['p50', 'p95', 'p99', 'max'].map((q) => round(of.took_ms[q], 2)), of.took_ms.n]),
]);

const find = (store, call, batch = 1) => cases.filter((of) => of.store === store && of.call === call && (of.batch > 1) === (batch > 1)).at(-1);
const most = find('postgres', 'grant');
const bars = [
  bar(`PostgreSQL: durable grants a second, ${most?.clients} clients`, most?.per_s, 3_000, '/s', { atLeast: true }),
  bar(`PostgreSQL: p99 of a grant, ${most?.clients} clients`, most?.took_ms.p99, 20, 'ms'),
  bar(`PostgreSQL: p99 of a whole placement, ${most?.clients} clients`, find('postgres', 'placement')?.took_ms.p99, 20, 'ms'),
  bar('redb: durable grants a second, batched', find('redb', 'grant', 2)?.per_s, 10_000, '/s', { atLeast: true }),
  bar('redb: whole placements a second, batched', find('redb', 'placement', 2)?.per_s, 10_000, '/s', { atLeast: true }),
  bar('PostgreSQL: whole placements a second', find('postgres', 'placement')?.per_s, 3_000, '/s', { atLeast: true }),
];
printBars(bars);
const ratio = most && find('bare', 'grant') ? most.per_s / find('bare', 'grant').per_s : null;
console.log(`\nA grant, with its lease, event and key, is ${round(ratio, 2)} of the bare loop's rate at ${most?.clients} clients.`);
write(json, result('leases', cases.map((of) => ({ name: `${name(of)}, ${of.clients} clients`, ...of })), bars, { options: numbers, grant_to_bare: round(ratio) }));
if (plot) {
  const color = { redb: '#7ed491', postgres: '#5aa9ff', bare: '#8892a6' };
  const groups = [...new Set(cases.map(({ clients }) => clients))].map((clients) => ({
    name: `${clients} client${clients === 1 ? '' : 's'}`,
    bars: cases.filter((of) => of.clients === clients && of.batch === 1)
      .map((of) => ({ label: name(of), p50: round(of.took_ms.p50, 1), p95: round(of.took_ms.p95, 1), color: color[of.store] })),
  }));
  writeFileSync(plot, barPlot({ title: 'A durable grant or placement', unit: 'ms', groups }));
}
