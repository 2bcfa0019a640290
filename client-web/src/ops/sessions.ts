/** The sessions that run, and why each is where it is. */
import { el, setText } from '../ui/dom';
import { bitrate, millis } from '../ui/format';
import type { Answer, Decision, OpsSession, OpsSessions } from './api';
import { plural, short, span } from './figures';
import { reasons, type NameOf } from './reasons';
import { Rows, type Row } from './rows';

export type SessionWiring = {
  readonly decision: (session: string) => Promise<Answer<Decision>>;
  readonly nameOf: NameOf;
};

export class SessionRows {
  readonly element: HTMLElement;
  readonly #rows: Rows<OpsSession>;
  readonly #list = el('div', { class: 'sessions' });
  readonly #note = el('p', { class: 'note' });

  constructor(wiring: SessionWiring) {
    this.#rows = new Rows(this.#list, ({ session }) => session, (session) => new SessionRow(wiring, session.session));
    this.element = el('div', {}, this.#list, this.#note);
  }

  show({ sessions, leftOut }: OpsSessions): void {
    this.#rows.show(sessions);
    const more = leftOut > 0 ? `The newest ${sessions.length}; ${plural(leftOut, 'older one')} not shown.` : '';
    setText(this.#note, sessions.length === 0 ? 'Nobody plays.' : more);
  }
}

class SessionRow implements Row<OpsSession> {
  readonly element: HTMLDetailsElement;
  readonly #wiring: SessionWiring;
  readonly #title = el('strong');
  readonly #state = el('span', { class: 'badge' });
  readonly #where = el('span');
  readonly #figures = el('span', { class: 'dim' });
  readonly #why = el('div', { class: 'why' });
  #asked = false;

  constructor(wiring: SessionWiring, session: string) {
    this.#wiring = wiring;
    this.element = el(
      'details',
      { class: 'session-row', attrs: { 'data-session': session } },
      el('summary', {}, this.#title, this.#state, this.#where, this.#figures, el('span', { class: 'why-link' }, 'Why this host?')),
      this.#why,
    );
    this.element.addEventListener('toggle', () => {
      if (this.element.open) void this.#ask(session);
    });
  }

  show(session: OpsSession): void {
    this.element.dataset.state = session.state;
    setText(this.#title, session.title);
    this.#state.className = `badge is-${session.state}`;
    setText(this.#state, session.state);
    setText(this.#where, session.host === null ? '' : `on ${this.#wiring.nameOf(session.host)}`);
    const figures = [
      `player ${short(session.player)}`,
      session.knownS === null ? '' : `for ${span(session.knownS)}`,
      session.startMs === null ? '' : `on screen in ${withUnit(session.startMs)}${session.parked ? ', parked' : ''}`,
      session.rttMs === null ? '' : `RTT ${withUnit(session.rttMs)}`,
      session.sentBps === null ? '' : bitrate(session.sentBps),
    ];
    setText(this.#figures, figures.filter((figure) => figure !== '').join(' · '));
  }

  /** Once: a decision does not change. */
  async #ask(session: string): Promise<void> {
    if (this.#asked) return;
    this.#asked = true;
    this.#why.replaceChildren(el('p', { class: 'dim' }, 'Looking it up …'));
    const answer = await this.#wiring.decision(session).catch(() => null);
    if (answer?.ok === true) {
      this.#why.replaceChildren(...decisionNodes(answer.value, this.#wiring.nameOf));
      return;
    }
    this.#asked = false;
    const detail = answer === null || answer.detail === '' ? 'The engine does not answer.' : answer.detail;
    this.#why.replaceChildren(el('p', { class: 'dim' }, `Not known: ${detail}`));
  }
}

function decisionNodes(decision: Decision, nameOf: NameOf): HTMLElement[] {
  const { chosen, others, out } = reasons(decision, nameOf);
  const list = (lines: readonly string[]): HTMLElement => el('ul', {}, ...lines.map((line) => el('li', {}, line)));
  const nobody = decision.filtered.full + decision.filtered.closed === 0 ? 'There was no other.' : 'Nobody else had room.';
  return [
    el('h4', {}, 'Why this host'),
    el('p', { attrs: { 'data-part': 'chosen' } }, chosen),
    el('h4', {}, 'Why not the others'),
    others.length === 0 ? el('p', {}, nobody) : list(others),
    ...(out.length === 0 ? [] : [el('h4', {}, 'Out of the question'), list(out)]),
    el('p', { class: 'dim' }, `${plural(decision.lookedAt, 'host')} looked at one by one.`),
  ];
}

function withUnit(ms: number): string {
  return ms >= 1000 ? millis(ms) : `${millis(ms)} ms`;
}
