/** The hosts, a row each, with what an operator can tell them. */
import { button } from '../ui/button';
import { el, setText } from '../ui/dom';
import { millis } from '../ui/format';
import type { Host } from './api';
import { Bar, short } from './figures';
import { Rows, type Row } from './rows';

export type Order = { readonly host: Host; readonly what: 'cordon' | 'drain'; readonly on: boolean };

export class HostRows {
  readonly element: HTMLElement;
  readonly #rows: Rows<Host>;
  readonly #body = el('tbody');
  readonly #note = el('p', { class: 'note' });

  constructor(order: (order: Order) => void) {
    this.#rows = new Rows(this.#body, ({ host }) => host, () => new HostRow(order));
    const heads = ['Host', 'State', 'Slots', 'Load', 'Adds', 'Parked copies', ''];
    this.element = el(
      'div',
      {},
      el(
        'table',
        { class: 'table hosts' },
        el('thead', {}, el('tr', {}, ...heads.map((head) => el('th', { attrs: { scope: 'col' } }, head)))),
        this.#body,
      ),
      this.#note,
    );
  }

  show(hosts: readonly Host[], note: string): void {
    this.#rows.show(hosts);
    setText(this.#note, hosts.length === 0 ? 'No host has joined yet.' : note);
  }
}

class HostRow implements Row<Host> {
  readonly element: HTMLElement;
  readonly #name = el('strong');
  readonly #where = el('span', { class: 'dim' });
  readonly #state = el('span', { class: 'badge' });
  readonly #slots = new Bar();
  readonly #load = new Bar();
  readonly #stages = el('span');
  readonly #parked = el('span');
  readonly #cordon: HTMLButtonElement;
  readonly #drain: HTMLButtonElement;
  #host: Host | null = null;

  constructor(order: (order: Order) => void) {
    const press = (what: Order['what'], on: (host: Host) => boolean) => () => {
      if (this.#host !== null) order({ host: this.#host, what, on: on(this.#host) });
    };
    this.#drain = button({ label: 'Drain', part: 'drain', press: press('drain', (host) => !host.draining) });
    this.#cordon = button({ label: 'Cordon', part: 'cordon', press: press('cordon', (host) => !host.cordoned) });
    const cell = (head: string, ...children: (Node | string)[]): HTMLElement => el('td', { attrs: { 'data-head': head } }, ...children);
    this.element = el(
      'tr',
      {},
      cell('Host', el('div', { class: 'stack' }, this.#name, this.#where)),
      cell('State', this.#state),
      cell('Slots', this.#slots.element),
      cell('Load', this.#load.element),
      cell('Adds', this.#stages),
      cell('Parked', this.#parked),
      el('td', { class: 'actions' }, this.#drain, this.#cordon),
    );
  }

  show(host: Host): void {
    this.#host = host;
    this.element.dataset.host = host.host;
    this.element.dataset.state = host.state;
    setText(this.#name, host.name === '' ? short(host.host) : host.name);
    setText(this.#where, `${host.region} · ${short(host.host)}`);
    this.#where.title = host.host;
    this.#state.className = `badge is-${host.state}`;
    setText(this.#state, host.cordoned && host.draining ? 'cordoned, draining' : host.state);
    this.#slots.show(host.slots === 0 ? 0 : host.sessions / host.slots, `${host.sessions} of ${host.slots}`);
    this.#load.show(host.load, `${Math.round(host.load * 100)} %`);
    setText(this.#stages, host.stagesMs > 0 ? `${millis(host.stagesMs)} ms` : '–');
    setText(this.#parked, parkedWords(host));
    label(this.#drain, host.draining ? 'Stop draining' : 'Drain', host);
    label(this.#cordon, host.cordoned ? 'Lift cordon' : 'Cordon', host);
    // It hears nothing; a cordon is ours alone.
    this.#drain.disabled = host.state === 'lost' || host.state === 'left';
  }
}

function label(button: HTMLButtonElement, words: string, host: Host): void {
  const span = button.querySelector('span');
  if (span !== null) setText(span, words);
  button.setAttribute('aria-label', `${words}: ${host.name}`);
}

/** What is kept ready: of the gateway's own host also what is wanted and on its way. */
function parkedWords(host: Host): string {
  if (host.warm.length > 0) {
    const told = host.warm.map(({ title, wanted, parked, booting }) =>
      booting > 0 ? `${title} ${parked}/${wanted}, ${booting} booting` : `${title} ${parked}/${wanted}`,
    );
    return told.join(' · ');
  }
  const copies = [...host.parked].map(([title, n]) => `${title} ${n}`);
  return copies.length === 0 ? '–' : copies.join(' · ');
}
