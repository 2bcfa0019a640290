import { afterEach, expect, it, vi } from 'vitest';
import type { FromDecoder } from '../audio/messages';
import { SoundDecoder } from './sound';

/** As Chromium's: what comes out is stamped with the first timestamp and the samples since. */
class CountingDecoder {
  state = 'configured';
  #first: number | null = null;
  #samples = 0;
  readonly #output: (samples: object) => void;

  constructor({ output }: { output: (samples: object) => void }) {
    this.#output = output;
  }

  configure(): void {}

  close(): void {
    this.state = 'closed';
  }

  decode({ timestamp }: { timestamp: number }): void {
    this.#first ??= timestamp;
    const at = this.#first + (this.#samples * 1_000_000) / 48_000;
    this.#samples += 480;
    this.#output({ timestamp: at, numberOfFrames: 480, numberOfChannels: 2, copyTo: () => undefined, close: () => undefined });
  }
}

afterEach(() => vi.unstubAllGlobals());

// Sound after a silence was given the capture times of the silence, or thrown away: the decoder does not see the hole.
it('sound after a hole keeps its own number and time', () => {
  vi.stubGlobal('AudioDecoder', CountingDecoder);
  vi.stubGlobal('EncodedAudioChunk', class { readonly timestamp: number; constructor(init: { timestamp: number }) { this.timestamp = init.timestamp; } });
  const got: FromDecoder[] = [];
  const decoder = new SoundDecoder();
  decoder.port = { postMessage: (message: FromDecoder) => got.push(message) } as unknown as MessagePort;
  const frames = [1, 2, 3, 43, 83, 100, 101, 102, 104, 105];
  for (const frame of frames) {
    decoder.decode({ frame, capturedAt: 10_000 * frame, silent: frame === 43, opus: Uint8Array.of(1) });
  }
  expect(got.map(({ frame }) => frame)).toEqual(frames);
  expect(got.map(({ capturedAt }) => capturedAt)).toEqual(frames.map((frame) => 10_000 * frame));
});
