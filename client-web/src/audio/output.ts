/** The page's end of the sound: context, worklet, volume, and where the sound is against the picture. */
import workletUrl from './worklet.ts?worker&url';
import type { Stats } from '../stats';
import type { Millis } from '../time';
import { type FromWorklet, type ToWorklet, WORKLET_NAME } from './messages';
import { nextHold } from './sync';

export type SoundEvents = {
  readonly onBlocked: (blocked: boolean) => void;
  /** For the worker: decoded samples go into it. */
  readonly onPort: (port: MessagePort) => void;
};

export class SoundOutput {
  readonly #events: SoundEvents;
  #context: AudioContext | null = null;
  #gain: GainNode | null = null;
  #node: AudioWorkletNode | null = null;
  #report: FromWorklet | null = null;
  #muted = false;
  #volume = 1;
  #blocked = false;
  #holdMs: Millis = 0;
  #behindMs: Millis = 0;
  #wanted = false;
  #callTrack: MediaStreamTrack | null = null;
  #callNode: MediaStreamAudioSourceNode | null = null;
  #pull: HTMLAudioElement | null = null;
  /** Of a call's sound. */
  #meter: AnalyserNode | null = null;
  /** Long enough since the start for a context that may play to be running. */
  #patienceOver = false;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(events: SoundEvents) {
    this.#events = events;
  }

  /** To be called once the player starts, in the gesture if there is one. Never fails: then there is no sound. */
  start(): void {
    if (this.#context !== null || typeof AudioContext === 'undefined') return;
    const context = new AudioContext({ latencyHint: 'interactive', sampleRate: 48_000 });
    this.#context = context;
    context.onstatechange = () => this.#review();
    this.#timer = setTimeout(() => {
      this.#patienceOver = true;
      this.#review();
    }, BLOCKED_AFTER_MS);
    this.#build(context).catch(() => this.close());
  }

  /** The title has sound, or none. */
  set wanted(wanted: boolean) {
    this.#wanted = wanted;
    this.#review();
  }

  async unlock(): Promise<void> {
    if (this.#context?.state === 'suspended') await this.#context.resume().catch(() => undefined);
    this.#review();
  }

  get blocked(): boolean {
    return this.#blocked;
  }

  get muted(): boolean {
    return this.#muted;
  }

  set muted(muted: boolean) {
    this.#muted = muted;
    this.#applyGain();
  }

  get volume(): number {
    return this.#volume;
  }

  set volume(volume: number) {
    this.#volume = Number.isFinite(volume) ? Math.min(Math.max(volume, 0), 1) : 1;
    this.#applyGain();
  }

  /** Compares with the picture: `offsetMs` is the host's clock minus ours, `glassMs` the picture's way to the screen. */
  align(offsetMs: Millis, glassMs: Millis): void {
    const context = this.#context;
    const report = this.#report;
    if (context?.state !== 'running' || report?.capturedAt == null || glassMs <= 0) return;
    const { contextTime = 0, performanceTime = 0 } = context.getOutputTimestamp();
    if (contextTime <= 0) return;
    const heardAt = performance.timeOrigin + performanceTime + 1000 * (report.contextTime - contextTime);
    const soundMs = heardAt + offsetMs - report.capturedAt / 1000;
    this.#behindMs = soundMs - glassMs;
    // What the worklet was told before takes until its next report to show.
    const hold = nextHold(this.#holdMs, this.#behindMs);
    if (hold !== this.#holdMs) {
      this.#holdMs = hold;
      this.#tell({ type: 'hold', samples: Math.round((hold * context.sampleRate) / 1000) });
    }
    this.#report = { ...report, capturedAt: null };
  }

  /** Plays a call's sound, which the browser decodes by itself, in place of the worker's; null: no more. */
  call(track: MediaStreamTrack | null): void {
    this.#callNode?.disconnect();
    this.#callNode = null;
    this.#meter = null;
    if (this.#pull !== null) this.#pull.srcObject = null;
    this.#pull = null;
    this.#callTrack = track;
    const context = this.#context;
    if (track === null || context === null || this.#gain === null) return;
    const stream = new MediaStream([track]);
    // Chromium decodes a remote track only for an element that plays it.
    this.#pull = new Audio();
    this.#pull.muted = true;
    this.#pull.srcObject = stream;
    this.#pull.play().catch(() => undefined);
    this.#callNode = context.createMediaStreamSource(stream);
    this.#meter = context.createAnalyser();
    this.#callNode.connect(this.#meter);
    this.#callNode.connect(this.#gain);
  }

  stats(): Stats['audio'] {
    const running = this.#context?.state === 'running' && this.#node !== null;
    const state = !this.#wanted ? 'none' : !running ? 'blocked' : this.#muted ? 'muted' : 'playing';
    return {
      state,
      buffer_ms: this.#report?.bufferMs ?? 0,
      underruns: this.#report?.underruns ?? 0,
      concealed: this.#report?.concealed ?? 0,
      av_offset_ms: this.#behindMs,
      level: running ? (this.#meter === null ? (this.#report?.level ?? 0) : levelOf(this.#meter)) : 0,
    };
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#context !== null && this.#context.state !== 'closed') this.#context.close().catch(() => undefined);
    this.#node = null;
    this.#gain = null;
  }

  async #build(context: AudioContext): Promise<void> {
    await context.audioWorklet.addModule(workletUrl);
    const node = new AudioWorkletNode(context, WORKLET_NAME, { numberOfInputs: 0, outputChannelCount: [2] });
    node.port.onmessage = ({ data }: MessageEvent<FromWorklet>) => {
      this.#report = data;
    };
    this.#gain = context.createGain();
    node.connect(this.#gain).connect(context.destination);
    this.#node = node;
    if (this.#callTrack !== null) this.call(this.#callTrack);
    this.#applyGain();
    const { port1, port2 } = new MessageChannel();
    this.#tell({ type: 'port', port: port1 }, [port1]);
    this.#events.onPort(port2);
    this.#review();
  }

  #tell(message: ToWorklet, transfer: Transferable[] = []): void {
    this.#node?.port.postMessage(message, transfer);
  }

  #applyGain(): void {
    if (this.#gain === null || this.#context === null) return;
    // A ramp of a few milliseconds does not click.
    this.#gain.gain.setTargetAtTime(this.#muted ? 0 : this.#volume, this.#context.currentTime, 0.01);
  }

  #review(): void {
    const blocked = this.#wanted && this.#patienceOver && this.#context?.state === 'suspended';
    if (blocked === this.#blocked) return;
    this.#blocked = blocked;
    this.#events.onBlocked(blocked);
  }
}

/** Root mean square of the last moment. */
function levelOf(meter: AnalyserNode): number {
  const samples = new Float32Array(meter.fftSize);
  meter.getFloatTimeDomainData(samples);
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
}

/** A context that is allowed to play starts within this. */
const BLOCKED_AFTER_MS = 400;
