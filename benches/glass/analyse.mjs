// From raw samples to figures. Pure.
import { decodeBarcode } from '../../tests/e2e/lib/barcode.mjs';
import { distribution, round } from '../report/report.mjs';

/** A pause between two decoded pictures longer than this is a freeze. */
const FREEZE_MS = 100;
/** An answer later than this belongs to no click: the press was lost or the run ended. */
const ANSWER_MS_MAX = 1_000;

/** Figures of one stretch of time on one page. */
export function stretch({ decoded, presented, clicks, seconds }) {
  const read = (samples) => samples.map(({ at, bits, smaller }) => ({ at, smaller, code: decodeBarcode(bits) }));
  const [out, shown] = [read(decoded), read(presented)];
  const fresh = (samples) => {
    const seen = new Set();
    return samples.filter(({ code }) => code && !seen.has(code.frame) && seen.add(code.frame));
  };
  const [freshOut, freshShown] = [fresh(out), fresh(shown)];
  let frozenMs = 0;
  for (let i = 1; i < freshOut.length; i++) {
    const gap = freshOut[i].at - freshOut[i - 1].at;
    if (gap > FREEZE_MS) frozenMs += gap;
  }
  return {
    decodedMs: freshOut.map(({ at, code }) => at - code.drawnMs),
    presentedMs: freshShown.map(({ at, code }) => at - code.drawnMs),
    clickMs: answers(clicks, freshShown),
    damaged: out.filter(({ code }) => !code).length,
    frames: freshOut.length, shown: freshShown.length, smaller: freshShown.filter(({ smaller }) => smaller).length, seconds, frozenMs,
  };
}

/** Click to the first presented picture whose input count has gone up since the picture before it. One key is pressed at a time. */
export function answers(clicks, shown) {
  const times = [];
  let i = 1;
  for (const click of clicks) {
    while (i < shown.length && !(shown[i].at >= click && shown[i].code.inputs !== shown[i - 1].code.inputs)) i++;
    if (i < shown.length && shown[i].at - click < ANSWER_MS_MAX) times.push(shown[i].at - click);
    i++;
  }
  return times;
}

/** Joins stretches of the same side into the figures of a case. */
export function join(stretches) {
  const all = (key) => stretches.flatMap((s) => s[key]);
  const sum = (key) => stretches.reduce((total, s) => total + s[key], 0);
  const seconds = sum('seconds');
  return {
    decoded_ms: distribution(all('decodedMs')),
    presented_ms: distribution(all('presentedMs')),
    click_to_photon_ms: distribution(all('clickMs')),
    decoded_fps: round(sum('frames') / seconds, 2),
    presented_fps: round(sum('shown') / seconds, 2),
    frozen_over_100ms_s: round(sum('frozenMs') / 1000),
    coded_smaller: round(sum('smaller') / Math.max(sum('shown'), 1)),
    damaged_frames: sum('damaged'),
    seconds: round(seconds, 1),
  };
}
