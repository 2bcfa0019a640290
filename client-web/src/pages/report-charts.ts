/** The plots of a report. They share one time axis, and one second of it is read out under the pointer. */
import { STAGES, type StageName } from '../stats';
import { el, setText, svg } from '../ui/dom';
import { bitrate, millis } from '../ui/format';
import { bars, type Box, clock, delayOf, gradeOf, indexAt, pile, type Report, roundUp, spanOf, steps } from './report-model';

export const STAGE_WORDS: Readonly<Record<StageName, string>> = {
  input: 'Your input on its way',
  inject: 'Into the game',
  app: 'The game',
  capture: 'Capture',
  convert: 'Convert',
  encode: 'Encode',
  packetize: 'Packetize',
  pace: 'Wait to send',
  network: 'Network',
  reassemble: 'Reassemble',
  decode: 'Decode',
  present: 'To the screen',
  unattributed: 'Unattributed',
};

const WIDTH = 1000;

/** All plots over time, with their axis. */
export class Charts {
  readonly element: HTMLElement;
  readonly #report: Report;
  readonly #readout = el('p', { class: 'report-readout', attrs: { 'aria-live': 'off' } });
  readonly #cursor = el('i', { class: 'report-cursor', attrs: { hidden: true } });
  readonly #span: number;

  constructor(report: Report) {
    this.#report = report;
    this.#span = spanOf(report);
    const plots = el('div', { class: 'report-plots' }, this.#scores(), this.#delays(), this.#pictures(), this.#bitrates(), this.#cursor);
    this.element = el('div', { class: 'report-charts' }, plots, axis(this.#span), this.#events(), this.#readout);
    plots.addEventListener('pointermove', (event) => this.#point(plots, event.clientX));
    plots.addEventListener('pointerleave', () => this.#rest());
    this.#rest();
  }

  #box(height: number, top: number): Box {
    return { width: WIDTH, height, span: this.#span, top };
  }

  #scores(): HTMLElement {
    const { timeline } = this.#report;
    const box = this.#box(60, 10_000);
    const only = (grade: string): (number | null)[] => timeline.score.map((score) => (gradeOf(score) === grade ? Math.max(score ?? 0, 300) : null));
    const drawn = (['good', 'fair', 'poor'] as const).map((grade) => svg('path', { class: `grade-${grade}`, d: bars(timeline, only(grade), box) }));
    const { mean, worst_decile } = this.#report.scores;
    return plot('Score', 'of each second', box, `0 to 100 · mean ${shown(mean)}, worst tenth ${shown(worst_decile)}`, drawn);
  }

  #delays(): HTMLElement {
    const { timeline } = this.#report;
    const { clicked, delay } = delayOf(this.#report);
    const piled = pile(timeline, clicked);
    const tops = timeline.at_s.map((_, at) => piled.reduce((sum, { values }) => sum + (values[at] ?? 0), 0));
    const box = this.#box(150, roundUp(Math.max(...tops, 1000)));
    const drawn = piled.map(({ stage, values, base }) => svg('path', { class: `segment-${stage}`, d: bars(timeline, values, box, base) }));
    const note = clicked ? 'from your input to its picture, stage by stage' : 'from the game’s drawing to your screen, stage by stage';
    const scale = `0 to ${span(box.top)} · median ${span(delay.p50_us)}`;
    return plot('Delay', note, box, scale, drawn);
  }

  #pictures(): HTMLElement {
    const { timeline, display, frames } = this.#report;
    const box = this.#box(70, display.fps * timeline.step_s);
    const frozen = timeline.frozen_ms.map((ms) => (ms > 0 ? box.top : null));
    const scale = `0 to ${display.fps}/s · stood still ${frames.freezes} times`;
    return plot('Pictures', 'shown, of those that there were; red: it stood still', box, scale, [
      svg('path', { class: 'plot-back', d: bars(timeline, timeline.expected, box) }),
      svg('path', { class: 'plot-front', d: bars(timeline, timeline.shown, box) }),
      svg('path', { class: 'plot-frozen', d: bars(timeline, frozen, box) }),
    ]);
  }

  #bitrates(): HTMLElement {
    const { timeline } = this.#report;
    const box = this.#box(70, roundUp(Math.max(...timeline.received_bps, ...timeline.target_bps, 100_000)));
    return plot('Bitrate', 'received; the line is what the network allowed', box, `0 to ${bitrate(box.top)}`, [
      svg('path', { class: 'plot-front', d: bars(timeline, timeline.received_bps, box) }),
      svg('path', { class: 'plot-line', d: steps(timeline, timeline.target_bps, box) }),
    ]);
  }

  #events(): HTMLElement {
    const marks = this.#report.events.map(({ at_ms, what, words }) => {
      const mark = el('i', { class: `event event-${what}`, attrs: { title: `${clock(at_ms / 1000)}  ${words}` } });
      mark.style.left = `${Math.min(at_ms / 10 / this.#span, 100)}%`;
      return mark;
    });
    return el('div', { class: 'report-marks', attrs: { 'aria-hidden': 'true' } }, ...marks);
  }

  #point(plots: HTMLElement, clientX: number): void {
    const { left, width } = plots.getBoundingClientRect();
    const part = (clientX - left) / Math.max(width, 1);
    const { timeline } = this.#report;
    const at = indexAt(timeline, part * this.#span);
    this.#cursor.hidden = false;
    this.#cursor.style.left = `${100 * part}%`;
    if (at === null) {
      setText(this.#readout, `${clock(part * this.#span)}  nothing was told of this moment`);
      return;
    }
    const delay = timeline.delay_us[at] ?? null;
    const rate = (n: number | undefined): string => ((n ?? 0) / timeline.step_s).toFixed(0);
    const parts = [
      clock(timeline.at_s[at] ?? 0),
      timeline.score[at] === null ? 'not judged' : `score ${shown(timeline.score[at] ?? 0)}`,
      delay === null ? 'no picture' : span(delay),
      `${rate(timeline.shown[at])} of ${rate(timeline.expected[at])} pictures/s`,
      bitrate(timeline.received_bps[at] ?? 0),
      `${timeline.width[at]}×${timeline.height[at]}`,
      `round trip ${span(timeline.rtt_us[at] ?? 0)}`,
      `${timeline.lost[at]} lost, ${timeline.late[at]} late, ${timeline.dropped[at]} dropped`,
    ];
    setText(this.#readout, parts.join('  ·  '));
  }

  #rest(): void {
    this.#cursor.hidden = true;
    const { step_s } = this.#report.timeline;
    setText(this.#readout, step_s > 1 ? `Each column is ${step_s} seconds. Point at one for its figures.` : 'Point at a second for its figures.');
  }
}

function plot(name: string, note: string, { width, height }: Box, scale: string, drawn: SVGElement[]): HTMLElement {
  return el(
    'figure',
    { class: 'report-plot' },
    el('figcaption', {}, el('strong', {}, name), el('span', {}, note), el('em', {}, scale)),
    svg('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', height, role: 'img', 'aria-label': `${name}, ${note}. ${scale}` }, ...drawn),
  );
}

function axis(span: number): HTMLElement {
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => el('span', {}, clock(part * span)));
  return el('div', { class: 'report-axis', attrs: { 'aria-hidden': 'true' } }, ...ticks);
}

export type Slice = { readonly name: string; readonly words: string; readonly us: number };

/** A whole and its parts: a bar, and a list with their lengths. */
export function split(parts: readonly Slice[]): HTMLElement {
  const bar = el('div', { class: 'stack-bar', attrs: { 'aria-hidden': 'true' } });
  for (const { name, us } of parts) {
    const part = el('span', { class: `segment segment-${name}` });
    part.style.flexGrow = String(us);
    bar.append(part);
  }
  const rows = parts.map(({ name, words, us }) =>
    el('li', { attrs: { 'data-stage': name, 'data-us': us } }, el('i', { class: `segment-${name}` }), el('span', {}, words), el('b', {}, span(us))),
  );
  return el('div', {}, bar, el('ul', { class: 'report-split' }, ...rows));
}

export function stageSlices(stages: readonly number[]): Slice[] {
  return STAGES.map((stage, at) => ({ name: stage, words: STAGE_WORDS[stage], us: stages[at] ?? 0 })).filter(({ us }) => us !== 0);
}

/** A time with its unit: `8.2 ms`, `1.2 s`. */
export function span(us: number): string {
  const words = millis(us / 1000);
  return words.endsWith('s') ? words : `${words} ms`;
}

/** Ten-thousandths as people read them. */
export function shown(score: number): string {
  return (score / 100).toFixed(score >= 10_000 ? 0 : 1);
}
