/** A player's key, of which the private half never leaves the browser: made when it is first needed, and gone with the page. */

export type Keypair = {
  readonly privateKey: CryptoKey;
  /** Base64url of the uncompressed point. */
  readonly publicText: string;
};

export async function makeKeypair(): Promise<Keypair> {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(CURVE, false, ['deriveBits']);
  const point = new Uint8Array(await crypto.subtle.exportKey('raw', publicKey));
  return { privateKey, publicText: base64url(point) };
}

/** Names an attachment; each has keys of its own, so it is drawn anew for each. */
export function attachmentId(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(16)));
}

export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

export function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
}

export const CURVE = { name: 'ECDH', namedCurve: 'P-256' } as const;
