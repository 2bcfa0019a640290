// `./bench abr`: runs the program, and says in its result when and on what it ran, as every bench does.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { result, write } from '../report/report.mjs';

const PROGRAM = join(process.env.CARGO_TARGET_DIR ?? 'target', 'release', 'abr');
const flags = process.argv.slice(2);

const { status, error } = spawnSync(PROGRAM, flags, { stdio: 'inherit' });
if (error) console.error(`error: ${PROGRAM}: ${error.message}`);
if (status !== 0) process.exit(status ?? 1);

const at = flags.findIndex((flag) => flag === '--json' || flag.startsWith('--json='));
const file = at < 0 ? undefined : (flags[at].split('=')[1] ?? flags[at + 1]);
if (file) {
  const { bench, cases, bars, ...extra } = JSON.parse(readFileSync(file, 'utf8'));
  write(file, result(bench, cases, bars, extra));
}
