/** What the engine keeps of a player's saved games. Answers and problems are values; a page that goes takes its questions with it. */
import type { Answer } from '../answer';
import { playerKey } from '../api';
import { list, number, parseJson, text, words, type Json } from '../json';

export type SaveVersion = {
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly bytes: number;
};

export type TitleSaves = {
  readonly title: string;
  /** The newest first, one of each of the last sessions; at least one. */
  readonly versions: readonly SaveVersion[];
};

export type Kept = { readonly bytes: number; readonly bytesMax: number; readonly titles: readonly TitleSaves[] };

export type Saves = {
  list(signal: AbortSignal): Promise<Answer<Kept>>;
  /** Makes an older version the newest. */
  restore(title: string, version: number): Promise<Answer<null>>;
  /** The newest, as an archive. */
  take(title: string): Promise<Answer<Blob>>;
  /** Removes all versions for good. */
  erase(title: string): Promise<Answer<null>>;
};

export type Wiring = { readonly fetch: typeof fetch; readonly key: () => string };

export function openSaves(wiring: Wiring = { fetch: fetch.bind(globalThis), key: playerKey }): Saves {
  const ask = async <T>(method: string, path: string, read: (response: Response) => Promise<T>, more: RequestInit = {}): Promise<Answer<T>> => {
    const headers = { Authorization: `Bearer ${wiring.key()}`, ...(more.body == null ? {} : { 'Content-Type': 'application/json' }) };
    try {
      const response = await wiring.fetch(`/v1/saves${path}`, { ...more, method, headers, cache: 'no-store' });
      if (response.ok) return { ok: true, value: await read(response) };
      const json = parseJson(await response.text());
      const problem = text(json, 'type').split(':').at(-1) ?? '';
      return { ok: false, problem, status: response.status, detail: words(json, 'detail') ?? text(json, 'title'), retryAfterS: null };
    } catch {
      return { ok: false, problem: 'unreachable', status: 0, detail: 'The engine does not answer.', retryAfterS: null };
    }
  };
  const at = (title: string): string => `/${encodeURIComponent(title)}`;
  const nothing = (): Promise<null> => Promise.resolve(null);
  return {
    list: (signal) => ask('GET', '', async (response) => keptOf(parseJson(await response.text())), { signal }),
    restore: (title, version) => ask('POST', `${at(title)}/restore`, nothing, { body: JSON.stringify({ version }) }),
    take: (title) => ask('GET', at(title), (response) => response.blob()),
    erase: (title) => ask('DELETE', at(title), nothing),
  };
}

function keptOf(json: Json): Kept {
  const titles = list(json, 'titles').map((of) => ({
    title: text(of, 'title'),
    versions: list(of, 'versions').map((version) => ({ version: number(version, 'version'), at: number(version, 'at_ms'), bytes: number(version, 'bytes') })),
  }));
  return { bytes: number(json, 'bytes'), bytesMax: number(json, 'bytes_max'), titles: titles.filter(({ versions }) => versions.length > 0) };
}
