import { describe, expect, it } from 'vitest';
import { writeFrame } from '../wire';
import type { ToCall, ToTransport } from './messages';
import { type PortLike, transportOver } from './port';

function rig() {
  const sent: ToCall[] = [];
  const port: PortLike = { postMessage: (message) => void sent.push(message), onmessage: null, close: () => undefined };
  const transport = transportOver(port);
  const hear = (data: ToTransport): void => port.onmessage?.({ data } as MessageEvent<ToTransport>);
  return { sent, transport, hear };
}

describe('a call as a transport', () => {
  it('carries datagrams as they are, and control messages with the length that a stream has', async () => {
    const { sent, transport, hear } = rig();
    hear({ type: 'ready' });
    await transport.ready;
    hear({ type: 'datagram', bytes: Uint8Array.of(4, 1) });
    expect((await transport.datagrams.readable.getReader().read()).value).toEqual(Uint8Array.of(4, 1));
    const control = await transport.createBidirectionalStream();
    hear({ type: 'control', bytes: Uint8Array.of(9, 9) });
    expect((await control.readable.getReader().read()).value).toEqual(Uint8Array.of(0, 0, 0, 2, 9, 9));
    const writer = control.writable.getWriter();
    await writer.write(writeFrame(Uint8Array.of(7)).subarray(0, 3));
    await writer.write(writeFrame(Uint8Array.of(7)).subarray(3));
    expect(sent).toEqual([{ type: 'control', bytes: Uint8Array.of(7) }]);
  });

  it('that breaks breaks like a transport', async () => {
    const { transport, hear } = rig();
    const closed = transport.closed.catch((error: unknown) => String(error));
    hear({ type: 'closed', reason: 'refused' });
    await expect(transport.ready).rejects.toThrow('refused');
    expect(await closed).toContain('refused');
  });
});
