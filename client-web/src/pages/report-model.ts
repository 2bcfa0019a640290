/** A session's report as the engine tells it (docs/QOE.md, section 4), and what is drawn of it, worked out without a document. */
import { STAGES, type StageName } from '../stats';

export type Delay = {
  readonly pictures: number;
  readonly p50_us: number;
  readonly p95_us: number;
  readonly stages_us: readonly number[];
  readonly error_us: number;
  readonly stage_error_us: number;
};

export type Timeline = {
  readonly step_s: number;
  readonly at_s: readonly number[];
  readonly score: readonly (number | null)[];
  readonly delay_us: readonly (number | null)[];
  readonly variation_us: readonly number[];
  readonly frozen_ms: readonly number[];
  readonly expected: readonly number[];
  readonly shown: readonly number[];
  readonly received_bps: readonly number[];
  readonly target_bps: readonly number[];
  readonly width: readonly number[];
  readonly height: readonly number[];
  readonly rtt_us: readonly number[];
  readonly lost: readonly number[];
  readonly late: readonly number[];
  readonly dropped: readonly number[];
  readonly clicks: readonly number[];
  readonly picture_stages_us: readonly (readonly number[])[];
  readonly click_stages_us: readonly (readonly number[])[];
};

export type Report = {
  readonly version: number;
  readonly link: string;
  readonly session: string;
  readonly title: string;
  readonly class: string;
  readonly display: { readonly width: number; readonly height: number; readonly fps: number };
  readonly began_ms: number;
  readonly lasted_ms: number;
  readonly ended: { readonly reason: string; readonly message: string } | null;
  readonly scores: {
    readonly whole: number | null;
    readonly start: number;
    readonly mean: number;
    readonly worst_decile: number;
    readonly exit: number;
    readonly seconds: number;
    readonly good: number;
    readonly words: string;
    readonly reasons: readonly { readonly factor: string; readonly seconds: number; readonly words: string }[];
  };
  readonly start: {
    readonly parked: boolean;
    readonly placed_us: number;
    readonly connected_us: number;
    readonly thawed_us: number;
    readonly first_frame_us: number;
    readonly shown_us: number;
    readonly total_us: number;
  } | null;
  readonly click_to_photon: Delay & { readonly means: string };
  readonly glass_to_glass: Delay;
  readonly frames: {
    readonly expected: number;
    readonly shown: number;
    readonly lost: number;
    readonly late: number;
    readonly dropped: number;
    readonly frozen_ms: number;
    readonly freezes: number;
  };
  readonly timeline: Timeline;
  readonly events: readonly { readonly at_ms: number; readonly what: string; readonly words: string; readonly lasted_ms?: number }[];
  readonly events_left_out: number;
};

/** null: not what this page knows to read. */
export function asReport(json: unknown): Report | null {
  const report = json as Partial<Report> | null;
  const known = typeof report === 'object' && report?.version === 1 && report.timeline !== undefined && report.scores !== undefined;
  return known ? (report as Report) : null;
}

export type Grade = 'good' | 'fair' | 'poor' | 'none';

/** As docs/QOE.md has it: from 70 on a player has nothing to say. */
export function gradeOf(score: number | null): Grade {
  if (score === null) return 'none';
  return score >= 7000 ? 'good' : score >= 5000 ? 'fair' : 'poor';
}

/** The delay to tell of: from an input, where anybody pressed anything; else the age of pictures. */
export function delayOf(report: Report): { readonly clicked: boolean; readonly delay: Delay } {
  const clicked = report.click_to_photon.stages_us.length > 0;
  return { clicked, delay: clicked ? report.click_to_photon : report.glass_to_glass };
}

/** Seconds that the plots are wide. */
export function spanOf({ lasted_ms, timeline }: Report): number {
  const last = timeline.at_s.at(-1) ?? 0;
  return Math.max(lasted_ms / 1000, last + timeline.step_s, 1);
}

export type Box = { readonly width: number; readonly height: number; readonly span: number; readonly top: number };

/** A path of bars, one for each value that there is, each from `base` up to its value. */
export function bars({ at_s, step_s }: Timeline, values: readonly (number | null)[], box: Box, base: readonly number[] = []): string {
  const x = (seconds: number): string => ((seconds / box.span) * box.width).toFixed(1);
  const y = (value: number): number => box.height * (1 - Math.min(Math.max(value / box.top, 0), 1));
  return at_s
    .map((at, index) => {
      const value = values[index] ?? null;
      if (value === null || value <= 0) return '';
      const low = base[index] ?? 0;
      const [bottom, height] = [y(low), y(low) - y(low + value)];
      return `M${x(at)} ${bottom.toFixed(1)}H${x(at + step_s)}v${(-height).toFixed(1)}H${x(at)}z`;
    })
    .join('');
}

/** A stepped line, broken where seconds are missing. */
export function steps({ at_s, step_s }: Timeline, values: readonly number[], box: Box): string {
  const x = (seconds: number): string => ((seconds / box.span) * box.width).toFixed(1);
  const y = (value: number): string => (box.height * (1 - Math.min(Math.max(value / box.top, 0), 1))).toFixed(1);
  return at_s
    .map((at, index) => {
      const joins = index > 0 && at_s[index - 1] === at - step_s;
      return `${joins ? 'L' : 'M'}${x(at)} ${y(values[index] ?? 0)}H${x(at + step_s)}`;
    })
    .join('');
}

/** The stages of each second, to be piled up: for each stage its values and what lies below them. */
export function pile(timeline: Timeline, clicked: boolean): { stage: StageName; values: number[]; base: number[] }[] {
  const seconds = clicked ? timeline.click_stages_us : timeline.picture_stages_us;
  const base = seconds.map(() => 0);
  return STAGES.map((stage, at) => {
    const values = seconds.map((parts) => Math.max(parts[at] ?? 0, 0));
    const below = [...base];
    values.forEach((value, index) => (base[index] = (base[index] ?? 0) + value));
    return { stage, values, base: below };
  });
}

/** The next round number from `value` on: 1, 2 or 5 times a power of ten. */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value * 0.999) ?? value;
}

/** The second of the timeline at this part of its width, or null where there is none. */
export function indexAt({ at_s, step_s }: Timeline, seconds: number): number | null {
  const found = at_s.findIndex((at) => seconds >= at && seconds < at + step_s);
  return found < 0 ? null : found;
}

export function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = `${String(m).padStart(h > 0 ? 2 : 1, '0')}:${String(s).padStart(2, '0')}`;
  return h > 0 ? `${h}:${tail}` : tail;
}
