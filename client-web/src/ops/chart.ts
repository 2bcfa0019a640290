/** Starts by how long they took: parked above cold, on one scale. */
import { el, setText, svg } from '../ui/dom';
import { millis } from '../ui/format';
import { plural } from './figures';
import { histograms, quantile, type Histogram } from './histogram';

export class StartChart {
  readonly element: HTMLElement;
  readonly #bars = svg('g');
  readonly #picture: SVGSVGElement;
  readonly #words = el('p', { class: 'note', attrs: { 'data-part': 'starts-words' } });

  constructor() {
    this.#picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'chart', 'aria-hidden': 'true' }, this.#bars);
    this.element = el('div', { attrs: { 'data-part': 'starts' } }, this.#picture, this.#words);
  }

  show(metrics: string): void {
    const seen = histograms(metrics, 'host_second_on_seconds', 'warmth');
    const here = [...seen.values()].some(({ count }) => count > 0);
    // A gateway without a host of its own sees no page's report; what it can time itself is the way to the ticket.
    const shown = here ? seen : histograms(metrics, 'cell_ready_seconds', 'warmth');
    const kinds = KINDS.map(({ warmth, name }) => ({ name, warmth, histogram: shown.get(warmth) }));
    const known = kinds.filter((kind): kind is typeof kind & { histogram: Histogram } => (kind.histogram?.count ?? 0) > 0);
    this.#picture.toggleAttribute('hidden', known.length === 0);
    const told = known.map(({ name, histogram }) => `${name}: ${plural(histogram.count, 'start')}, p50 ${at(histogram, 0.5)}, p99 ${at(histogram, 0.99)}`);
    const what = here ? 'From the click to the first picture' : 'From the request to the ticket (pictures are timed at the hosts)';
    setText(this.#words, known.length === 0 ? 'Nothing was started since this gateway began.' : `${what}. ${told.join('. ')}.`);
    this.#draw(known);
  }

  #draw(kinds: readonly { readonly warmth: string; readonly histogram: Histogram }[]): void {
    const most = Math.max(1, ...kinds.flatMap(({ histogram }) => histogram.counts));
    const bounds = kinds[0]?.histogram.bounds ?? [];
    const step = WIDTH / Math.max(1, bounds.length);
    const nodes: SVGElement[] = [svg('line', { x1: 0, x2: WIDTH, y1: FLOOR, y2: FLOOR, class: 'chart-line' })];
    for (const [which, { warmth, histogram }] of kinds.entries()) {
      const width = (step - 2) / kinds.length;
      for (const [i, count] of histogram.counts.entries()) {
        const height = (count / most) * (FLOOR - 4);
        const x = i * step + 1 + which * width;
        if (count > 0) nodes.push(svg('rect', { x, y: FLOOR - height, width, height, rx: 1.5, class: `chart-bar is-${warmth}` }));
      }
    }
    for (const [i, bound] of bounds.entries()) {
      if (i % 2 === 1 || !Number.isFinite(bound)) continue;
      const mark = svg('text', { x: (i + 1) * step, y: HEIGHT - 3, class: 'chart-mark', 'text-anchor': 'middle' });
      mark.textContent = bound < 1 ? `${Math.round(bound * 1000)} ms` : `${bound} s`;
      nodes.push(mark);
    }
    this.#bars.replaceChildren(...nodes);
  }
}

function at(histogram: Histogram, share: number): string {
  const seconds = quantile(histogram, share);
  if (seconds === null) return '–';
  return seconds >= 1 ? millis(seconds * 1000) : `${millis(seconds * 1000)} ms`;
}

const KINDS = [
  { warmth: 'parked', name: 'Parked' },
  { warmth: 'cold', name: 'Cold' },
] as const;
const WIDTH = 420;
const HEIGHT = 130;
const FLOOR = 112;
