// `./bench cheats`: runs the program and prints what it found.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { barPlot } from '../report/plot.mjs';
import { bar, measured, options, printBars, result, round, table, write } from '../report/report.mjs';

const PROGRAM = join(process.env.CARGO_TARGET_DIR ?? 'target', 'release', 'cheats');

const given = options('Usage: ./bench cheats [options]', {
  hosts: { default: 2_000, help: 'hosts: half are honest, half cheat', parse: Number },
  checks: { default: 100, help: 'checks of each, from when it begins to cheat', parse: Number },
  checkers: { default: 200, help: 'checkers, of which a fifth are bought', parse: Number },
  seed: { default: undefined, help: 'another imaginary fleet; one that nobody has seen where it is left out', parse: Number },
  json: { default: undefined, help: 'file to write the result to' },
  plot: { default: undefined, help: 'file to draw the result to (SVG)' },
});

const { json, plot, ...numbers } = given;
const flags = Object.entries(numbers).filter(([, value]) => value !== undefined).flatMap(([name, value]) => [`--${name}`, String(value)]);
const found = measured(PROGRAM, flags);

console.log(`${numbers.hosts} hosts, ${numbers.checks} checks each, ${numbers.checkers} checkers of which a fifth are bought; seed ${found.seed}\n`);
const share = (part, of) => (of ? `${round((100 * part) / of, 2)} %` : '-');
table([
  ['kind', 'hosts', 'found', '', 'in 5 to 10 % of sessions', 'found', 'checks p50', 'p95', 'max'],
  ...found.kinds.map((kind) => [kind.name, kind.hosts, kind.found, share(kind.found, kind.hosts), kind.rare, kind.rare_found, kind.checks.p50, kind.checks.p95, kind.checks.max]),
]);

const bars = [
  bar('cheats above 5 % of sessions caught within the checks', (100 * found.cheats_caught) / found.cheats, 99, '%', { atLeast: true }),
  bar('honest hosts penalised', (100 * found.honest_penalised) / found.honest, 0.1, '%'),
  bar('time of an idle host that challenges take', (100 * found.busy_us) / found.of_us, 1, '%'),
];
printBars(bars);
write(json, result('cheats', found.kinds, bars, { options: { ...numbers, seed: found.seed } }));
if (plot) {
  const cheats = found.kinds.filter((kind) => !kind.name.startsWith('honest'));
  const groups = cheats.map((kind) => ({ name: kind.name, bars: [{ label: 'checks', p50: kind.checks.p50, p95: kind.checks.p95, color: '#5aa9ff' }] }));
  writeFileSync(plot, barPlot({ title: 'Checks until a cheat is found out (p50, p95)', unit: 'checks', groups }));
}
