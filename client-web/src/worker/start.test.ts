import { describe, expect, it } from 'vitest';
import { StartTrace } from './start';

const SO = { clickedAt: 1_000_000, placedAt: 1_020_000 };

function whole(): StartTrace {
  const trace = new StartTrace(SO);
  trace.opened(1_050_000);
  trace.arrived(1_080_000);
  trace.shown(1_095_000);
  return trace;
}

describe('StartTrace', () => {
  it('has parts that sum to the whole', () => {
    expect(whole().parts()).toEqual({ placed_ms: 20, connected_ms: 30, first_frame_ms: 30, shown_ms: 15, total_ms: 95 });
  });

  it('is told once, and not before the clocks are compared', () => {
    const trace = whole();
    expect(trace.takeReport(null)).toBeNull();
    expect(trace.takeReport(-900_000)).toEqual({
      clickedAtUs: 100_000n,
      placedUs: 20_000,
      connectedUs: 50_000,
      firstFrameUs: 80_000,
      shownUs: 95_000,
    });
    expect(trace.takeReport(-900_000)).toBeNull();
  });

  it('counts an attachment that broke before its first picture as connecting', () => {
    const trace = new StartTrace(SO);
    trace.opened(1_050_000);
    trace.arrived(1_060_000);
    trace.opened(1_200_000);
    trace.arrived(1_210_000);
    expect(trace.shown(1_215_000)).toBe(true);
    expect(trace.shown(1_300_000)).toBe(false);
    trace.opened(1_400_000);
    expect(trace.parts()).toMatchObject({ connected_ms: 180, first_frame_ms: 10, total_ms: 215 });
  });

  it('never goes backwards', () => {
    const trace = new StartTrace(SO);
    trace.opened(1_010_000);
    trace.arrived(1_005_000);
    trace.shown(900_000);
    expect(trace.parts()).toEqual({ placed_ms: 20, connected_ms: 0, first_frame_ms: 0, shown_ms: 0, total_ms: 20 });
  });
});
