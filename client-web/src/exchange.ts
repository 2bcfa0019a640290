/** A request and its answer as they go over the wire: they may be sent from one thread and understood in another. */

export type Request = {
  readonly url: string;
  readonly init: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly cache: 'no-store';
    readonly keepalive?: boolean;
    readonly body?: string;
  };
};

export type Raw = { readonly status: number; readonly retryAfter: string | null; readonly text: string };

/** Null: nobody answers. Throws only when `signal` is aborted. */
export async function exchange(send: typeof fetch, { url, init }: Request, signal?: AbortSignal): Promise<Raw | null> {
  try {
    const response = await send(url, { ...init, signal: signal ?? AbortSignal.timeout(ANSWER_MS) });
    return { status: response.status, retryAfter: response.headers.get('Retry-After'), text: await response.text() };
  } catch (error) {
    if (signal?.aborted === true) throw error;
    return null;
  }
}

/** A container boots within this; an engine that says nothing for longer is not there. */
const ANSWER_MS = 30_000;
