import type { Journal, JournalEntry } from '../app/journal.ts';
import { loadEnvironment } from '../config/environment.ts';
import { mediaOf, type Part, textOf } from '../domain/conversation/events.ts';
import type { ParleyEvent } from '../ports/event-codec.ts';
import { openingOf } from './opening-of.ts';

export interface TailOptions {
  /** How many records of the past are printed. */
  readonly lines: number;
  readonly follow: boolean;
  readonly conversation?: string;
  readonly texts?: boolean;
  /** Also what servers say of themselves: the signs of life of gateways, of which there is one every few seconds, and which worker has which partition. */
  readonly heartbeats?: boolean;
  /** One JSON object a line. */
  readonly json?: boolean;
}

const readBatch = 500;

interface Line {
  readonly timeMs: number;
  readonly text: string;
}

/** Prints the newest records of the log in the order of their times, then follows it unless told not to. Rejects with LogDamaged, LogNotFound, LogUnavailable. */
export async function tail(options: TailOptions): Promise<void> {
  const journal = await (await openingOf(loadEnvironment())).journal();
  await using _log = journal.log;
  const places = placesOf(journal);
  const ends = await Promise.all(places.map(({ topic, partition }) => print(journal, topic, partition, options)));
  const past = ends.flatMap(({ lines }) => lines).sort((left, right) => left.timeMs - right.timeMs);
  for (const { text } of past.slice(-options.lines)) process.stdout.write(text);
  if (!options.follow) return;
  const stopping = new AbortController();
  process.once('SIGINT', () => stopping.abort());
  process.stdout.once('error', () => stopping.abort());
  await Promise.all(
    places.map(async ({ topic, partition }, index) => {
      for await (const batch of journal.tail(topic, partition, ends[index]?.end ?? 0, stopping.signal)) {
        for (const line of linesOf(batch, topic, partition, options)) process.stdout.write(line.text);
      }
    }),
  );
}

function placesOf(journal: Journal): readonly { readonly topic: string; readonly partition: number }[] {
  return Object.values(journal.topics).flatMap((topic: string) =>
    Array.from({ length: journal.log.partitions(topic) }, (_, partition) => ({ topic, partition })),
  );
}

async function print(journal: Journal, topic: string, partition: number, options: TailOptions) {
  const lines: Line[] = [];
  // With a conversation asked for, its newest records may be anywhere.
  const isAll = options.conversation !== undefined;
  const start = isAll ? 0 : Math.max(0, (await journal.log.endOffset(topic, partition)) - options.lines);
  for (let end = start; ; ) {
    const batch = await journal.read(topic, partition, end, readBatch);
    const last = batch.at(-1);
    if (last === undefined) return { lines, end };
    lines.push(...linesOf(batch, topic, partition, options));
    end = last.offset + 1;
  }
}

function linesOf(
  batch: readonly JournalEntry[],
  topic: string,
  partition: number,
  options: TailOptions,
): readonly Line[] {
  return batch
    .filter((entry) => concerns(entry, options))
    .map((entry) => {
      const { timeMs, offset, decoded } = entry;
      const time = new Date(timeMs).toISOString();
      if (options.json) {
        const what = decoded.kind === 'event' ? shownFields(decoded.event, options.texts ?? false) : decoded;
        return { timeMs, text: `${JSON.stringify({ time, topic, partition, offset, ...what })}\n` };
      }
      const place = `${time} ${topic}/${partition}@${offset}`;
      const what =
        decoded.kind === 'event'
          ? describe(decoded.event, options.texts ?? false)
          : decoded.kind === 'unknown'
            ? `unknown ${decoded.type}`
            : `UNDECODABLE ${decoded.reason}`;
      return { timeMs, text: `${place} ${what}\n` };
    });
}

const ofServers: ReadonlySet<ParleyEvent['type']> = new Set(['GatewayBeat', 'WorkerClaimed', 'WorkerReleased']);

function concerns({ decoded }: JournalEntry, { conversation: conversationId, heartbeats }: TailOptions): boolean {
  if (conversationId === undefined)
    return heartbeats === true || decoded.kind !== 'event' || !ofServers.has(decoded.event.type);
  return (
    decoded.kind === 'event' && 'conversationId' in decoded.event && decoded.event.conversationId === conversationId
  );
}

/** Content beside parts: of a conversation, what a reply has said so far, and what a person wants the model to keep to. */
const textFields: ReadonlySet<string> = new Set(['title', 'text', 'instructions']);

/** The event, with the lengths of its words where they are not asked for. */
function shownFields(event: ParleyEvent, texts: boolean): object {
  if (texts) return event;
  return Object.fromEntries(
    Object.entries(event).map(([name, value]) => {
      if (name === 'parts') return [name, (value as readonly Part[]).map(lengthOf)];
      return [name, textFields.has(name) ? `${String(value).length} characters` : value];
    }),
  );
}

function lengthOf(part: Part): object {
  return 'text' in part ? { ...part, text: `${part.text.length} characters` } : part;
}

/** Hashes say nothing to a person, and contents are shown only when asked for. */
function describe({ type, ...event }: ParleyEvent, texts: boolean): string {
  const fields = Object.entries(event).flatMap(([name, value]) => {
    if (name.endsWith('Hash')) return value === '' ? [] : [`${name}=…`];
    if (name === 'parts') return [describeParts(value as readonly Part[], texts)];
    if (textFields.has(name)) return [value === '' ? erased : describeText(name, String(value), texts)];
    return [`${name}=${typeof value === 'string' ? neutral(value) : JSON.stringify(value)}`];
  });
  return [type, ...fields].join(' ');
}

/** What is printed for words that a deletion has taken out of the log. A reply that was stopped before its first word has none either. */
const erased = 'words=erased';

function describeParts(parts: readonly Part[], texts: boolean): string {
  if (parts.length === 0) return erased;
  const media = mediaOf(parts).map(
    (part) => `${part.kind}=${part.mediaId} (${part.contentType}, ${part.sizeBytes} bytes)`,
  );
  return [describeText('text', textOf(parts), texts), ...media].join(' ');
}

function describeText(name: string, text: string, texts: boolean): string {
  return texts ? `${name}=${JSON.stringify(text)}` : `${name}=${text.length} characters`;
}

/** Ids come from clients: what could steer a terminal is shown as an escape. */
function neutral(value: string): string {
  return /^[\x21-\x7e]*$/.test(value) ? value : JSON.stringify(value);
}
