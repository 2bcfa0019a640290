/** Rows that are kept while what they stand for is there, so that focus, selection and what is unfolded stay. */

export type Row<T> = {
  readonly element: HTMLElement;
  show(value: T): void;
};

export class Rows<T> {
  readonly #parent: HTMLElement;
  readonly #keyOf: (value: T) => string;
  readonly #make: (value: T) => Row<T>;
  readonly #rows = new Map<string, Row<T>>();

  constructor(parent: HTMLElement, keyOf: (value: T) => string, make: (value: T) => Row<T>) {
    this.#parent = parent;
    this.#keyOf = keyOf;
    this.#make = make;
  }

  show(values: readonly T[]): void {
    const gone = new Set(this.#rows.keys());
    let after: Element | null = null;
    for (const value of values) {
      const key = this.#keyOf(value);
      gone.delete(key);
      let row = this.#rows.get(key);
      if (row === undefined) {
        row = this.#make(value);
        this.#rows.set(key, row);
      }
      row.show(value);
      // Only what is out of place is moved: a move takes the focus away.
      const next: Element | null = after === null ? this.#parent.firstElementChild : after.nextElementSibling;
      if (next !== row.element) this.#parent.insertBefore(row.element, next);
      after = row.element;
    }
    for (const key of gone) {
      this.#rows.get(key)?.element.remove();
      this.#rows.delete(key);
    }
  }
}
