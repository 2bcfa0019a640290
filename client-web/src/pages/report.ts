/**
 * How a session was: the page behind the link that its player gets at its end.
 *
 * It is a document of its own, so that nobody loads it in order to play. The key of the link stands behind `#`; without one, the
 * player's own key is shown to the engine.
 */
import { playerKey } from '../api';
import { brand } from '../ui/brand';
import { button } from '../ui/button';
import { el, setText } from '../ui/dom';
import { count } from '../ui/format';
import { icon } from '../ui/icons';
import { Alarm, Scope } from '../ui/scope';
import { Charts, shown, type Slice, span, split, stageSlices } from './report-charts';
import { asReport, clock, delayOf, gradeOf, type Report } from './report-model';

export type ReportWiring = {
  readonly root: HTMLElement;
  readonly session: string;
  /** From the link; null: the player's own page. */
  readonly key: string | null;
};

type Got = { readonly report: Report } | { readonly problem: string; readonly detail: string };

export class ReportPage {
  readonly #wiring: ReportWiring;
  readonly #scope = new Scope();
  readonly #poll = new Alarm(this.#scope);
  readonly #main = el('main', { class: 'report-main', attrs: { 'data-part': 'report' } });
  readonly #said = el('p', { class: 'visually-hidden', attrs: { role: 'status', 'aria-live': 'polite' } });

  constructor(wiring: ReportWiring) {
    this.#wiring = wiring;
    document.title = 'How it went · Firstlight';
    const page = el('div', { class: 'report' }, el('header', { class: 'top' }, brand()), this.#main, this.#said);
    wiring.root.replaceChildren(page);
    void this.#refresh();
  }

  close(): void {
    this.#scope.close();
  }

  async #refresh(): Promise<void> {
    const got = await this.#fetch();
    if (this.#scope.isClosed()) return;
    if ('report' in got) {
      this.#show(got.report);
      if (got.report.ended === null) this.#poll.set(POLL_MS, () => void this.#refresh());
      return;
    }
    this.#showProblem(got.problem, got.detail);
    if (got.problem === 'unreachable') this.#poll.set(POLL_MS, () => void this.#refresh());
  }

  async #fetch(): Promise<Got> {
    try {
      const response = await this.#ask('report');
      const json: unknown = await response.json();
      const report = response.ok ? asReport(json) : null;
      if (report !== null) return { report };
      const { type, detail } = json as { type?: string; detail?: string };
      return { problem: type?.split(':').at(-1) ?? 'unreadable', detail: detail ?? 'The engine speaks of another kind of report.' };
    } catch {
      return { problem: 'unreachable', detail: 'This page goes on by itself as soon as it is back.' };
    }
  }

  #ask(what: 'report' | 'trace'): Promise<Response> {
    const { session, key } = this.#wiring;
    const headers = { Authorization: `Bearer ${key ?? playerKey()}` };
    return fetch(`/v1/sessions/${encodeURIComponent(session)}/${what}`, { headers, cache: 'no-store', signal: this.#scope.signal });
  }

  #showProblem(problem: string, detail: string): void {
    const unreachable = problem === 'unreachable';
    const title = unreachable ? 'The engine does not answer' : problem === 'unknown-session' ? 'No report here' : 'This report cannot be shown';
    this.#main.replaceChildren(
      el(
        'section',
        { class: 'notice', attrs: { 'data-problem': problem } },
        el('span', { class: 'notice-icon' }, icon(unreachable ? 'offline' : 'moon', 40)),
        el('h1', {}, title),
        el('p', {}, detail),
      ),
    );
  }

  #show(report: Report): void {
    const { clicked, delay } = delayOf(report);
    this.#main.replaceChildren(
      head(report),
      this.#buttons(report),
      section('Second by second', null, new Charts(report).element),
      el(
        'div',
        { class: 'report-pair' },
        delaySection(clicked, report),
        report.start === null ? null : startSection(report.start),
      ),
      section('Figures', null, figures(report, delay.p95_us)),
      section('What happened', null, events(report)),
    );
  }

  #buttons({ link, session }: Report): HTMLElement {
    const copy = button({ label: 'Copy link', icon: 'elsewhere', part: 'copy-link', press: () => void this.#copy(copy, link) });
    const trace = button({ label: 'Trace for Perfetto', icon: 'stats', part: 'trace', press: () => void this.#download(session) });
    const url = new URL(link, location.href).href;
    return el('div', { class: 'report-buttons' }, copy, trace, el('a', { class: 'visually-hidden', attrs: { href: url, 'data-part': 'link' } }, 'Link to this report'));
  }

  async #copy(pressed: HTMLElement, link: string): Promise<void> {
    const url = new URL(link, location.href).href;
    try {
      await navigator.clipboard.writeText(url);
      setText(pressed.lastElementChild ?? pressed, 'Copied');
      setText(this.#said, 'The link was copied');
    } catch {
      // The browser does not let it be written: it can be copied from the address.
      history.replaceState(null, '', url);
      setText(pressed.lastElementChild ?? pressed, 'It is in the address bar');
    }
  }

  async #download(session: string): Promise<void> {
    const response = await this.#ask('trace').catch(() => null);
    if (response?.ok !== true) {
      setText(this.#said, 'The trace could not be fetched');
      return;
    }
    const href = URL.createObjectURL(await response.blob());
    el('a', { attrs: { href, download: `${session}.trace.json` } }).click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
  }
}

function head(report: Report): HTMLElement {
  const { whole, words, reasons } = report.scores;
  const grade = gradeOf(whole);
  const disc = el(
    'div',
    { class: `report-score grade-${grade}`, attrs: { 'data-score': whole ?? '' } },
    el('strong', {}, whole === null ? '–' : shown(whole)),
    el('span', {}, 'of 100'),
  );
  disc.style.setProperty('--part', String((whole ?? 0) / 10_000));
  const began = new Date(report.began_ms);
  const traits = [
    report.title,
    began.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' }),
    `${clock(report.lasted_ms / 1000)} long`,
    report.ended?.message ?? 'It goes on',
  ];
  return el(
    'section',
    { class: 'report-head' },
    disc,
    el(
      'div',
      {},
      el('h1', {}, 'How it went'),
      el('p', { class: 'report-words' }, words),
      el('ul', { class: 'traits' }, ...traits.map((trait) => el('li', {}, trait))),
      reasons.length === 0
        ? null
        : el('ul', { class: 'report-reasons' }, ...reasons.map((reason) => el('li', { attrs: { 'data-factor': reason.factor } }, `${reason.seconds} s: ${reason.words}`))),
    ),
  );
}

function section(title: string, note: string | null, ...content: (Node | null)[]): HTMLElement {
  return el('section', { class: 'report-section' }, el('h2', {}, title, note === null ? null : el('small', {}, note)), ...content);
}

function delaySection(clicked: boolean, report: Report): HTMLElement {
  const { delay } = delayOf(report);
  const total = delay.stages_us.reduce((sum, us) => sum + us, 0);
  const title = clicked ? 'From your input to its picture' : 'From the game to your screen';
  const body = section(title, `${span(total)} in the mean of ${count(delay.pictures)} pictures`, split(stageSlices(delay.stages_us)));
  body.dataset['part'] = 'delay';
  body.dataset['totalUs'] = String(total);
  const error = `±${span(delay.stage_error_us)}`;
  const bound = clicked
    ? `Measured ${report.click_to_photon.means}. The whole is measured on your clock alone; which picture answers is known to ±${span(delay.error_us)}. How it is shared between “Your input on its way” and “Network” can be wrong by ${error}, since that compares your clock with the host’s.`
    : `You pressed nothing, so this is the age of the pictures. It compares your clock with the host’s, ${error} apart at most, and when a picture was drawn is known from its capture alone: the whole can be wrong by ±${span(delay.error_us)}.`;
  body.append(el('p', { class: 'report-small' }, delay.stages_us.length === 0 ? 'No picture was measured.' : bound));
  return body;
}

function startSection(start: NonNullable<Report['start']>): HTMLElement {
  const slices: Slice[] = [
    { name: 'input', words: 'A place for you', us: start.placed_us },
    { name: 'network', words: 'Connecting', us: start.connected_us },
    { name: 'app', words: start.parked ? 'Waking the game' : 'Starting the game', us: start.thawed_us },
    { name: 'encode', words: 'First picture on its way', us: start.first_frame_us },
    { name: 'present', words: 'Decoding and showing it', us: start.shown_us },
  ];
  return section('From your click to the first picture', span(start.total_us), split(slices.filter(({ us }) => us > 0)));
}

function figures(report: Report, p95Us: number): HTMLElement {
  const { frames, scores } = report;
  const rows: readonly (readonly [string, string])[] = [
    ['Good seconds', `${count(scores.good)} of ${count(scores.seconds)}`],
    ['Worst tenth', shown(scores.worst_decile)],
    ['Start · end', `${shown(scores.start)} · ${shown(scores.exit)}`],
    ['Delay, 95 of 100 seconds', `${span(p95Us)} or less`],
    ['Pictures shown', `${count(frames.shown)} of ${count(frames.expected)}`],
    ['Lost · late · dropped', `${count(frames.lost)} · ${count(frames.late)} · ${count(frames.dropped)}`],
    ['Stood still', `${(frames.frozen_ms / 1000).toFixed(1)} s, ${frames.freezes} times`],
    ['Judged as', report.class],
  ];
  return el('dl', { class: 'report-figures' }, ...rows.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
}

function events({ events, events_left_out: left }: Report): HTMLElement {
  const rows = events.map(({ at_ms, what, words }) =>
    el('li', {}, el('time', {}, clock(at_ms / 1000)), el('i', { class: `event event-${what}` }), words),
  );
  const more = left > 0 ? el('li', {}, `and ${left} more`) : null;
  return el('ol', { class: 'report-events' }, ...rows, more);
}

const POLL_MS = 3000;
