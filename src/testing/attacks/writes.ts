import { openSqliteLog } from '../../adapters/sqlite/event-log/sqlite-log.ts';
import type { ParleyEvent } from '../../ports/event-codec.ts';
import type { EventLog } from '../../ports/event-log.ts';
import { CallRefused } from '../contract.ts';
import { eventCodec } from '../event-codec.ts';

const batch = 5_000;
/** Of a client's calls at once. */
const loops = 8;

/** What came of calls in a tight loop. */
export interface Attempts {
  readonly elapsedMs: number;
  /** Those that were not refused for being too many. */
  readonly done: number;
  /** Those that were. */
  readonly refused: readonly CallRefused[];
}

/** Does it again and again for so long, several at once, whatever it is answered. `act` resolves to the refusal, if there was one. */
export async function inTightLoop(forMs: number, act: () => Promise<CallRefused | null>): Promise<Attempts> {
  const startMs = performance.now();
  const refused: CallRefused[] = [];
  let done = 0;
  const loop = async () => {
    while (performance.now() - startMs < forMs) {
      const why = await act();
      if (why?.reason === 'TOO_MANY_WRITES') refused.push(why);
      else done += 1;
    }
  };
  await Promise.all(Array.from({ length: loops }, loop));
  return { elapsedMs: performance.now() - startMs, done, refused };
}

/** The refusal of a call; null when there was none. */
export function refusalIn(answer: Promise<unknown>): Promise<CallRefused | null> {
  return answer.then(
    () => null,
    (error: unknown) => {
      if (error instanceof CallRefused) return error;
      throw error;
    },
  );
}

/** Records of the log that a client's calls have written, beside messages and what comes of them. The server may run. */
export async function recordsWrittenBy(clientId: string, dataDir: string): Promise<number> {
  await using log = await openSqliteLog({ mode: 'read', dataDir });
  const events: ParleyEvent[] = [];
  for (const topic of ['parley.connections', 'parley.conversations'])
    for (let partition = 0; partition < log.partitions(topic); partition += 1)
      events.push(...(await eventsOf(log, topic, partition)));
  const own = new Set<string>();
  for (const event of events) {
    if (event.type === 'ConnectionRequested' && event.clientId === clientId) own.add(event.sessionId);
    if (event.type === 'ConversationStarted' && event.clientId === clientId) own.add(event.conversationId);
  }
  return events.filter((event) => own.has(subjectOf(event))).length;
}

/** The session or conversation that a client's write is about; '' for what nobody has written by a call of these. */
function subjectOf(event: ParleyEvent): string {
  switch (event.type) {
    case 'ConnectionRequested':
    case 'ConnectionSpoke':
    case 'ConnectionClosed':
      return event.sessionId;
    case 'ConversationStarted':
    case 'ConversationRenamed':
    case 'ConversationDeleted':
    case 'ConversationErased':
    case 'StopRequested':
      return event.conversationId;
    default:
      return '';
  }
}

async function eventsOf(log: EventLog, topic: string, partition: number): Promise<readonly ParleyEvent[]> {
  const events: ParleyEvent[] = [];
  for (let offset = 0; ; ) {
    const records = await log.read(topic, partition, offset, batch);
    const last = records.at(-1);
    if (last === undefined) return events;
    for (const record of records) {
      const decoded = eventCodec.decode(record);
      if (decoded.kind === 'event') events.push(decoded.event);
    }
    offset = last.offset + 1;
  }
}
