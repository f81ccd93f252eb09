import { useLayoutEffect, useRef } from 'preact/hooks';
import type { App, Limits } from '../../client/app.ts';
import { charactersLeft } from './characters-left.ts';

interface MessageBoxProps {
  readonly app: App;
  readonly onSend: () => void;
  readonly onFiles: (files: readonly File[]) => void;
  readonly describedBy: string;
}

/** The field grows by itself with its words; where the style sheet can do that, it does. */
const growsByStyle = CSS.supports('field-sizing', 'content');

/** Enter sends, Shift+Enter begins a line, and Enter that ends the writing of a Chinese or Japanese word does neither. */
export function MessageBox({ app, onSend, onFiles, describedBy }: MessageBoxProps) {
  const { composer, limits } = app;
  const field = useRef<HTMLTextAreaElement>(null);
  const text = composer.text.value;
  useLayoutEffect(() => {
    if (field.current === null || growsByStyle) return;
    field.current.style.setProperty('height', 'auto');
    field.current.style.setProperty('height', `${field.current.scrollHeight}px`);
  }, [text]);
  return (
    <textarea
      ref={field}
      id="message-box"
      class="message-box"
      aria-label="Message"
      aria-describedby={describedBy}
      aria-invalid={isTooLong(text, limits.value)}
      placeholder="Write a message"
      rows={1}
      enterkeyhint="send"
      value={text}
      onInput={(event) => composer.setText(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return;
        event.preventDefault();
        onSend();
      }}
      onPaste={(event) => {
        const files = [...(event.clipboardData?.files ?? [])];
        if (files.length === 0) return;
        event.preventDefault();
        onFiles(files);
      }}
    />
  );
}

/** Safari ends the composing before it tells of the key that ended it; that has this number in every browser. */
const composingKeyCode = 229;

function isComposing({ isComposing: isUnderWay, keyCode }: KeyboardEvent): boolean {
  return isUnderWay || keyCode === composingKeyCode;
}

function isTooLong(text: string, limits: Limits | undefined): boolean {
  return limits !== undefined && (charactersLeft(text, limits.maxTextBytes) ?? 0) < 0;
}

export function focusMessageBox(): void {
  document.getElementById('message-box')?.focus();
}
