import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from './icon.tsx';

interface DialogProps {
  readonly title: string;
  /** Adds to the class `dialog`. */
  readonly look?: string;
  /** Escape, the close button and a click beside it. The one who shows the dialog takes it away. */
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** A dialog over everything else, there for as long as it is rendered. Focus goes into it, and back where it was. */
export function Dialog({ title, look = '', onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useLayoutEffect(() => {
    const cameFrom = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (cameFrom instanceof HTMLElement && cameFrom.isConnected) cameFrom.focus();
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape, which the browser turns into `close`, is the key for it.
    <dialog
      ref={dialog}
      class={`dialog ${look}`}
      aria-labelledby={titleId}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === event.currentTarget) onClose();
      }}
    >
      <div class="dialog-inside">
        <header class="dialog-head">
          <h2 id={titleId}>{title}</h2>
          <button type="button" class="quiet round" aria-label="Close" onClick={onClose}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

interface ConfirmProps {
  readonly question: string;
  readonly consequence: string;
  /** The word on the button that does it. */
  readonly act: string;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}

/** Asks before what cannot be undone. Focus begins on the way out. */
export function ConfirmDialog({ question, consequence, act, onConfirm, onClose }: ConfirmProps) {
  const wayOut = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => wayOut.current?.focus(), []);
  return (
    <Dialog title={question} look="dialog-small" onClose={onClose}>
      <p>{consequence}</p>
      <div class="dialog-acts">
        <button ref={wayOut} type="button" class="plain" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          class="danger"
          onClick={() => {
            onConfirm();
            onClose();
          }}
        >
          {act}
        </button>
      </div>
    </Dialog>
  );
}
