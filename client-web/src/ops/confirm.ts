/** Asks before something is done that players feel. */
import { button } from '../ui/button';
import { el } from '../ui/dom';

export type Question = { readonly title: string; readonly text: string; readonly yes: string; readonly danger?: boolean };

/** Whether it is to be done. Escape, and going elsewhere, mean no. */
export function confirm(parent: HTMLElement, question: Question): Promise<boolean> {
  const dialog = el('dialog', { class: 'confirm', attrs: { 'aria-labelledby': 'confirm-title', 'aria-describedby': 'confirm-text' } });
  const cancel = button({ label: 'Cancel', part: 'cancel', press: () => dialog.close('no') });
  const yes = button({
    label: question.yes,
    kind: question.danger === true ? 'danger' : 'primary',
    part: 'confirm',
    press: () => dialog.close('yes'),
  });
  dialog.append(
    el('h2', { attrs: { id: 'confirm-title' } }, question.title),
    el('p', { attrs: { id: 'confirm-text' } }, question.text),
    el('div', { class: 'confirm-buttons' }, cancel, yes),
  );
  parent.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    dialog.showModal();
    // The harmless one: whoever presses Enter twice has cordoned nothing.
    cancel.focus();
  });
}
