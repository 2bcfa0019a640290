// Holds the built client to its budget: what a player downloads before the first picture, gzipped.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

// 1 KiB is about 3 ms on a 3 Mbit/s line; the sum stays well under half a second of it.
const BUDGETS_KIB = { '.js': 70, '.css': 10, '.html': 2, '.svg': 4 };
const TOTAL_KIB = 80;
// What is loaded on demand, after the first picture: a gamepad's code is there before its player's thumb is.
const LATER = /^later-/;
const LATER_KIB = 4;

const dist = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist');
const walk = (dir) =>
  readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? walk(join(dir, entry.name)) : [join(dir, entry.name)],
  );

const sums = {};
let total = 0;
let later = 0;
// The published types are for developers; no page loads them.
for (const file of walk(dist).filter((name) => !name.endsWith('.d.ts'))) {
  const kib = gzipSync(readFileSync(file), { level: 9 }).length / 1024;
  const kind = extname(file);
  if (LATER.test(basename(file))) {
    later += kib;
  } else {
    sums[kind] = (sums[kind] ?? 0) + kib;
    total += kib;
  }
  console.log(`${kib.toFixed(1).padStart(7)} KiB  ${relative(dist, file)}`);
}
console.log(`${total.toFixed(1).padStart(7)} KiB  before the first picture, of ${TOTAL_KIB}; ${later.toFixed(1)} on demand, of ${LATER_KIB}`);

const over = Object.entries(sums).filter(([kind, kib]) => kib > (BUDGETS_KIB[kind] ?? 0));
for (const [kind, kib] of over) {
  console.error(`error: ${kind} files are ${kib.toFixed(1)} KiB gzipped, over the budget of ${BUDGETS_KIB[kind] ?? 0}`);
}
if (total > TOTAL_KIB) console.error(`error: the client is ${total.toFixed(1)} KiB gzipped, over ${TOTAL_KIB}`);
if (later > LATER_KIB) console.error(`error: what is loaded on demand is ${later.toFixed(1)} KiB gzipped, over ${LATER_KIB}`);
process.exit(over.length > 0 || total > TOTAL_KIB || later > LATER_KIB ? 1 : 0);
