import { describe, expect, it } from 'vitest';
import { type SocketLike, overSocket } from './socket';

class FakeSocket implements SocketLike {
  binaryType = 'blob';
  bufferedAmount = 0;
  onopen: SocketLike['onopen'] = null;
  onmessage: SocketLike['onmessage'] = null;
  onclose: SocketLike['onclose'] = null;
  readonly sent: number[][] = [];
  closedWith: [number, string] | null = null;
  send(bytes: Uint8Array): void {
    this.sent.push([...bytes]);
  }
  close(code: number, reason: string): void {
    this.closedWith = [code, reason];
  }
  receive(...bytes: number[]): void {
    this.onmessage?.({ data: Uint8Array.from(bytes).buffer } as MessageEvent);
  }
}

describe('a WebSocket in place of WebTransport', () => {
  it('tells datagrams from control messages, both ways', async () => {
    const socket = new FakeSocket();
    const transport = overSocket(socket);
    socket.onopen?.({} as Event);
    await transport.ready;
    const { readable, writable } = await transport.createBidirectionalStream();
    socket.receive(0x11, 7);
    socket.receive(0, 0, 0, 0, 1, 9);
    expect((await transport.datagrams.readable.getReader().read()).value).toEqual(Uint8Array.of(0x11, 7));
    expect((await readable.getReader().read()).value).toEqual(Uint8Array.of(0, 0, 0, 1, 9));
    await writable.getWriter().write(Uint8Array.of(0, 0, 0, 0));
    const datagrams = transport.datagrams.writable.getWriter();
    await datagrams.write(Uint8Array.of(0x18, 1));
    socket.bufferedAmount = 1e6;
    await datagrams.write(Uint8Array.of(0x18, 2));
    expect(socket.sent).toEqual([
      [0, 0, 0, 0, 0],
      [0x18, 1],
    ]);
  });

  it('hands on how it was closed', async () => {
    const [told, broken] = [new FakeSocket(), new FakeSocket()];
    const closed = overSocket(told).closed;
    told.onclose?.({ code: 4001, reason: 'over' } as CloseEvent);
    expect(await closed).toEqual({ closeCode: 1, reason: 'over' });
    const transport = overSocket(broken);
    transport.close({ closeCode: 0, reason: 'bye' });
    expect(broken.closedWith).toEqual([4000, 'bye']);
    broken.onclose?.({ code: 1006, reason: '' } as CloseEvent);
    await expect(transport.closed).rejects.toThrow();
    await expect(transport.ready).rejects.toThrow();
  });
});
