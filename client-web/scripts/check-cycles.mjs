// Fails when modules under src import each other in a circle (types included).
import { readdirSync, readFileSync, existsSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = join(dirname(dirname(fileURLToPath(import.meta.url))), 'src');

const walk = (dir) =>
  readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? walk(join(dir, entry.name)) : entry.name.endsWith('.ts') ? [join(dir, entry.name)] : [],
  );

const locate = (from, specifier) => {
  if (!specifier.startsWith('.')) return null;
  const base = resolve(dirname(from), specifier.replace(/\?.*$/, ''));
  return [base, `${base}.ts`, join(base, 'index.ts')].find((file) => file.endsWith('.ts') && existsSync(file)) ?? null;
};

const importsOf = new Map(
  walk(root).map((file) => [
    file,
    ts
      .preProcessFile(readFileSync(file, 'utf8'), true, true)
      .importedFiles.map(({ fileName }) => locate(file, fileName))
      .filter((target) => target !== null),
  ]),
);

const done = new Set();
const visit = (file, path) => {
  const at = path.indexOf(file);
  if (at >= 0) return [...path.slice(at), file];
  if (done.has(file)) return null;
  for (const target of importsOf.get(file) ?? []) {
    const cycle = visit(target, [...path, file]);
    if (cycle) return cycle;
  }
  done.add(file);
  return null;
};

for (const file of importsOf.keys()) {
  const cycle = visit(file, []);
  if (cycle) {
    console.error(`error: import cycle: ${cycle.map((step) => relative(root, step)).join(' -> ')}`);
    process.exit(1);
  }
}
