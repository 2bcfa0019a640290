import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CURVE, base64url, fromBase64url } from './keypair';
import { Seal } from './seal';

const vector = JSON.parse(
  readFileSync(new URL('../../../transport/seal/vectors/seal.json', import.meta.url), 'utf8'),
) as Record<string, string>;
const bytes = (name: string): Uint8Array =>
  Uint8Array.from(vector[name]?.match(/../g) ?? [], (pair) => parseInt(pair, 16));

async function player(): Promise<Seal> {
  const point = fromBase64url(vector.player_public ?? '');
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: base64url(point.subarray(1, 33)),
    y: base64url(point.subarray(33)),
    d: base64url(bytes('player_secret')),
  };
  const privateKey = await crypto.subtle.importKey('jwk', jwk, CURVE, false, ['deriveBits']);
  const { player_public: publicText = '', host_public: hostKey = '', session = '', attachment = '' } = vector;
  return Seal.agree({ privateKey, publicText, hostKey, session, attachment });
}

describe('the vector shared with transport/seal', () => {
  it('is sealed to the same bytes and opened again', async () => {
    const seal = await player();
    expect(await seal.sealDatagram(bytes('player_datagram'))).toEqual(bytes('player_datagram_sealed'));
    expect(await seal.sealControl(bytes('player_control'))).toEqual(bytes('player_control_sealed'));
    expect(await seal.openDatagram(bytes('host_datagram_sealed'))).toEqual(bytes('host_datagram'));
    expect(await seal.openControl(bytes('host_control_sealed'))).toEqual(bytes('host_control'));
  });

  it('opens nothing twice and nothing that was changed', async () => {
    const seal = await player();
    const sealed = bytes('host_datagram_sealed');
    for (let bit = 0; bit < 8 * sealed.length; bit += 1) {
      const changed = sealed.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(await seal.openDatagram(changed)).toBeNull();
    }
    const both = await Promise.all([seal.openDatagram(sealed), seal.openDatagram(sealed)]);
    expect(both.filter((opened) => opened !== null)).toHaveLength(1);
    expect(await seal.openControl(bytes('host_control_sealed'))).not.toBeNull();
    expect(await seal.openControl(bytes('host_control_sealed'))).toBeNull();
    expect(seal.forged).toBe(8 * sealed.length + 2);
  });
});
