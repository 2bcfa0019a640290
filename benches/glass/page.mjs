// What runs inside a page to observe it. The same code observes our client and the floor, so that neither is favoured.

/**
 * Installed once per page: keeps the middle of each barcode block of what the decoder puts out and of what is presented, and the times of
 * key presses. `observe(rect, fn)` calls `fn({ decodedAt, luma })` for each decoded picture.
 */
export function install({ rect, observe }) {
  const bits = globalThis.sampleBarcode;
  const probe = { on: false, decoded: [], presented: [], clicks: [] };
  globalThis.glass = probe;
  const source = observe ?? ((r, fn) => globalThis.firstlight.observe(r, fn));
  source(rect, ({ decodedAt, luma }) => { if (probe.on) probe.decoded.push({ at: decodedAt, bits: bits(luma) }); });
  addEventListener('keydown', (event) => {
    if (probe.on && !event.repeat) probe.clicks.push(performance.timeOrigin + event.timeStamp);
  }, true);

  const video = document.querySelector('video');
  const buffer = new Uint8Array((rect.width * rect.height * 3) / 2 + 4096);
  const present = async () => {
    const at = performance.timeOrigin + performance.now();
    if (probe.on) {
      try {
        const frame = new VideoFrame(video);
        // The page is as large as the picture is drawn; a machine that cannot keep up has it coded smaller.
        const scale = frame.displayHeight / innerHeight;
        const box = { x: 0, y: 0, width: 2 * Math.round(rect.width * scale / 2), height: 2 * Math.round(rect.height * scale / 2) };
        const [plane] = await frame.copyTo(buffer, { rect: box });
        const stride = plane.stride;
        frame.close();
        probe.presented.push({ at, bits: bits(buffer.subarray(plane.offset), stride, scale), smaller: scale < 1 });
      } catch { /* the element has no picture yet */ }
    }
    video.requestVideoFrameCallback(present);
  };
  video.requestVideoFrameCallback(present);
}

/** Starts (or goes on) counting. */
export const begin = () => { const g = globalThis.glass; g.decoded = []; g.presented = []; g.clicks = []; g.on = true; g.since = performance.timeOrigin + performance.now(); };

/** Stops and hands over. */
export const end = () => {
  const g = globalThis.glass;
  g.on = false;
  const until = performance.timeOrigin + performance.now();
  return { decoded: g.decoded, presented: g.presented, clicks: g.clicks, seconds: (until - g.since) / 1000 };
};
