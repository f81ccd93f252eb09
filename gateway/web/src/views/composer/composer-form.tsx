import { useComputed, useSignal } from '@preact/signals';
import { useCallback, useEffect, useId, useMemo, useRef } from 'preact/hooks';
import type { App, Refusal } from '../../client/app.ts';
import { Icon } from '../common/icon.tsx';
import { hasFinePointer } from '../common/media-query.ts';
import { Trouble } from '../common/trouble.tsx';
import { stoppable } from '../conversation/under-way.ts';
import { Attachments } from './attachments.tsx';
import { charactersLeft } from './characters-left.ts';
import { DropTarget } from './dropping.tsx';
import { focusMessageBox, MessageBox } from './message-box.tsx';
import { createRecorder, type Recorder } from './recorder.ts';
import { Recording } from './recording.tsx';

/** Where messages are written. */
export function ComposerForm({ app }: { readonly app: App }) {
  const { composer } = app;
  const refused = useSignal<Refusal | undefined>(undefined);
  const roomId = useId();
  const attachAll = useCallback(
    async (files: readonly Blob[]) => {
      refused.value = undefined;
      for (const file of files) refused.value = (await composer.attach(file)) ?? refused.value;
    },
    [composer],
  );
  const onFiles = useCallback((files: readonly Blob[]) => void attachAll(files), [attachAll]);
  const recorder = useMemo(() => createRecorder((file) => onFiles([file])), [onFiles]);
  useEffect(() => () => recorder.cancel(), [recorder]);
  useFocus(app);
  const send = () => {
    if (!composer.canSend.value) return;
    refused.value = undefined;
    composer.send();
    focusMessageBox();
  };
  const isRecording = recorder.state.value.kind !== 'idle';
  useFocusAfter(isRecording);
  const trouble = refused.value ?? composer.problem.value;
  return (
    <form
      class="composer"
      aria-label="Write a message"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <DropTarget onFiles={onFiles} />
      {trouble !== undefined && (
        <Trouble refusal={trouble} onDismiss={refused.value && (() => (refused.value = undefined))} />
      )}
      <div class="composer-card">
        <Attachments composer={composer} />
        {isRecording ? (
          <Recording recorder={recorder} />
        ) : (
          <>
            <MessageBox app={app} onSend={send} onFiles={onFiles} describedBy={roomId} />
            <Acts app={app} recorder={recorder} onFiles={onFiles} refuse={(refusal) => (refused.value = refusal)} />
          </>
        )}
      </div>
      <Room app={app} id={roomId} />
    </form>
  );
}

/** Turning to a conversation is turning to write in it, unless that pushes a keyboard over it or takes the focus from another field. */
function useFocus(app: App): void {
  const id = app.conversation.id.value;
  useEffect(() => {
    const isWriting = document.activeElement instanceof HTMLInputElement;
    if (hasFinePointer.peek() && !isWriting) focusMessageBox();
  }, [id]);
}

/** What had the focus is gone with the recording. */
function useFocusAfter(isRecording: boolean): void {
  const wasRecording = useRef(false);
  useEffect(() => {
    if (wasRecording.current && !isRecording) focusMessageBox();
    wasRecording.current = isRecording;
  }, [isRecording]);
}

/** The room that is left, once it is little. */
function Room({ app, id }: { readonly app: App; readonly id: string }) {
  const limits = app.limits.value;
  const left = limits === undefined ? undefined : charactersLeft(app.composer.text.value, limits.maxTextBytes);
  return (
    <p class="room" id={id}>
      {left === undefined ? null : left >= 0 ? `${left} characters left` : `${-left} characters too many`}
    </p>
  );
}

interface ActsProps {
  readonly app: App;
  readonly recorder: Recorder;
  readonly onFiles: (files: readonly File[]) => void;
  readonly refuse: (refusal: Refusal | undefined) => void;
}

function Acts({ app, recorder, onFiles, refuse }: ActsProps) {
  const input = useRef<HTMLInputElement>(null);
  const stopId = useComputed(() => stoppable(app.conversation.entries.value)).value;
  const stop = async (messageId: string) => refuse(await app.conversation.stop(messageId));
  return (
    <div class="composer-acts">
      <input
        ref={input}
        type="file"
        hidden
        multiple
        accept="image/*,audio/*,video/mp4,video/webm"
        onChange={({ currentTarget }) => {
          onFiles([...(currentTarget.files ?? [])]);
          // So that the same file can be chosen again.
          currentTarget.value = '';
        }}
      />
      <button
        type="button"
        class="quiet round"
        aria-label="Attach files"
        title="Attach files"
        onClick={() => input.current?.click()}
      >
        <Icon name="clip" />
      </button>
      <button
        type="button"
        class="quiet round"
        aria-label="Record a voice message"
        title="Record a voice message"
        onClick={() => void recorder.start().then(refuse)}
      >
        <Icon name="microphone" />
      </button>
      <span class="spring" />
      {stopId !== undefined && (
        <button
          type="button"
          class="plain stop"
          aria-label="Stop the reply"
          onClick={({ detail }) => {
            void stop(stopId);
            // By keyboard: the button goes with the reply, and the focus would go with it.
            if (detail === 0) focusMessageBox();
          }}
        >
          <span class="stop-square" aria-hidden="true" />
          <span>Stop</span>
        </button>
      )}
      <button type="submit" class="primary round" aria-label="Send" title="Send" disabled={!app.composer.canSend.value}>
        <Icon name="send" />
      </button>
    </div>
  );
}
