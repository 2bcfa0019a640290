/**
 * The operators' page: asks for the key, then shows the cell and goes on asking while it can be seen.
 *
 * One round of questions at a time, the next two seconds after the last was answered: a slow engine is asked less often, and a
 * page in the background asks nothing.
 */
import { brand } from '../ui/brand';
import { button } from '../ui/button';
import { el, setText } from '../ui/dom';
import { Alarm, Scope } from '../ui/scope';
import type { OpsApi, Problem } from './api';
import { Board } from './board';
import { confirm, type Question } from './confirm';
import type { Order } from './hosts';
import { isOperatorKey, type KeptKey } from './key';

export type OpsWiring = {
  readonly root: HTMLElement;
  readonly open: (key: string) => OpsApi;
  readonly key: KeptKey;
};

export class OpsPage {
  readonly #wiring: OpsWiring;
  #scope = new Scope();

  constructor(wiring: OpsWiring) {
    this.#wiring = wiring;
    const key = wiring.key.read();
    if (key === null) this.#lock('');
    else this.#unlock(key);
  }

  close(): void {
    this.#scope.close();
  }

  #lock(words: string): void {
    this.#begin();
    const input = el('input', {
      attrs: { type: 'password', id: 'key', autocomplete: 'off', spellcheck: 'false', placeholder: 'flo_…', 'aria-describedby': 'key-says' },
    });
    const says = el('p', { class: 'lock-says', attrs: { id: 'key-says', role: 'alert' } }, words);
    const form = el(
      'form',
      { class: 'lock', attrs: { 'data-part': 'lock' } },
      el('h1', {}, 'Operate'),
      el('label', { attrs: { for: 'key' } }, 'The operator’s key'),
      input,
      says,
      el('button', { class: 'button button-primary', attrs: { type: 'submit' } }, 'Open'),
      el('p', { class: 'dim' }, 'It lies in operator.key in the engine’s data folder. This tab forgets it when it is closed.'),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const key = input.value.trim();
      input.value = '';
      if (!isOperatorKey(key)) {
        says.textContent = 'That is not an operator’s key: it begins with flo_ and has 43 characters after that.';
        input.focus();
        return;
      }
      this.#unlock(key);
    });
    this.#wiring.root.replaceChildren(el('header', { class: 'top' }, brand()), el('main', { class: 'lock-room' }, form));
    input.focus();
  }

  #unlock(key: string): void {
    this.#begin();
    const live = new Live(this.#wiring.root, this.#scope, this.#wiring.open(key), {
      accepted: () => this.#wiring.key.keep(key),
      refused: (problem) => {
        this.#wiring.key.forget();
        this.#lock(problem.detail === '' ? 'This key is not known here.' : problem.detail);
      },
      forget: () => {
        this.#wiring.key.forget();
        this.#lock('');
      },
    });
    live.begin();
  }

  #begin(): void {
    this.#scope.close();
    this.#scope = new Scope();
    document.title = 'Operate · Firstlight';
  }
}

type Ends = { accepted(): void; refused(problem: Problem): void; forget(): void };

/** The open page. Nothing of the cell is drawn before the engine has taken the key. */
class Live {
  readonly #root: HTMLElement;
  readonly #scope: Scope;
  readonly #api: OpsApi;
  readonly #ends: Ends;
  readonly #next: Alarm;
  readonly #board: Board;
  readonly #state = el('p', { class: 'live', attrs: { 'data-part': 'live' } }, 'Asking the engine …');
  readonly #said = el('p', { class: 'said', attrs: { role: 'status', 'aria-live': 'polite', 'data-part': 'said' } });
  #asking = false;

  constructor(root: HTMLElement, scope: Scope, api: OpsApi, ends: Ends) {
    this.#root = root;
    this.#scope = scope;
    this.#api = api;
    this.#ends = ends;
    this.#next = new Alarm(scope);
    this.#board = new Board({
      order: (order) => void this.#order(order),
      decision: (session) => api.decision(session, scope.signal),
    });
  }

  begin(): void {
    const forget = button({ label: 'Forget key', icon: 'leave', part: 'forget', press: () => this.#ends.forget() });
    const header = el('header', { class: 'top' }, brand(), el('h1', {}, 'Operate'), this.#state, forget);
    this.#root.replaceChildren(header, this.#said, this.#board.element);
    this.#board.element.hidden = true;
    this.#scope.on(document, 'visibilitychange', () => {
      if (document.visibilityState === 'visible') void this.#ask();
      else this.#next.clear();
    });
    void this.#ask();
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    this.#next.clear();
    const { signal } = this.#scope;
    const api = this.#api;
    try {
      const [overview, hosts, sessions, metrics] = await Promise.all([
        api.overview(signal),
        api.hosts(signal),
        api.sessions(signal),
        api.metrics(signal),
      ]);
      if (this.#scope.isClosed()) return;
      const problem = [overview, hosts, sessions, metrics].find((answer) => !answer.ok);
      if (problem?.ok === false) this.#missed(problem);
      if (!overview.ok || !hosts.ok || !sessions.ok || !metrics.ok) return;
      this.#ends.accepted();
      this.#board.element.hidden = false;
      this.#board.show({ overview: overview.value, hosts: hosts.value, sessions: sessions.value, metrics: metrics.value });
      this.#live('is-live', 'Live');
    } catch {
      // Only an abort is thrown: the page was closed.
    } finally {
      this.#asking = false;
      if (!this.#scope.isClosed() && document.visibilityState === 'visible') this.#next.set(EVERY_MS, () => void this.#ask());
    }
  }

  #missed(problem: Problem): void {
    if (problem.problem === 'unauthorized') this.#ends.refused(problem);
    else this.#live('is-stale', problem.detail === '' ? 'The engine does not answer' : problem.detail);
  }

  #live(kind: string, words: string): void {
    this.#state.className = `live ${kind}`;
    setText(this.#state, words);
  }

  async #order(order: Order): Promise<void> {
    const { host, what, on } = order;
    if (on && !(await confirm(this.#root, question(order)))) return;
    setText(this.#said, '');
    const answer = await this.#api[what](host.host, on).catch(() => null);
    if (this.#scope.isClosed()) return;
    const name = host.name === '' ? host.host : host.name;
    if (answer?.ok === true) this.#say(`${name} ${DONE[what][on ? 'on' : 'off']}`, false);
    else if (answer?.problem === 'unauthorized') this.#ends.refused(answer);
    else this.#say(`${name} was not told: ${answer?.detail ?? 'the engine does not answer.'}`, true);
    await this.#ask();
  }

  #say(words: string, wrong: boolean): void {
    this.#said.classList.toggle('is-wrong', wrong);
    setText(this.#said, words);
  }
}

function question({ host, what }: Order): Question {
  const on = host.sessions === 1 ? 'The session on it goes on.' : `The ${host.sessions} sessions on it go on.`;
  const runs = host.sessions === 0 ? 'Nothing runs on it.' : on;
  const name = host.name === '' ? host.host : host.name;
  return what === 'cordon'
    ? {
        title: `Cordon ${name}?`,
        text: `No gateway of this cell places anything new on it, whatever the host says, until the cordon is lifted. ${runs}`,
        yes: 'Cordon',
        danger: true,
      }
    : {
        title: `Drain ${name}?`,
        text: `The host is told to take nothing new and to finish what runs; it can leave when it is empty. ${runs}`,
        yes: 'Drain',
        danger: true,
      };
}

const DONE = {
  cordon: { on: 'is cordoned: nothing new is placed on it.', off: 'takes sessions again.' },
  drain: { on: 'drains: it finishes what runs.', off: 'no longer drains.' },
} as const;
const EVERY_MS = 2000;
