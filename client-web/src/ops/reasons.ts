/** A decision in words: why this host, why not the others. */
import type { Candidate, Decision, Filter, Terms } from './api';

/** How a host is called, by its id. */
export type NameOf = (host: string) => string;

export type Reasons = {
  readonly chosen: string;
  /** One line for each that was passed over, the next best first. */
  readonly others: readonly string[];
  /** What kept hosts out before anything was weighed. */
  readonly out: readonly string[];
};

export function reasons(decision: Decision, nameOf: NameOf): Reasons {
  const [first, ...rest] = decision.candidates;
  if (first === undefined) return { chosen: 'Nothing was written down.', others: [], out: [] };
  const { latency } = first.terms;
  return {
    chosen: `${nameOf(first.host)} in ${first.region}: ${WARMTH[first.warmth] ?? first.warmth}, ${ms(latency)} predicted from click to picture, without the game; ${POLICY[decision.policy] ?? decision.policy}.`,
    others: rest.map((other) => `${nameOf(other.host)} in ${other.region}: ${against(first, other)}`),
    out: [
      ...FILTERS.filter(([filter]) => decision.filtered[filter] > 0).map(
        ([filter, what]) => `${decision.filtered[filter]} ${what}`,
      ),
      ...(decision.regionsFarther > 0 ? [`${decision.regionsFarther} regions too far away to be better`] : []),
    ],
  };
}

/** What made the difference, the most first; what spoke for the other one comes last. */
function against(chosen: Candidate, other: Candidate): string {
  const differences = TERMS.map(([term, more, less]) => ({ by: other.terms[term] - chosen.terms[term], more, less }));
  const told = differences.filter(({ by }) => Math.abs(by) >= WORTH_TELLING_US).sort((a, b) => b.by - a.by);
  if (told.length === 0) return 'as good; the other came first.';
  const parts = told.map(({ by, more, less }) => `${by > 0 ? more : less} (${by > 0 ? '+' : '−'}${ms(Math.abs(by))})`);
  return `${ms(Math.max(0, other.cost - chosen.cost))} behind: ${parts.join(', ')}.`;
}

function ms(us: number): string {
  return `${(us / 1e3).toFixed(us < 99_950 ? 1 : 0)} ms`;
}

const WARMTH: Readonly<Record<string, string>> = {
  parked: 'a copy was parked there',
  installed: 'the title is installed there',
  fetch: 'the title had to be fetched',
};

const POLICY: Readonly<Record<string, string>> = {
  cheapest: 'the publisher wants the lowest price',
  'best-experience': 'the publisher wants the shortest way',
  'best-overall': 'the publisher wants the best of way and price',
};

const FILTERS: readonly (readonly [Filter, string])[] = [
  ['full', 'full'],
  ['closed', 'draining or cordoned'],
  ['weak', 'too weak for the title'],
  ['dear', 'above the price cap'],
  ['far', 'in regions too far for the title'],
  ['refused', 'refused it before'],
];

const TERMS: readonly (readonly [keyof Terms, string, string])[] = [
  ['latency', 'farther or slower', 'nearer or faster'],
  ['price', 'dearer', 'cheaper'],
  ['distrust', 'less trusted', 'more trusted'],
  ['start', 'starts later', 'starts sooner'],
  ['load', 'busier', 'less busy'],
  ['packing', 'emptier, to be kept whole', 'fuller'],
];

const WORTH_TELLING_US = 50;
