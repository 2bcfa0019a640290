// `./bench load`: runs the program and prints what it measured.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { barPlot } from '../report/plot.mjs';
import { bar, options, printBars, result, round, table, write } from '../report/report.mjs';

const BUILT = join(process.env.CARGO_TARGET_DIR ?? 'target', 'release');

const given = options('Usage: ./bench load [options]', {
  hosts: { default: 5_000, help: 'simulated hosts of two slots each, half of them in each cell', parse: Number },
  rate: { default: 200, help: 'requests for a session, a second', parse: Number },
  seconds: { default: 90, help: 'seconds, of which the first cell is away for the middle ones', parse: Number },
  outage: { default: 30, help: 'seconds that the first cell is away', parse: Number },
  'host-ms': { default: 3, help: 'milliseconds that a simulated host takes for a claim', parse: Number },
  json: { default: undefined, help: 'file to write the result to' },
  plot: { default: undefined, help: 'file to draw the result to (SVG)' },
});

const { json, plot, ...numbers } = given;
const flags = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
const { cases, elsewhere_after_ms: elsewhere } = JSON.parse(
  execFileSync(join(BUILT, 'load'), ['--engine', join(BUILT, 'firstlight'), ...flags], { encoding: 'utf8', maxBuffer: 1 << 24 }),
);

const NAMES = {
  calm: 'both cells there',
  without_services: 'first without store and bus',
  without_gateway: 'and without its gateway',
  back: 'its first ten seconds back',
  after: 'later',
};
table([
  ['first cell', 'requests', 'errors', 'queued', 'elsewhere', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms', 'claim p50', 'claim p99'],
  ...cases.map((of) => [
    NAMES[of.name], of.requests, of.errors, of.queued, of.elsewhere, ...['p50', 'p95', 'p99', 'max'].map((q) => round(of.took_ms[q], 1)),
    round(of.claim_ms.p50, 1), round(of.claim_ms.p99, 1),
  ]),
]);

for (const of of cases) {
  for (const [reason, times] of Object.entries(of.reasons)) console.log(`${NAMES[of.name]}: ${times} times ${reason}`);
}

const find = (name) => cases.find((of) => of.name === name);
const after = (stage) => elsewhere.find((of) => of.stage === stage)?.after_ms;
const steady = ['calm', 'after'].map(find).filter(Boolean);
const sum = (of, key) => of.reduce((all, each) => all + each[key], 0);
const bars = [
  bar('claim (request to signed ticket), p99, both cells there', find('calm')?.claim_ms.p99, 20, 'ms'),
  bar('errors, both cells there', sum(steady, 'errors'), 0, 'requests'),
  bar('errors, first cell away or just back', sum(cases, 'errors') - sum(steady, 'errors'), 0, 'requests'),
  bar('first session elsewhere after the store and the bus are gone', after('without_services'), 1_000, 'ms'),
  bar('first session elsewhere after the gateway is gone', after('without_gateway'), 1_000, 'ms'),
];
printBars(bars);
write(json, result('load', cases, bars, { options: numbers, elsewhere_after_ms: elsewhere }));
if (plot) {
  const groups = cases.map((of) => ({
    name: NAMES[of.name],
    bars: [
      { label: 'at the player', p50: round(of.took_ms.p50, 1), p95: round(of.took_ms.p95, 1), color: '#5aa9ff' },
      { label: 'claim', p50: round(of.claim_ms.p50, 1), p95: round(of.claim_ms.p95, 1), color: '#7ed491' },
    ],
  }));
  writeFileSync(plot, barPlot({ title: 'From a request to a ticket, and an outage of one of two cells', unit: 'ms', groups }));
}
