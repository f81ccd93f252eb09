import type { ChatRequest, OutgoingMessage } from '../../gen/chat/v1/chat_service.ts';
import type { Random } from '../world/random.ts';

type Frame = NonNullable<ChatRequest['frame']>;

/** What a client sends before anybody has welcomed it. */
const floodFrames = 150;

/** More than any message may have, less than any frame may. */
const tooLongText = 'y'.repeat(1_048_576);

/** A text that no scenario takes: `maxTextBytes` is smaller. */
const shortestTooLong = 40_000;

function message(clientMessageId: string, parts: OutgoingMessage['parts']): Frame {
  return { $case: 'message', value: { clientMessageId, parts, instructions: '' } };
}

function text(value: string): OutgoingMessage['parts'][number] {
  return { value: { $case: 'text', value } };
}

const emptyHello = {
  clientId: 'x',
  timeZone: '',
  conversationId: '',
  resumeToken: '',
  afterSequence: 0n,
  waitForSlot: undefined,
  inlineMedia: false,
  takeOver: false,
};

/** One frame that no client should send. */
export function rudeFrame(clientId: string, random: Random): Frame {
  const frames: readonly (() => Frame)[] = [
    () => message('', [text('no id')]),
    () => message(`${clientId}-empty`, []),
    () => message(`${clientId}-long`, [text(tooLongText.slice(0, shortestTooLong))]),
    () => ({ $case: 'stopMessageId', value: 'nothing' }),
    () => ({ $case: 'join', value: { conversationId: 'not-there', afterSequence: -5n } }),
    () => ({ $case: 'hello', value: emptyHello }),
  ];
  return random.pick(frames)();
}

/** Messages of up to 1 MiB each, none of which may be taken. */
export function* flood(clientId: string, random: Random): Iterable<Frame> {
  for (let count = 0; count < floodFrames; count += 1) {
    const length = Math.floor(random.between(shortestTooLong, tooLongText.length));
    // The blank part is found before the text is measured, which would take most of the time of a history.
    yield message(`${clientId}-flood-${count}`, [text(tooLongText.slice(0, length)), text(' ')]);
  }
}
