// What every bench prints: distributions, the machine, a table, the bars, JSON and a plot.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';

/** `{p50, p95, p99, max, n}` of numbers, rounded to what the eye can use. */
export function distribution(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q) => (sorted.length ? round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]) : null);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1), n: sorted.length };
}

export const round = (value, digits = 3) => (Number.isFinite(value) ? Number(value.toFixed(digits)) : null);

export function machine() {
  const [cpu] = cpus();
  return { cpu: cpu?.model ?? 'unknown', cores: cpus().length, mem_gib: round(totalmem() / 2 ** 30, 1), load: round(loadavg()[0], 2) };
}

export function commit() {
  try { return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(); } catch { return 'unknown'; }
}

/** A bar of the project: `holds` is computed, null where there is no value. `bound` is an upper bound unless `atLeast`. */
export function bar(name, value, bound, unit, { atLeast = false } = {}) {
  const known = value !== null && Number.isFinite(value);
  return { name, value: known ? round(value) : null, bound, unit, at_least: atLeast, holds: known ? (atLeast ? value >= bound : value <= bound) : null };
}

export function result(bench, cases, bars, extra = {}) {
  return { bench, commit: commit(), date: new Date().toISOString(), machine: machine(), ...extra, cases, bars };
}

/** Prints rows as a table; the first row is the head. */
export function table(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => String(row[i] ?? '').length)));
  for (const row of rows) console.log(row.map((cell, i) => (i === 0 ? String(cell ?? '').padEnd(widths[i]) : String(cell ?? '').padStart(widths[i]))).join('  '));
}

export function printBars(bars) {
  console.log('\nBars');
  for (const { name, value, bound, unit, at_least, holds } of bars) {
    const word = holds === null ? 'unknown' : holds ? 'holds  ' : 'MISSED ';
    console.log(`  ${word}  ${name}: ${value ?? '-'} ${unit} (${at_least ? 'at least' : 'at most'} ${bound})`);
  }
}

export function write(file, object) {
  if (file) writeFileSync(file, `${JSON.stringify(object, null, 2)}\n`);
}

/** Options `--name value` against a description: `{ name: { default, help, parse } }`. Prints help and errors itself. */
export function options(usage, known, argv = process.argv.slice(2)) {
  const values = Object.fromEntries(Object.entries(known).map(([name, { default: value }]) => [name, value]));
  const help = () => `${usage}\n${Object.entries(known).map(([name, o]) => `  --${name.padEnd(12)} ${o.help}${o.default === undefined ? '' : ` (default ${o.default})`}`).join('\n')}`;
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === '--help' || argv[i] === '-h') { console.log(help()); process.exit(0); }
    const name = argv[i].replace(/^--/, '');
    const option = known[name];
    const text = argv[i + 1];
    if (!argv[i].startsWith('--') || !option) fail(`unknown option ${argv[i]} (see --help)`);
    if (text === undefined) fail(`--${name} needs a value`);
    const value = option.parse ? option.parse(text) : text;
    if (value === undefined || Number.isNaN(value)) fail(`--${name}: cannot use "${text}" (${option.help})`);
    values[name] = value;
    i++;
  }
  return values;
}

function fail(message) { console.error(`error: ${message}`); process.exit(2); }

/** Runs a program whose output is one JSON object or list, and gives that; where it fails, its own words are the error. */
export function measured(program, flags, env = {}) {
  const { status, signal, error, stdout } = spawnSync(program, flags, { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, RUST_BACKTRACE: '0', ...env } });
  if (error || status !== 0) fail(`${program} ended with ${error?.message ?? signal ?? `status ${status}`}`);
  return JSON.parse(stdout);
}

/** Reads CPU seconds used so far by processes, from /proc: user and system time of all their threads. */
export function cpuSeconds(pids) {
  let ticks = 0;
  for (const pid of pids) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch { /* ended */ }
  }
  return ticks / TICKS_PER_SECOND;
}
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
