import { el } from './dom';
import { icon, type IconName } from './icons';

export type ButtonOptions = {
  readonly label: string;
  readonly icon?: IconName;
  readonly kind?: 'primary' | 'quiet' | 'danger';
  /** For tests and embedding pages: `data-part`. */
  readonly part?: string;
  readonly press: () => void;
};

export function button(options: ButtonOptions): HTMLButtonElement {
  const element = el(
    'button',
    { class: `button button-${options.kind ?? 'quiet'}`, attrs: { type: 'button', 'data-part': options.part } },
    options.icon === undefined ? null : icon(options.icon),
    el('span', {}, options.label),
  );
  element.addEventListener('click', options.press);
  return element;
}

/** A button that shows an icon alone; its label is read out and shown as a tooltip. */
export function iconButton(options: ButtonOptions & { readonly icon: IconName; readonly hint?: string }): HTMLButtonElement {
  const element = el(
    'button',
    {
      class: 'icon-button',
      attrs: {
        type: 'button',
        'aria-label': options.label,
        title: options.hint === undefined ? options.label : `${options.label} (${options.hint})`,
        'data-part': options.part,
      },
    },
    icon(options.icon),
  );
  element.addEventListener('click', options.press);
  return element;
}
