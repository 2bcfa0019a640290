/** An address that is no page. */
import { el } from '../ui/dom';
import { missingCard } from './play-cards';

export class MissingPage {
  constructor({ root, library }: { readonly root: HTMLElement; readonly library: () => void }) {
    document.title = 'Nothing here · Firstlight';
    root.replaceChildren(el('main', { class: 'play' }, el('div', { class: 'veil' }, missingCard({ library }))));
  }

  close(): void {
    // It owns nothing.
  }
}
