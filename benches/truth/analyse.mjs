// From what was seen and what was said to how far they are apart. Pure.
import { decodeBarcode } from '../../tests/e2e/lib/barcode.mjs';
import { answers } from '../glass/analyse.mjs';
import { distribution, round } from '../report/report.mjs';

/** Pages read their clock in steps of 0.1 ms, at both ends of a span; the barcode in microseconds. */
export const READING_MS = 0.25;

/** One window: what the observer saw and what the product says of the same seconds, in ms. */
export function compare({ presented, clicks, stats }) {
  const seen = new Set();
  const shown = presented.map(({ at, bits }) => ({ at, code: decodeBarcode(bits) }))
    .filter(({ code }) => code && !seen.has(code.frame) && seen.add(code.frame));
  const glass = distribution(shown.map(({ at, code }) => at - code.drawnMs));
  const click = distribution(answers(clicks, shown));
  return {
    glass: pair(glass, stats.glass_to_glass_ms),
    click: pair(click, stats.click_to_photon_ms),
    clockErrorMs: stats.clock.error_ms,
    glassErrorMs: stats.glass_error_ms,
    unattributedMs: stats.stages_ms.unattributed.p95,
    clickUnattributedMs: stats.click_stages_ms.unattributed?.p95 ?? 0,
    pictures: shown.length,
  };
}

/** null where either side saw too little. */
function pair(seen, said) {
  if (seen.n < 5 || said.n < 5) return null;
  return { seen: seen.p50, said: said.p50, apart: said.p50 - seen.p50, seen95: seen.p95, said95: said.p95 };
}

/** What the windows of a case come to. `clickError`: what the report says that click-to-photon can be wrong by, in ms. */
export function summary(windows, clickError) {
  const of = (key) => windows.map((window) => window[key]).filter(Boolean);
  const apart = (key) => distribution(of(key).map(({ apart: ms }) => Math.abs(ms)));
  const outside = (key, bound) => windows.filter((window) => window[key] && Math.abs(window[key].apart) > bound(window) + READING_MS).length;
  const signed = (key) => distribution(of(key).map(({ apart: ms }) => ms)).p50;
  return {
    windows: windows.length,
    glass_seen_ms: distribution(of('glass').map(({ seen }) => seen)).p50, glass_apart_ms: apart('glass'), glass_bias_ms: signed('glass'),
    click_seen_ms: distribution(of('click').map(({ seen }) => seen)).p50, click_apart_ms: apart('click'), click_bias_ms: signed('click'),
    stated_error_ms: distribution(windows.map(({ glassErrorMs }) => glassErrorMs)),
    clock_error_ms: distribution(windows.map(({ clockErrorMs }) => clockErrorMs)),
    click_stated_error_ms: round(clickError),
    glass_outside: outside('glass', ({ glassErrorMs }) => glassErrorMs),
    click_outside: outside('click', () => clickError),
    unattributed_p95_ms: distribution(windows.map(({ unattributedMs }) => Math.abs(unattributedMs))).p95,
    click_unattributed_p95_ms: distribution(windows.map(({ clickUnattributedMs }) => Math.abs(clickUnattributedMs))).p95,
  };
}
