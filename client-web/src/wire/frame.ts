/** The control stream cut into messages (docs/PROTOCOL.md, section 5). */
import { viewOf } from './bytes';

export const FRAME_BYTES_MAX = 65536;
const LENGTH_BYTES = 4;

/** A message with its length before it. */
export function writeFrame(message: Uint8Array): Uint8Array {
  const out = new Uint8Array(LENGTH_BYTES + message.length);
  viewOf(out).setUint32(0, message.length);
  out.set(message, LENGTH_BYTES);
  return out;
}

/** Takes a stream's chunks as they come and gives whole messages. After `oversized` it takes nothing more. */
export class FrameDecoder {
  #held = new Uint8Array(0);
  #broken = false;

  push(chunk: Uint8Array): Uint8Array[] | 'oversized' {
    if (this.#broken) return 'oversized';
    let bytes = chunk;
    if (this.#held.length > 0) {
      bytes = new Uint8Array(this.#held.length + chunk.length);
      bytes.set(this.#held);
      bytes.set(chunk, this.#held.length);
    }
    const view = viewOf(bytes);
    const messages: Uint8Array[] = [];
    let at = 0;
    while (at + LENGTH_BYTES <= bytes.length) {
      const length = view.getUint32(at);
      if (length > FRAME_BYTES_MAX) {
        this.#broken = true;
        return 'oversized';
      }
      const end = at + LENGTH_BYTES + length;
      if (end > bytes.length) break;
      messages.push(bytes.slice(at + LENGTH_BYTES, end));
      at = end;
    }
    this.#held = bytes.slice(at);
    return messages;
  }
}
