/** What a call on the page and its transport in the worker say to each other over a message port. */
export type ToTransport =
  | { readonly type: 'ready' }
  | { readonly type: 'datagram'; readonly bytes: Uint8Array }
  | { readonly type: 'control'; readonly bytes: Uint8Array }
  | { readonly type: 'closed'; readonly reason: string };

export type ToCall =
  | { readonly type: 'datagram'; readonly bytes: Uint8Array }
  | { readonly type: 'control'; readonly bytes: Uint8Array }
  | { readonly type: 'close' };
