// The boxes are what they say: otherwise nothing that passes through them proves anything.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { INET, World } from '../lib/world.mjs';

/** Sends from the player to two public ports, and then to the player's mapping from three places; says what arrived. */
const PLAYER = `
const { createSocket } = require('node:dgram');
const s = createSocket('udp4');
s.on('message', (m) => console.log(m.toString()));
s.bind(5000, () => { s.send('one', 7001, '${INET}'); s.send('two', 7002, '${INET}'); });
`;
const PUBLIC = `
const { createSocket } = require('node:dgram');
const open = (port, then) => { const s = createSocket('udp4'); s.bind(port, '${INET}', () => then(s)); };
const seen = {};
const both = () => {
  if (!seen.one || !seen.two) return;
  console.log(JSON.stringify({ mapping: seen.one.port === seen.two.port ? 'one' : 'each' }));
  open(7003, (s) => { s.send('another port', seen.one.port, seen.one.address); });
  first.send('the same port', seen.one.port, seen.one.address);
};
let first;
open(7001, (s) => { first = s; s.on('message', (m, r) => { seen.one = r; both(); }); });
open(7002, (s) => s.on('message', (m, r) => { seen.two = r; both(); }));
`;

const worlds = [];
after(() => worlds.forEach((world) => world.remove()));

function node(world, name, script) {
  const [command, args] = world.inside(name, [process.execPath, '-e', script]);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  child.lines = [];
  child.stdout.setEncoding('utf8').on('data', (text) => child.lines.push(...text.split('\n').filter(Boolean)));
  return child;
}

async function until(condition, what) {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

for (const [kind, mapping, hears] of [
  ['full-cone', 'one', ['another port', 'the same port']],
  ['address', 'one', ['another port', 'the same port']],
  ['symmetric', 'each', ['the same port']],
]) {
  test(`a ${kind} box maps ${mapping} peer and lets in what it should`, async () => {
    const world = new World({ player: kind });
    worlds.push(world);
    const server = node(world, 'inet', PUBLIC);
    await until(() => world.exec('inet', ['cat', '/proc/net/udp']).includes(':1B5A'), 'the servers');
    const player = node(world, 'play', PLAYER);
    await until(() => player.lines.includes('the same port'), 'an answer');
    if (hears.includes('another port')) await until(() => player.lines.includes('another port'), 'a stranger');
    assert.deepEqual(JSON.parse(server.lines[0]), { mapping });
    assert.deepEqual([...player.lines].sort(), hears);
    for (const child of [server, player]) { child.kill(); await once(child, 'exit'); }
    world.remove();
  });
}
