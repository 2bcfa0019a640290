import { describe, expect, it } from 'vitest';
import { KeyGate } from './key-gate';

function gate(): { gate: KeyGate; sent: string[] } {
  const sent: string[] = [];
  return { gate: new KeyGate({ key: (code, down) => sent.push(`${code} ${down ? 'down' : 'up'}`) }), sent };
}

describe('keys that are held back', () => {
  it('go on in order when what they paste is there', () => {
    const { gate: keys, sent } = gate();
    keys.key(29, true);
    keys.hold();
    keys.key(47, true);
    keys.key(47, false);
    keys.hold();
    keys.key(29, false);
    expect(sent).toEqual(['29 down']);
    keys.open();
    keys.key(30, true);
    expect(sent).toEqual(['29 down', '47 down', '47 up', '29 up', '30 down']);
  });

  it('are forgotten when everything is let go', () => {
    const { gate: keys, sent } = gate();
    keys.hold();
    keys.key(47, true);
    keys.drop();
    keys.open();
    keys.key(30, true);
    expect(sent).toEqual(['30 down']);
  });

  it('are never more than somebody types', () => {
    const { gate: keys, sent } = gate();
    keys.hold();
    for (let code = 0; code < 65; code += 1) keys.key(code, true);
    expect(sent).toHaveLength(65);
  });
});
