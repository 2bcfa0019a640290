// Stream to decoder to track, with nothing in between.
const HEADER_BYTES = 24;
const now = () => performance.timeOrigin + performance.now();
let writer;
let rect;
let decoded = 0;
let count = 0;
// By chunk timestamp: when it was handed to the decoder, and what the server measured.
const inside = new Map();

onmessage = ({ data }) => {
  if (data.writable) {
    writer = data.writable.getWriter();
    read().catch((error) => postMessage({ error: String(error) }));
  }
  if (data.rect) rect = data.rect;
};

const decoder = new VideoDecoder({ output, error: (error) => postMessage({ error: String(error) }) });

function output(frame) {
  const decodedAt = now();
  decoded += 1;
  const { submittedAt, capture, encode, pipe } = inside.get(frame.timestamp);
  inside.delete(frame.timestamp);
  const own = rect ? frame.clone() : null;
  writer.write(frame);
  if (!own) { if (decoded % 10 === 0) postMessage({ decoded }); return; }
  const decode = decodedAt - submittedAt;
  look(own, { decodedAt, parts: { capture, encode, pipe, decode, sum: encode + decode } });
}

async function look(frame, sample) {
  const chroma = (rect.width / 2) * (rect.height / 2);
  const luma = rect.width * rect.height;
  const bytes = new Uint8Array(luma + 2 * chroma);
  const layout = [
    { offset: 0, stride: rect.width },
    { offset: luma, stride: rect.width / 2 },
    { offset: luma + chroma, stride: rect.width / 2 },
  ];
  try { await frame.copyTo(bytes, { rect, layout }); } finally { frame.close(); }
  postMessage({ decoded, ...sample, luma: bytes.subarray(0, luma) });
}

async function read() {
  decoder.configure({ codec: 'avc1.42C033', optimizeForLatency: true });
  const response = await fetch('/stream', { cache: 'no-store' });
  // The browser writes into our memory: no piece is allocated and copied for each read, and the slow reads are fewer.
  const reader = response.body.getReader({ mode: 'byob' });
  // What has come of the messages that are not whole yet.
  let buffer = new Uint8Array(4 << 20);
  let filled = 0;
  for (;;) {
    const { value, done } = await reader.read(buffer.subarray(filled));
    if (done) throw new Error('the stream ended');
    buffer = new Uint8Array(value.buffer);
    filled += value.length;
    let at = 0;
    while (filled - at >= HEADER_BYTES) {
      const view = new DataView(buffer.buffer, at);
      const length = view.getUint32(0);
      if (filled - at < length) break;
      submit(view, buffer.subarray(at + HEADER_BYTES, at + length));
      at += length;
    }
    buffer.copyWithin(0, at, filled);
    filled -= at;
  }
}

function submit(view, data) {
  const timestamp = Math.round((count++ * 1e6) / 60);
  const key = view.getUint32(4) === 1;
  const chunk = new EncodedVideoChunk({ type: key ? 'key' : 'delta', timestamp, data });
  const submittedAt = now();
  const pipe = submittedAt - Number(view.getBigUint64(16)) / 1000;
  inside.set(chunk.timestamp, { submittedAt, pipe, capture: view.getUint32(8) / 1000, encode: view.getUint32(12) / 1000 });
  decoder.decode(chunk);
}
