import { expect, it } from 'vitest';
import { countsOf } from './counts';

it('adds up what the browser received of picture and sound, and nothing else', () => {
  const video = {
    type: 'inbound-rtp',
    kind: 'video',
    packetsReceived: 900,
    packetsLost: 7,
    retransmittedPacketsReceived: 5,
    bytesReceived: 1_000_000,
    headerBytesReceived: 18_000,
    framesReceived: 60,
    framesDropped: 2,
  };
  const audio = { type: 'inbound-rtp', kind: 'audio', packetsReceived: 100, packetsLost: -1, bytesReceived: 12_000 };
  const others = [{ type: 'candidate-pair', bytesReceived: 9_999_999 }, { type: 'outbound-rtp', packetsReceived: 3 }];
  expect(countsOf([...others, video, audio])).toEqual({
    packets: { received: 1_000, lost: 7, duplicate: 0, malformed: 0, repeated: 5 },
    frames: { received: 60, lost: 0, late: 0, dropped: 2 },
    bytes: 1_030_000,
  });
  expect(countsOf([]).bytes).toBe(0);
});
