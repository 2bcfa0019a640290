// A small internet of network namespaces: a public segment, and a provider and a player, each behind a box of its own that routes
// or translates as it is told. Needs root, iproute2 and nftables; everything is gone after `remove()`.
//
//   host ── 10.81.1.0/24 ── box "h" ──┐                         ┌── box "p" ── 10.81.2.0/24 ── play
//                          203.0.113.10 ── inet (203.0.113.1) ── 203.0.113.20
import { execFileSync } from 'node:child_process';

const PUBLIC = { h: '203.0.113.10', p: '203.0.113.20' };
const INNER = { h: '10.81.1', p: '10.81.2' };
const PUBLIC6 = { h: '2001:db8:0:1::10', p: '2001:db8:0:1::20' };
const INNER6 = { h: '2001:db8:81:1', p: '2001:db8:81:2' };

/** Address of the public segment, where TURN and relays live. */
export const INET = '203.0.113.1';
export const INET6 = '2001:db8:0:1::1';
/** Ports that a provider forwards by hand: the gateway's. */
export const GATEWAY_PORT = 443;
/** Where a relay listens on the public segment. */
export const RELAY_PORT = 4443;

/**
 * What a box does with UDP. `open` routes and filters nothing; the others translate: `full-cone` lets anybody answer, `address`
 * only those who were written to, from any port, `symmetric` only the very port, and takes another public port for each peer.
 */
export const KINDS = ['open', 'full-cone', 'address', 'symmetric'];

function run(command, args, options = {}) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], ...options });
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')}: ${(error.stderr ?? error.message).toString().trim()}`, { cause: error });
  }
}

export class World {
  /**
   * @param {{ host?: string, player?: string, playerFilter?: 'none'|'no-udp'|'only-443'|'relay-alone', family?: 4|6 }} plan
   */
  constructor({ host = 'open', player = 'open', playerFilter = 'none', family = 4 } = {}) {
    this.prefix = `fl${process.pid % 100_000}`;
    this.family = family;
    this.names = ['inet', 'h', 'p', 'host', 'play'];
    try {
      this.build();
      this.setBox('h', host, 'none');
      this.setBox('p', player, playerFilter);
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  ns(name) { return `${this.prefix}${name}`; }

  /** Arguments that run a command inside: `ip netns exec …`. */
  inside(name, argv) { return ['ip', ['netns', 'exec', this.ns(name), ...argv]]; }

  exec(name, argv, options) {
    const [command, args] = this.inside(name, argv);
    return run(command, args, options);
  }

  /** How the player reaches the gateway. */
  get gateway() {
    if (this.family === 6) return `[${INNER6.h}::2]`;
    return this.kinds?.h === 'open' ? `${INNER.h}.2` : PUBLIC.h;
  }

  build() {
    for (const name of this.names) {
      run('ip', ['netns', 'add', this.ns(name)]);
      this.exec(name, ['ip', 'link', 'set', 'lo', 'up']);
      // Addresses are there at once, not after duplicate address detection.
      this.exec(name, ['sysctl', '-qw', 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0']);
    }
    this.exec('inet', ['ip', 'link', 'add', 'br0', 'type', 'bridge']);
    this.exec('inet', ['ip', 'link', 'set', 'br0', 'up']);
    if (this.family === 4) this.exec('inet', ['ip', 'addr', 'add', `${INET}/24`, 'dev', 'br0']);
    else this.exec('inet', ['ip', 'addr', 'add', `${INET6}/64`, 'dev', 'br0']);
    for (const [box, end] of [['h', 'host'], ['p', 'play']]) {
      run('ip', ['link', 'add', 'ext', 'netns', this.ns(box), 'type', 'veth', 'peer', 'name', `to-${box}`, 'netns', this.ns('inet')]);
      this.exec('inet', ['ip', 'link', 'set', `to-${box}`, 'master', 'br0', 'up']);
      run('ip', ['link', 'add', 'int', 'netns', this.ns(box), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.ns(end)]);
      for (const [name, device] of [[box, 'ext'], [box, 'int'], [end, 'eth0']]) this.exec(name, ['ip', 'link', 'set', device, 'up']);
      this.address(box, end);
    }
    this.routes();
  }

  address(box, end) {
    if (this.family === 4) {
      this.exec(box, ['ip', 'addr', 'add', `${PUBLIC[box]}/24`, 'dev', 'ext']);
      this.exec(box, ['ip', 'addr', 'add', `${INNER[box]}.1/24`, 'dev', 'int']);
      this.exec(end, ['ip', 'addr', 'add', `${INNER[box]}.2/24`, 'dev', 'eth0']);
      this.exec(end, ['ip', 'route', 'add', 'default', 'via', `${INNER[box]}.1`]);
      this.exec(box, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    } else {
      this.exec(box, ['sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1']);
      this.exec(box, ['ip', 'addr', 'add', `${PUBLIC6[box]}/64`, 'dev', 'ext', 'nodad']);
      this.exec(box, ['ip', 'addr', 'add', `${INNER6[box]}::1/64`, 'dev', 'int', 'nodad']);
      this.exec(end, ['ip', 'addr', 'add', `${INNER6[box]}::2/64`, 'dev', 'eth0', 'nodad']);
      this.exec(end, ['ip', '-6', 'route', 'add', 'default', 'via', `${INNER6[box]}::1`]);
    }
  }

  /** An open box is a router: everybody on the public segment knows the way to what is behind it. */
  routes() {
    const table = this.family === 4
      ? { inet: ['h', 'p'], h: ['p'], p: ['h'] }
      : { inet: ['h', 'p'], h: ['p'], p: ['h'] };
    for (const [from, to] of Object.entries(table)) {
      for (const box of to) {
        if (this.family === 4) this.exec(from, ['ip', 'route', 'add', `${INNER[box]}.0/24`, 'via', PUBLIC[box]]);
        else this.exec(from, ['ip', '-6', 'route', 'add', `${INNER6[box]}::/64`, 'via', PUBLIC6[box]]);
      }
    }
  }

  setBox(box, kind, filter) {
    if (!KINDS.includes(kind)) throw new Error(`no such box: ${kind} (${KINDS.join(', ')})`);
    this.kinds = { ...this.kinds, [box]: kind };
    this.exec(box, ['nft', '-f', '-'], { input: rules(box, kind, filter) });
  }

  remove() {
    for (const name of this.names) {
      try { run('ip', ['netns', 'del', this.ns(name)]); } catch { /* it was never made */ }
    }
  }
}

/** The nftables rules of a box. */
function rules(box, kind, filter) {
  const [inner, outer] = [`${INNER[box]}.2`, PUBLIC[box]];
  const forward = {
    none: '',
    'no-udp': 'meta l4proto udp drop',
    // Names are resolved elsewhere; nothing but the one port gets out.
    'only-443': `iifname "int" tcp dport != ${GATEWAY_PORT} drop
    meta l4proto udp drop`,
    // Of UDP, what goes to the relay and comes back from it.
    'relay-alone': `meta l4proto udp ip daddr ${INET} udp dport ${RELAY_PORT} accept
    meta l4proto udp ip saddr ${INET} udp sport ${RELAY_PORT} accept
    meta l4proto udp drop`,
  }[filter];
  const inward = {
    open: '',
    'full-cone': `iifname "ext" meta l4proto udp dnat to ${inner}`,
    address: `iifname "ext" meta l4proto udp ip saddr @written dnat to ${inner}`,
    symmetric: '',
  }[kind];
  const outward = {
    open: '',
    'full-cone': `oifname "ext" snat to ${outer}`,
    address: `oifname "ext" snat to ${outer}`,
    symmetric: 'oifname "ext" masquerade fully-random',
  }[kind];
  // A packet from outside that nobody asked for must not leave a trace: what the kernel remembers of it would take the mapping's place.
  const unasked = kind === 'open' ? '' : 'iifname "ext" meta l4proto udp drop';
  const forwarded = kind === 'open' || box === 'p' ? '' : `iifname "ext" tcp dport ${GATEWAY_PORT} dnat to ${inner}`;
  return `table ip box {
  set written { type ipv4_addr; flags timeout; timeout 60s; }
  chain forward { type filter hook forward priority 0;
    ${forward}
    oifname "ext" meta l4proto udp update @written { ip daddr }
  }
  chain input { type filter hook input priority 0;
    ${unasked}
  }
  chain in { type nat hook prerouting priority -100;
    ${forwarded}
    ${inward}
  }
  chain out { type nat hook postrouting priority 100;
    ${outward}
  }
}
table ip6 box {
  chain forward { type filter hook forward priority 0;
    ${filter === 'relay-alone' ? 'meta l4proto udp drop' : forward}
  }
}
`;
}
