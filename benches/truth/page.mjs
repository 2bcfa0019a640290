// What runs inside a page: a clock that is wrong on purpose, and an observer that goes by the right one.

/**
 * Sets the clock of a page or of a worker: `offsetMs` ahead, and `driftPpm` too fast from here on. Everything that the client takes a time
 * from (`performance.now`, events, presented pictures) counts from the origin, so that moving the origin moves all of it alike.
 */
export function setClock({ offsetMs, driftPpm }) {
  if (globalThis.trueOrigin !== undefined) return;
  const origin = performance.timeOrigin;
  const from = performance.now();
  globalThis.trueOrigin = origin;
  Object.defineProperty(performance, 'timeOrigin', { get: () => origin + offsetMs + (performance.now() - from) * driftPpm * 1e-6 });
}

/** Keeps the barcode of each picture that Chromium presents, with the time at which it says that it is seen, and each step of the wheel. */
export function watch({ rect }) {
  const bits = globalThis.sampleBarcode;
  const truth = { presented: [], clicks: [] };
  globalThis.truth = truth;
  addEventListener('wheel', (event) => truth.clicks.push(globalThis.trueOrigin + event.timeStamp), true);
  const video = document.querySelector('video');
  const buffer = new Uint8Array((rect.width * rect.height * 3) / 2 + 4096);
  const present = async (_, { expectedDisplayTime, mediaTime }) => {
    video.requestVideoFrameCallback(present);
    try {
      const frame = new VideoFrame(video);
      const scale = frame.displayHeight / innerHeight;
      // Another picture may have taken its place meanwhile.
      const same = Math.abs(frame.timestamp - mediaTime * 1e6) < 2;
      const box = { x: 0, y: 0, width: 2 * Math.round(rect.width * scale / 2), height: 2 * Math.round(rect.height * scale / 2) };
      const [plane] = await frame.copyTo(buffer, { rect: box });
      frame.close();
      if (same) truth.presented.push({ at: globalThis.trueOrigin + expectedDisplayTime, bits: bits(buffer.subarray(plane.offset), plane.stride, scale) });
    } catch { /* the element has no picture yet */ }
  };
  video.requestVideoFrameCallback(present);
}

/** Hands over what was seen since the last call, and what the product says of the last five seconds. */
export const take = () => {
  const { presented, clicks } = globalThis.truth;
  globalThis.truth.presented = [];
  globalThis.truth.clicks = [];
  const { stages_ms, click_stages_ms, glass_to_glass_ms, glass_error_ms, click_to_photon_ms, clock, rtt_ms, fps } = globalThis.firstlight.stats();
  return { presented, clicks, stats: { stages_ms, click_stages_ms, glass_to_glass_ms, glass_error_ms, click_to_photon_ms, clock, rtt_ms, fps } };
};
