/** Histograms as Prometheus writes them: read, and read off. */

export type Histogram = {
  /** Upper ends of the buckets, ascending; the last is infinity. */
  readonly bounds: readonly number[];
  /** How many fell into each. */
  readonly counts: readonly number[];
  readonly count: number;
};

/** The histograms of that name, by the value of `label`. */
export function histograms(exposition: string, name: string, label: string): ReadonlyMap<string, Histogram> {
  const cumulated = new Map<string, { le: number; count: number }[]>();
  for (const line of exposition.split('\n')) {
    if (!line.startsWith(`${name}_bucket{`)) continue;
    const [, labels, value] = LINE.exec(line) ?? [];
    if (labels === undefined || value === undefined) continue;
    const pairs = new Map([...labels.matchAll(LABEL)].map(([, key, text]) => [key, text]));
    const [of, le] = [pairs.get(label), pairs.get('le')];
    if (of === undefined || le === undefined) continue;
    const buckets = cumulated.get(of) ?? [];
    buckets.push({ le: le === '+Inf' ? Infinity : Number(le), count: Number(value) });
    cumulated.set(of, buckets);
  }
  return new Map([...cumulated].map(([of, buckets]) => [of, apart(buckets)]));
}

function apart(buckets: { le: number; count: number }[]): Histogram {
  buckets.sort((a, b) => a.le - b.le);
  const counts = buckets.map(({ count }, i) => Math.max(0, count - (buckets[i - 1]?.count ?? 0)));
  return { bounds: buckets.map(({ le }) => le), counts, count: buckets.at(-1)?.count ?? 0 };
}

/** Where a share of what was counted lies below; even within its bucket, as Prometheus has it. Null: nothing was counted. */
export function quantile({ bounds, counts, count }: Histogram, share: number): number | null {
  if (count === 0) return null;
  let below = 0;
  const rank = share * count;
  for (const [i, inside] of counts.entries()) {
    const [from, to] = [bounds[i - 1] ?? 0, bounds[i] ?? Infinity];
    // Above the last bound nothing more is known.
    if (below + inside >= rank && inside > 0) return Number.isFinite(to) ? from + ((to - from) * (rank - below)) / inside : from;
    below += inside;
  }
  return bounds.at(-2) ?? null;
}

const LINE = /\{(.*)\} (\S+)$/;
const LABEL = /(\w+)="([^"]*)"/g;
