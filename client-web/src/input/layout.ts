/**
 * The player's keyboard layout, by what its keys are labelled.
 *
 * The table says what a few keys of each layout make; the engine's tests hold it to xkb's own data, and xkb's are the names.
 */
import layouts from './layouts.json';

type Labels = { readonly get: (code: string) => string | undefined };

/** The name of the layout whose keys all make what the table says; null: it is none of those. */
export function layoutOf(labels: Labels): string | null {
  const fits = ([, keys]: [string, object]): boolean => Object.entries(keys).every(([code, label]) => labels.get(code) === label);
  return Object.entries(layouts).find(fits)?.[0] ?? null;
}

/** null: the browser does not tell, or it is none that the table has. */
export async function playerLayout(): Promise<string | null> {
  const { keyboard } = navigator as Navigator & { readonly keyboard?: { readonly getLayoutMap?: () => Promise<Labels> } };
  try {
    const labels = await keyboard?.getLayoutMap?.();
    return labels === undefined ? null : layoutOf(labels);
  } catch {
    // In a frame whose page does not allow it.
    return null;
  }
}
