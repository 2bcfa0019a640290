/** A map of the world with a dot for each place that has hosts. Drawn here: nobody else learns who looks at which machines. */
import { el, svg } from '../ui/dom';
import { plural } from './figures';
import { LAND, LAND_NORTH, LAND_STEP } from './land';
import type { OnMap, Place } from './places';

export type MapWiring = {
  /** A place was pressed, or the one that was selected once more. */
  readonly select: (place: string | null) => void;
};

export class WorldMap {
  readonly element: HTMLElement;
  readonly #wiring: MapWiring;
  readonly #dots = svg('g', { class: 'map-dots' });
  readonly #picture: SVGSVGElement;
  readonly #elsewhere = el('p', { class: 'map-elsewhere' });
  readonly #shown = new Map<string, SVGGElement>();

  constructor(wiring: MapWiring) {
    this.#wiring = wiring;
    this.#picture = svg(
      'svg',
      { viewBox: `0 0 360 ${LAND.length * LAND_STEP}`, class: 'map', role: 'group', 'aria-label': 'Map of the hosts' },
      svg('path', { d: landPath(), class: 'map-land', 'aria-hidden': 'true' }),
      this.#dots,
    );
    this.element = el('div', { class: 'map-frame', attrs: { 'data-part': 'map' } }, this.#picture, this.#elsewhere);
  }

  show({ places, elsewhere }: OnMap, selected: string | null): void {
    const gone = new Set(this.#shown.keys());
    // The largest below, so that a small one beside it can be pressed.
    for (const place of [...places].sort((a, b) => b.slots - a.slots)) {
      gone.delete(place.id);
      this.#dot(place, selected === place.id);
    }
    for (const id of gone) {
      this.#shown.get(id)?.remove();
      this.#shown.delete(id);
    }
    this.#picture.toggleAttribute('hidden', places.length === 0);
    // Where there is no map, the list of regions says it all.
    const unknown = places.length === 0 ? [] : [...elsewhere].map(([region, hosts]) => `${region} (${plural(hosts, 'host')})`);
    this.#elsewhere.textContent = unknown.length === 0 ? '' : `Without a position: ${unknown.join(', ')}`;
  }

  #dot(place: Place, selected: boolean): void {
    const words = `${place.region}: ${plural(place.hosts, 'host')}, ${place.used} of ${plural(place.slots, 'slot')} in use, ${place.state}`;
    const [x, y] = [place.east + 180, LAND_NORTH - place.north];
    // By area, and large enough for a finger.
    const radius = Math.min(9, 3 + Math.sqrt(place.slots) / 2);
    let dot = this.#shown.get(place.id);
    if (dot === undefined) {
      dot = svg(
        'g',
        { tabindex: 0, role: 'button' },
        svg('circle', { r: 10, class: 'map-hit' }),
        svg('circle', { r: 3, class: 'map-ring' }),
        svg('circle', { r: 3, class: 'map-dot' }),
        svg('title'),
      );
      dot.addEventListener('click', () => this.#press(place.id));
      dot.addEventListener('keydown', (event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        this.#press(place.id);
      });
      this.#shown.set(place.id, dot);
      this.#dots.append(dot);
    }
    dot.setAttribute('transform', `translate(${x} ${y})`);
    dot.setAttribute('class', `map-place is-${place.state}${place.used >= place.slots ? ' is-full' : ''}`);
    dot.setAttribute('aria-pressed', String(selected));
    dot.setAttribute('aria-label', words);
    const [, ring, inner, title] = dot.children;
    ring?.setAttribute('r', String(radius));
    // What is in use fills the ring from within.
    inner?.setAttribute('r', String(radius * Math.sqrt(place.slots === 0 ? 0 : Math.min(1, place.used / place.slots))));
    if (title !== undefined) title.textContent = words;
  }

  #press(place: string): void {
    const pressed = this.#shown.get(place)?.getAttribute('aria-pressed') === 'true';
    this.#wiring.select(pressed ? null : place);
  }
}

/** A round dot for each cell of land: lines of no length with round ends. */
function landPath(): string {
  const marks: string[] = [];
  for (const [row, digits] of LAND.entries()) {
    for (let column = 0; column < digits.length; column += 1) {
      const bits = parseInt(digits.charAt(column), 16);
      for (let bit = 0; bit < 4; bit += 1) {
        if ((bits & (8 >> bit)) === 0) continue;
        const cell = column * 4 + bit;
        marks.push(`M${(cell + 0.5) * LAND_STEP} ${(row + 0.5) * LAND_STEP}h0`);
      }
    }
  }
  return marks.join('');
}
