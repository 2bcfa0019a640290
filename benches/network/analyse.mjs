// From samples to figures. Pure.
import { decodeBarcode } from '../../tests/e2e/lib/barcode.mjs';
import { distribution, round } from '../report/report.mjs';

/** The age of what is shown is looked at this often. */
const AGE_EVERY_MS = 5;
/** A rate is what arrived within this. */
const RATE_SPAN_MS = 500;
const BACK = 0.9;

/** Figures of decoded pictures `{ at, bits }`; `shown` is `[{ at, drawn }]`, each new one once. */
export function figures(decoded) {
  const shown = [];
  let newest = -1;
  for (const { at, bits } of decoded) {
    const code = decodeBarcode(bits);
    if (!code || code.frame <= newest) continue;
    newest = code.frame;
    shown.push({ at, drawn: code.drawnMs });
  }
  const gaps = shown.slice(1).map(({ at }, i) => at - shown[i].at);
  const seconds = shown.length > 1 ? (shown.at(-1).at - shown[0].at) / 1000 : 0;
  return {
    longest_freeze_ms: round(Math.max(0, ...gaps), 1),
    freezes_over_150ms: gaps.filter((gap) => gap > 150).length,
    freezes_over_100ms: gaps.filter((gap) => gap > 100).length,
    age_ms: distribution(ages(shown)),
    fps: round(shown.length / seconds, 1),
    damaged_frames: decoded.filter(({ bits }) => !decodeBarcode(bits)).length,
    shown,
  };
}

/** How old the newest picture is, looked at at even times. */
export function ages(shown) {
  const all = [];
  let i = 0;
  for (let t = shown[0]?.at ?? 0; i < shown.length && t <= shown.at(-1).at; t += AGE_EVERY_MS) {
    while (i + 1 < shown.length && shown[i + 1].at <= t) i++;
    all.push(t - shown[i].drawn);
  }
  return all;
}

/** From a moment to the first picture that was drawn after it; null: none came. */
export function backAfter(shown, moment) {
  const first = shown.find(({ drawn }) => drawn >= moment);
  return first ? round(first.at - moment, 1) : null;
}

/** From the rise to the first span that carries nine tenths of what was carried before the fall. */
export function rateBack(samples, { fall, rise }) {
  const rate = (from, to) => {
    const within = samples.filter(({ at }) => at >= from && at <= to);
    if (within.length < 2) return 0;
    return (8000 * (within.at(-1).bytes - within[0].bytes)) / (within.at(-1).at - within[0].at);
  };
  const before = rate(fall - 8_000, fall);
  const back = samples.find(({ at }) => at >= rise + RATE_SPAN_MS && rate(at - RATE_SPAN_MS, at) >= BACK * before);
  return {
    rate_before_bps: Math.round(before),
    rate_low_bps: Math.round(rate(fall + 3_000, rise)),
    queue_low_p95_ms: distribution(samples.filter(({ at }) => at > fall + 3_000 && at < rise).map(({ queueMs }) => queueMs)).p95,
    rate_back_ms: back ? round(back.at - rise, 0) : null,
  };
}
