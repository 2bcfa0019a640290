// An engine, a TURN server or a relay, and a browser, each inside its part of the world.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, binary, until } from '../../e2e/lib/engine.mjs';
import { chromiumPath, openBrowser } from '../../e2e/lib/browser.mjs';
import { GATEWAY_PORT, INET, RELAY_PORT } from './world.mjs';

const STUN_PORT = 3478;
const USER = 'reach:secret';

function start(world, name, argv) {
  const [command, args] = world.inside(name, argv);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.lines = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      child.lines.push(...text.split('\n').filter(Boolean));
      child.lines.splice(0, Math.max(0, child.lines.length - 500));
    });
  }
  return child;
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGINT');
  await gone;
}

/**
 * Starts everything, and returns how to end it. Where there is a relay there is no TURN server: `udp` has a certificate that browsers
 * trust by its hash and listens on UDP alone, `tls` has one of its own and listens on TCP as well.
 * @param {{ relay?: null|'udp'|'tls' }} options
 */
export async function begin(world, { relay = null } = {}) {
  const data = mkdtempSync(join(tmpdir(), 'firstlight-reach-'));
  const turn = world.family === 4 && relay === null ? await startTurn(world, data) : null;
  const ice = turn ? ['--ice-server', `stun:${INET}:${STUN_PORT}`, '--ice-server', `turn:${INET}:${STUN_PORT},${USER.replace(':', ',')}`] : [];
  const over = relay ? ['--relay', `https://${INET}:${RELAY_PORT}`] : [];
  const any = world.family === 6 ? '[::]' : '0.0.0.0';
  const engine = start(world, 'host', [binary(), 'up', '--titles', join(ROOT, 'titles'), '--data', join(data, 'engine'),
    '--listen', `${any}:${GATEWAY_PORT}`, '--tls', 'self-signed', '--host-name', world.gateway, '--media-ports', '7000-7019', ...ice, ...over]);
  await until(() => {
    if (engine.exitCode !== null) throw new Error(`the engine ended:\n${engine.lines.join('\n')}`);
    return engine.lines.some((line) => line.includes('https://'));
  }, 'the engine', 30_000);
  const carrier = relay ? await startRelay(world, data, engine, relay) : null;
  const browser = await browserInside(world, data);
  return {
    engine,
    turn,
    carrier,
    browser,
    async finish() {
      await browser.close();
      await end(engine);
      if (turn) await end(turn);
      if (carrier) await end(carrier);
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** A relay on the public segment, once the engine has found it. */
async function startRelay(world, data, engine, kind) {
  const keyOf = (line) => /--gateway-key ([0-9a-f]{64})/.exec(line)?.[1];
  const key = await until(() => engine.lines.map(keyOf).find(Boolean), 'the key of the gateway');
  const tls = kind === 'tls' ? ['--tls', certificate(data)] : [];
  const carrier = start(world, 'inet', [binary(), 'relay', '--listen', `${INET}:${RELAY_PORT}`, '--gateway-key', key, '--drain-s', '0', ...tls]);
  await until(() => {
    if (carrier.exitCode !== null) throw new Error(`the relay ended:\n${carrier.lines.join('\n')}`);
    return engine.lines.some((line) => line.includes('a relay answers'));
  }, 'the engine to find the relay');
  return carrier;
}

/** Of a year: no browser would trust it by its hash. */
function certificate(data) {
  const [cert, key] = ['relay.pem', 'relay.key'].map((name) => join(data, name));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '365', '-subj', '/CN=relay',
    '-addext', `subjectAltName=IP:${INET}`, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return `${cert},${key}`;
}

/** coturn on the public segment: tells players their public address, and forwards where they can't meet. */
async function startTurn(world, data) {
  const turn = start(world, 'inet', ['turnserver', '-n', '--no-cli', '--no-tls', '--no-dtls', '--listening-ip', INET, '--relay-ip', INET,
    '--listening-port', String(STUN_PORT), '--lt-cred-mech', '--user', USER, '--realm', 'reach', '--log-file', 'stdout',
    '--pidfile', join(data, 'turn.pid'), '--userdb', join(data, 'turn.db')]);
  const listening = () => world.exec('inet', ['cat', '/proc/net/udp']).toUpperCase().includes(`:${STUN_PORT.toString(16).toUpperCase().padStart(4, '0')}`);
  await until(() => {
    if (turn.exitCode !== null) throw new Error(`coturn ended:\n${turn.lines.join('\n')}`);
    return listening();
  }, 'coturn');
  return turn;
}

/** Chromium in the player's place. Playwright speaks to it through pipes, which know no namespaces. */
async function browserInside(world, data) {
  const [command, args] = world.inside('play', [chromiumPath()]);
  const wrapper = join(data, 'chromium');
  writeFileSync(wrapper, `#!/bin/sh\nexec ${command} ${args.join(' ')} "$@"\n`);
  chmodSync(wrapper, 0o755);
  return openBrowser({ executablePath: wrapper, args: ['--ignore-certificate-errors'] });
}
