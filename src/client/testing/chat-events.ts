import type { ChatEvents } from '../chat-events.ts';
import { Emitter } from '../emitter.ts';

/** Tells what a chat would, at the word of a test. */
export class ChatTeller extends Emitter<ChatEvents> {
  tell<Name extends keyof ChatEvents>(name: Name, payload: ChatEvents[Name]): void {
    this.emit(name, payload);
  }
}
