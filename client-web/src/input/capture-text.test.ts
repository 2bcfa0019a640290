// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TextCapture } from './capture-text';

let stage: HTMLElement;
let sent: string[];
let captured: boolean;
let over: number;
let focused: boolean;
let text: TextCapture;
let field: HTMLTextAreaElement;

beforeEach(() => {
  focused = true;
  vi.spyOn(document, 'hasFocus').mockImplementation(() => focused);
  stage = document.body.appendChild(document.createElement('div'));
  [sent, captured, over] = [[], true, 0];
  text = new TextCapture({
    stage,
    input: {
      text: (typed) => sent.push(typed),
      key: (code, down) => sent.push(`${code} ${down ? 'down' : 'up'}`),
    },
    isCaptured: () => captured,
    onOver: () => (over += 1),
  });
  text.focus();
  field = stage.querySelector('textarea')!;
});

afterEach(() => {
  text.close();
  stage.remove();
});

const input = (inputType: string, data: string | null = null, isComposing = false): void => {
  field.dispatchEvent(new InputEvent('input', { inputType, data, isComposing, bubbles: true }));
};

describe('a field for text', () => {
  it('gives what is inserted, and keeps something that can be deleted', () => {
    field.value = '.é';
    input('insertText', 'é');
    expect([sent, field.value, field.selectionEnd]).toEqual([['é'], '.', 1]);
    input('deleteContentBackward');
    input('insertLineBreak');
    expect(sent.slice(1)).toEqual(['14 down', '14 up', '28 down', '28 up']);
  });

  it('gives what came of a composition, once', () => {
    input('insertCompositionText', 'か', true);
    input('insertCompositionText', '漢字', true);
    field.dispatchEvent(new CompositionEvent('compositionend', { data: '漢字' }));
    input('insertCompositionText', '漢字');
    expect(sent).toEqual(['漢字']);
  });

  it('says when it is left, but not for a window that is', () => {
    focused = false;
    field.dispatchEvent(new Event('blur'));
    expect(over).toBe(0);
    focused = true;
    field.blur();
    expect(over).toBe(1);
  });

  it('tells nothing while the title has not the focus, and is gone when it is closed', () => {
    captured = false;
    input('insertText', 'x');
    expect(sent).toEqual([]);
    text.close();
    expect(stage.querySelector('textarea')).toBe(null);
  });
});
