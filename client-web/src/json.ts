/** Reads what an engine answers: what is missing or of another kind reads as nothing. */

export type Json = Readonly<Record<string, unknown>>;

export function parseJson(text: string): Json {
  try {
    return asJson(JSON.parse(text));
  } catch {
    return {};
  }
}

export function asJson(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

export function text(json: Json, key: string): string {
  const value = json[key];
  return typeof value === 'string' ? value : '';
}

export function words(json: Json, key: string): string | null {
  const value = json[key];
  return typeof value === 'string' && value !== '' ? value : null;
}

export function number(json: Json, key: string): number {
  const value = json[key];
  return typeof value === 'number' ? value : 0;
}

export function list(json: Json, key: string): Json[] {
  const value = json[key];
  return Array.isArray(value) ? value.map(asJson) : [];
}
