import type { OutgoingMessage } from '../../app/gateway/accept-message.ts';
import type { Gateway } from '../../app/gateway/gateway.ts';
import type { Session } from '../../app/gateway/session.ts';
import type { SessionOutput } from '../../app/gateway/session-event.ts';
import type { StreamOutput } from '../../rpc/stream-output.ts';

/** What the server's code holds of one session that has not ended. */
export interface WatchedSession {
  readonly session: Session;
  /** Bytes that its client has not taken. */
  readonly heldBytes: number;
  /** Contents of messages that are neither in the log nor refused, in bytes. */
  readonly untakenBytes: number;
  /** The largest message that its client sent. */
  readonly largestSentBytes: number;
}

class Watched implements WatchedSession {
  readonly session: Session;
  readonly #output: StreamOutput;
  untakenBytes = 0;
  largestSentBytes = 0;

  constructor(session: Session, output: SessionOutput) {
    this.session = session;
    // Services give a gateway no other.
    this.#output = output as StreamOutput;
    const send = session.send.bind(session);
    session.send = (message) => {
      const taken = send(message);
      this.#count(contentBytes(message), taken);
      return taken;
    };
  }

  get heldBytes(): number {
    return this.#output.heldBytes;
  }

  #count(bytes: number, taken: Promise<unknown>): void {
    this.untakenBytes += bytes;
    this.largestSentBytes = Math.max(this.largestSentBytes, bytes);
    const settled = () => {
      this.untakenBytes -= bytes;
    };
    taken.then(settled, settled);
  }
}

/** Sees from outside what each session of a gateway holds. */
export class WatchedSessions {
  readonly #open = new Set<Watched>();

  /** Those that have not ended. */
  get open(): ReadonlySet<WatchedSession> {
    return this.#open;
  }

  /** From now on. */
  watch(gateway: Gateway): void {
    const open = gateway.open.bind(gateway);
    gateway.open = (hello, caller, output) => {
      const session = open(hello, caller, output);
      const watched = new Watched(session, output);
      this.#open.add(watched);
      const end = output.end.bind(output);
      output.end = (refused) => {
        this.#open.delete(watched);
        end(refused);
      };
      return session;
    };
  }
}

function contentBytes({ parts }: OutgoingMessage): number {
  return parts.reduce(
    (sum, part) => sum + (part.kind === 'text' ? part.text.length : part.kind === 'media' ? part.inlineData.length : 0),
    0,
  );
}
