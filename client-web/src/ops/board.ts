/** Everything that is shown of a cell, laid out. */
import { el, setText } from '../ui/dom';
import { button } from '../ui/button';
import { millis } from '../ui/format';
import type { Answer, Decision, Host, Hosts, OpsSessions, Overview, Region, Waiting } from './api';
import { StartChart } from './chart';
import { Bar, Tile, plural, short, span } from './figures';
import { HostRows, type Order } from './hosts';
import { WorldMap } from './map';
import { isAt, onMap } from './places';
import { Rows, type Row } from './rows';
import { SessionRows } from './sessions';

export type Seen = {
  readonly overview: Overview;
  readonly hosts: Hosts;
  readonly sessions: OpsSessions;
  readonly metrics: string;
};

export type BoardWiring = {
  readonly order: (order: Order) => void;
  readonly decision: (session: string) => Promise<Answer<Decision>>;
};

export class Board {
  readonly element: HTMLElement;
  readonly #tiles = {
    sessions: new Tile('Sessions', 'tile-sessions'),
    slots: new Tile('Free slots', 'tile-slots'),
    queue: new Tile('Waiting', 'tile-queue'),
    hosts: new Tile('Hosts', 'tile-hosts'),
    parked: new Tile('Parked copies', 'tile-parked'),
    placed: new Tile('Request to ticket', 'tile-placed'),
  };
  readonly #map: WorldMap;
  readonly #regions: Rows<Region>;
  readonly #hosts: HostRows;
  readonly #sessions: SessionRows;
  readonly #starts = new StartChart();
  readonly #waiting: Rows<Waiting>;
  readonly #queueNote = el('p', { class: 'note' });
  readonly #refused = el('p', { class: 'note' });
  readonly #everywhere: HTMLButtonElement;
  #selected: string | null = null;
  #seen: Seen | null = null;

  constructor(wiring: BoardWiring) {
    this.#map = new WorldMap({ select: (place) => this.#select(place) });
    const regions = el('ul', { class: 'regions' });
    this.#regions = new Rows(regions, ({ region }) => region, () => new RegionRow());
    this.#hosts = new HostRows(wiring.order);
    this.#sessions = new SessionRows({ decision: wiring.decision, nameOf: (host) => this.#nameOf(host) });
    const waiting = el('ol', { class: 'queue', attrs: { 'data-part': 'queue' } });
    // In turn, not by name: whoever is first is in the first row.
    this.#waiting = new Rows(waiting, ({ place, player }) => `${place} ${player}`, () => new WaitingRow((host) => this.#nameOf(host)));
    this.#everywhere = button({ label: 'Show all hosts', part: 'everywhere', press: () => this.#select(null) });
    const tiles = el('dl', { class: 'tiles' }, ...Object.values(this.#tiles).map(({ element }) => element));
    this.element = el(
      'main',
      { class: 'board' },
      tiles,
      panel('Where', 'where', this.#map.element, regions),
      panel('Starts', 'starts', this.#starts.element),
      panel('Queue', 'waiting', waiting, this.#queueNote),
      panel('Hosts', 'hosts', this.#everywhere, this.#hosts.element, this.#refused),
      panel('Sessions', 'playing', this.#sessions.element),
    );
  }

  show(seen: Seen): void {
    this.#seen = seen;
    const { overview, hosts, sessions, metrics } = seen;
    const sum = (of: (region: Region) => number): number => overview.regions.reduce((all, region) => all + of(region), 0);
    const closed = sum((region) => region.closed);
    const parked = hosts.hosts.reduce((all, host) => all + copies(host), 0);
    this.#tiles.sessions.show(String(overview.sessions), overview.sessionMeanS > 0 ? `${span(overview.sessionMeanS)} on average` : '');
    this.#tiles.slots.show(String(sum((region) => region.free)), `of ${sum((region) => region.slots)} that take sessions`);
    this.#tiles.queue.show(String(overview.queue), overview.waiting[0] === undefined ? '' : `next in about ${span(overview.waiting[0].estimateS)}`);
    this.#tiles.hosts.show(String(sum((region) => region.hosts)), closed === 0 ? 'all take sessions' : `${closed} closed`);
    this.#tiles.parked.show(String(parked), hosts.more ? 'on the hosts shown' : '');
    const { p50, p99 } = overview.placedMs;
    this.#tiles.placed.show(p50 === 0 ? '–' : `${millis(p50)}${p50 < 1000 ? ' ms' : ''}`, p50 === 0 ? 'none yet' : `p99 ${millis(p99)}${p99 < 1000 ? ' ms' : ''}`);
    this.#regions.show(overview.regions);
    this.#starts.show(metrics);
    this.#waiting.show(overview.waiting);
    const hidden = overview.queue - overview.waiting.length;
    setText(this.#queueNote, overview.queue === 0 ? 'Nobody waits.' : hidden > 0 ? `And ${hidden} more.` : '');
    this.#sessions.show(sessions);
    const refused = [...overview.refused].map(([why, n]) => `${why} ${n}`);
    setText(this.#refused, refused.length === 0 ? '' : `Messages of hosts that were refused: ${refused.join(', ')}.`);
    this.#showHosts();
  }

  #showHosts(): void {
    if (this.#seen === null) return;
    const { hosts, more } = this.#seen.hosts;
    const map = onMap(hosts);
    if (!map.places.some(({ id }) => id === this.#selected)) this.#selected = null;
    const place = this.#selected;
    this.#map.show(map, place);
    this.#everywhere.hidden = place === null;
    const shown = place === null ? hosts : hosts.filter((host) => isAt(host, place));
    this.#hosts.show(shown, more ? `The first ${hosts.length} hosts by their ids; GET /v1/hosts has the others.` : '');
  }

  #select(place: string | null): void {
    this.#selected = place;
    this.#showHosts();
  }

  #nameOf(id: string): string {
    const host = this.#seen?.hosts.hosts.find(({ host }) => host === id);
    return host === undefined || host.name === '' ? short(id) : host.name;
  }
}

class RegionRow implements Row<Region> {
  readonly element = el('li', { class: 'region' });
  readonly #name = el('strong');
  readonly #hosts = el('span', { class: 'dim' });
  readonly #slots = new Bar();

  constructor() {
    this.element.append(this.#name, this.#hosts, this.#slots.element);
  }

  show({ region, hosts, closed, slots, free }: Region): void {
    this.element.dataset.region = region;
    setText(this.#name, region);
    setText(this.#hosts, closed === 0 ? plural(hosts, 'host') : `${plural(hosts, 'host')}, ${closed} closed`);
    this.#slots.show(slots === 0 ? 0 : (slots - free) / slots, `${slots - free} of ${slots} in use`);
  }
}

class WaitingRow implements Row<Waiting> {
  readonly element = el('li');
  readonly #nameOf: (host: string) => string;

  constructor(nameOf: (host: string) => string) {
    this.#nameOf = nameOf;
  }

  show({ title, player, waitedS, estimateS, heldAt }: Waiting): void {
    const next = heldAt === null ? `about ${span(estimateS)} to go` : `a place is held on ${this.#nameOf(heldAt)}`;
    setText(this.element, `${title} · player ${short(player)} · has waited ${span(waitedS)} · ${next}`);
  }
}

function panel(title: string, part: string, ...children: Node[]): HTMLElement {
  return el('section', { class: `panel panel-${part}`, attrs: { 'aria-label': title } }, el('h2', {}, title), ...children);
}

function copies({ parked }: Host): number {
  return [...parked.values()].reduce((all, n) => all + n, 0);
}
