/**
 * The stats overlay: where the time goes, what got lost, and what the stream is.
 *
 * It asks for stats four times a second while it is shown and not at all while it is hidden. It never takes the pointer.
 */
import type { StageName, Stats } from '../stats';
import { el, setText, svg } from './dom';
import { bitrate, count, millis } from './format';
import { clickStack, pictureSize, pictureStack, Series, type Stack } from './overlay-model';
import { Scope } from './scope';

export class StatsOverlay {
  readonly element: HTMLElement;
  readonly #read: () => Stats;
  readonly #picture = new StackBar('Picture age', 'glass to glass');
  readonly #click = new StackBar('Click to photon', 'your press to its picture');
  readonly #age = new Spark('Picture age', millis, ' ms');
  readonly #rate = new Spark('Bitrate', bitrate, '');
  readonly #figures: FigureList;
  #running: Scope | null = null;

  constructor(read: () => Stats) {
    this.#read = read;
    this.#figures = new FigureList();
    this.element = el(
      'aside',
      { class: 'stats', attrs: { 'aria-label': 'Stream statistics', hidden: true } },
      this.#picture.element,
      this.#click.element,
      legend(),
      el('div', { class: 'stats-sparks' }, this.#age.element, this.#rate.element),
      this.#figures.element,
    );
  }

  get shown(): boolean {
    return this.#running !== null;
  }

  toggle(shown = !this.shown): void {
    if (shown === this.shown) return;
    this.element.hidden = !shown;
    this.#running?.close();
    this.#running = null;
    if (!shown) return;
    this.#running = new Scope();
    this.#running.every(REFRESH_MS, () => this.#refresh());
    this.#refresh();
  }

  close(): void {
    this.toggle(false);
  }

  #refresh(): void {
    if (document.visibilityState !== 'visible') return;
    const stats = this.#read();
    this.#picture.show(pictureStack(stats), stats.glass_to_glass_ms);
    this.#click.show(clickStack(stats), stats.click_to_photon_ms);
    this.#age.push(stats.glass_to_glass_ms.p50);
    this.#rate.push(stats.bitrate_bps, stats.target_bps);
    this.#figures.show(stats);
  }
}

const REFRESH_MS = 250;

/** Four a second: half a minute. */
const SERIES_LENGTH = 120;

const STAGE_WORDS: Readonly<Record<StageName, string>> = {
  input: 'Input',
  inject: 'Inject',
  app: 'Game',
  capture: 'Capture',
  convert: 'Convert',
  encode: 'Encode',
  packetize: 'Packetize',
  pace: 'Pace',
  network: 'Network',
  reassemble: 'Reassemble',
  decode: 'Decode',
  present: 'Present',
  unattributed: 'Unattributed',
};

type Percentiles = { readonly p50: number; readonly p95: number; readonly p99: number; readonly n: number };

class StackBar {
  readonly element: HTMLElement;
  readonly #total = el('strong', { class: 'stack-total' }, '–');
  readonly #tail = el('span', { class: 'stack-tail' });
  readonly #parts = new Map<StageName, HTMLElement>();
  readonly #bar = el('div', { class: 'stack-bar', attrs: { role: 'img' } });

  constructor(name: string, note: string) {
    for (const stage of Object.keys(STAGE_WORDS) as StageName[]) {
      const part = el('span', { class: `segment segment-${stage}` });
      this.#parts.set(stage, part);
      this.#bar.append(part);
    }
    this.element = el(
      'section',
      { class: 'stack' },
      el('h3', {}, name, el('small', {}, note)),
      el('div', { class: 'stack-figures' }, this.#total, this.#tail),
      this.#bar,
    );
  }

  show(stack: Stack, dist: Percentiles): void {
    const known = dist.n > 0;
    setText(this.#total, known ? `${millis(dist.p50)} ms` : 'no samples yet');
    setText(this.#tail, known ? `p95 ${millis(dist.p95)}   p99 ${millis(dist.p99)}` : '');
    const shares = new Map(stack.segments.map((segment) => [segment.stage, segment]));
    for (const [stage, part] of this.#parts) {
      part.style.flexGrow = String(shares.get(stage)?.share ?? 0);
    }
    const words = stack.segments
      .filter((segment) => segment.millis >= 0.05)
      .map((segment) => `${STAGE_WORDS[segment.stage]} ${millis(segment.millis)} ms`);
    this.#bar.setAttribute('aria-label', words.length > 0 ? `Mean ${millis(stack.total)} ms: ${words.join(', ')}` : 'no samples yet');
  }
}

function legend(): HTMLElement {
  const entries = (Object.keys(STAGE_WORDS) as StageName[]).map((stage) =>
    el('li', {}, el('i', { class: `segment-${stage}` }), STAGE_WORDS[stage]),
  );
  return el('ul', { class: 'stats-legend', attrs: { 'aria-hidden': 'true' } }, ...entries);
}

class Spark {
  readonly element: HTMLElement;
  readonly #value = el('strong', {}, '–');
  readonly #line = svg('polyline', { class: 'spark-line' });
  readonly #second = svg('polyline', { class: 'spark-second' });
  readonly #values = new Series(SERIES_LENGTH);
  readonly #limits = new Series(SERIES_LENGTH);
  readonly #words: (value: number) => string;
  readonly #unit: string;

  constructor(name: string, words: (value: number) => string, unit: string) {
    this.#words = words;
    this.#unit = unit;
    const chart = svg(
      'svg',
      { class: 'spark', viewBox: `0 -1 ${SPARK_WIDTH} ${SPARK_HEIGHT + 2}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      this.#second,
      this.#line,
    );
    this.element = el('section', { class: 'spark-card' }, el('h3', {}, name), this.#value, chart);
  }

  push(value: number, limit?: number): void {
    this.#values.push(value);
    if (limit !== undefined) this.#limits.push(limit);
    const top = Math.max(this.#values.max, this.#limits.max);
    this.#line.setAttribute('points', this.#values.points(SPARK_WIDTH, SPARK_HEIGHT, top));
    this.#second.setAttribute('points', this.#limits.points(SPARK_WIDTH, SPARK_HEIGHT, top));
    setText(this.#value, `${this.#words(value)}${this.#unit}`);
  }
}

const SPARK_WIDTH = 150;
const SPARK_HEIGHT = 34;

type Figure = readonly [name: string, read: (stats: Stats) => string];

const FIGURES: readonly Figure[] = [
  ['Frames', (s) => `${s.fps.received.toFixed(0)} in · ${s.fps.decoded.toFixed(0)} decoded · ${s.fps.presented.toFixed(0)} shown /s`],
  ['Lost · late · dropped', (s) => `${count(s.frames.lost)} · ${count(s.frames.late)} · ${count(s.frames.dropped)}`],
  ['Frozen', (s) => `${(s.frozen_ms_total / 1000).toFixed(1)} s in all`],
  ['Keyframes · repairs', (s) => `${count(s.frames.idr)} · ${count(s.frames.recovery)}`],
  ['Packets', (s) => `${count(s.packets.received)} · ${count(s.packets.lost)} lost · ${count(s.frames.repeated_packets)} sent again`],
  ['Bitrate', (s) => `${bitrate(s.bitrate_bps)} of ${bitrate(s.target_bps)}`],
  ['Round trip', (s) => `${millis(s.rtt_ms)} ms · clock ±${millis(s.clock.error_ms)} ms`],
  ['Picture known to', (s) => `±${millis(s.glass_error_ms)} ms`],
  ['Frame clock', clockWords],
  ['Picture', (s) => `${pictureSize(s)} · ${s.codec || '–'}`],
  ['Encoder · decoder', (s) => `${s.encoder || '–'} · ${s.decoder || '–'}`],
  ['Transport', (s) => `${TRANSPORTS[s.transport]} · ${s.path === 'track' ? 'video track' : 'canvas'}`],
  ['Sound', soundWords],
  ['Input', (s) => `${count(s.input.events)} events · heard after ${millis(s.input.ack_ms.p50)} ms`],
  ['Gamepads', (s) => (s.input.gamepads > 0 ? `${s.input.gamepads} in use` : 'none')],
];

const TRANSPORTS: Readonly<Record<Stats['transport'], string>> = {
  webtransport: 'WebTransport',
  webrtc: 'WebRTC',
  relay: 'Relay',
  websocket: 'WebSocket (slower)',
};

const CLOCKS: Readonly<Record<Stats['frame_clock']['state'], string>> = {
  off: 'the game’s own',
  own: 'the game’s own',
  unknown: 'free',
  apart: 'free, your screen has another rate',
  loose: 'free, pictures come unsteadily',
  turning: 'turning to your screen',
  locked: 'with your screen',
};

function clockWords({ frame_clock: { state, refresh_hz, wait_ms } }: Stats): string {
  if (wait_ms.n === 0) return CLOCKS[state];
  return `${CLOCKS[state]} · ${refresh_hz.toFixed(1)} Hz, waits ${millis(wait_ms.p50)} ms`;
}

function soundWords({ audio }: Stats): string {
  switch (audio.state) {
    case 'none':
      return 'none';
    case 'blocked':
      return 'waits for a tap';
    case 'muted':
      return 'muted';
    case 'playing':
      return `buffer ${millis(audio.buffer_ms)} ms · ${audio.av_offset_ms >= 0 ? '+' : '−'}${millis(Math.abs(audio.av_offset_ms))} ms to picture`;
  }
}

class FigureList {
  readonly element = el('dl', { class: 'stats-figures' });
  readonly #cells: readonly HTMLElement[];

  constructor() {
    this.#cells = FIGURES.map(([name]) => {
      const cell = el('dd', {}, '–');
      this.element.append(el('div', {}, el('dt', {}, name), cell));
      return cell;
    });
  }

  show(stats: Stats): void {
    FIGURES.forEach(([, read], index) => {
      const cell = this.#cells[index];
      if (cell !== undefined) setText(cell, read(stats));
    });
  }
}
