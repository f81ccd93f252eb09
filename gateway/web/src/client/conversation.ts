import { signal } from '@preact/signals';
import { Conversation as Place } from '../../../../src/client/conversation.ts';
import type { Attachment, Refusal } from './app.ts';
import { Transcript } from './transcript.ts';

/** What was chosen here to be sent. */
export interface ChosenFile extends Attachment {
  readonly bytes: Blob;
}

/** A conversation as this page knows it: what is said in it, and what is about to be. */
export class Conversation {
  /** '' until the server has named it. */
  readonly id;
  /** As the session knows it. */
  place: Place;
  readonly transcript = new Transcript();
  readonly hasOlder = signal(false);
  readonly isLoadingOlder = signal(false);
  readonly trouble = signal<Refusal | undefined>(undefined);
  /** Why it is open, where nobody here asked for it. */
  readonly notice = signal<Refusal | undefined>(undefined);
  readonly draftText = signal('');
  readonly chosen = signal<readonly ChosenFile[]>([]);
  /** Its newest messages are here, or it has none. */
  isLoaded: boolean;
  /** Of the page of history before the oldest one here. */
  olderToken = '';
  /** Not there, or not for this client: no session can turn to it. */
  isGone = false;

  constructor(id = '', isNew = id === '') {
    this.id = signal(id);
    this.place = new Place(id);
    this.isLoaded = isNew;
  }

  /** Nothing was said in it, nor is about to be. */
  get isBlank(): boolean {
    return this.isLoaded && !this.isGone && this.transcript.entries.peek().length === 0;
  }

  /** Nothing of it is in the log. */
  get isUnspoken(): boolean {
    return (
      this.isLoaded &&
      !this.isGone &&
      this.transcript.entries.peek().every(({ message }) => message.peek().messageId === '')
    );
  }
}
