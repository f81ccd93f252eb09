import { LogDamaged, type LogRecord, type NewRecord } from '../../../ports/event-log.ts';
import type { KeyRing } from './key-ring.ts';
import { maxOwnBytes, maxOwnRecords } from './limits.ts';
import type { StoredRecord } from './record-batch.ts';
import { type Seal, sealOf, unseal, withoutSeal } from './sealing.ts';

const nothing = new Uint8Array();

/** Gives stored records back as they were appended, without the words that were erased. */
export class Opener {
  readonly #ring: KeyRing | undefined;
  readonly #own = new Map<string, OwnRecords>();

  constructor(ring: KeyRing | undefined) {
    this.#ring = ring;
  }

  /** From now on somebody reads the partition as it grows, and is to be given back what this process appends to it. */
  follow(topic: string, partition: number): void {
    const name = `${topic}/${partition}`;
    if (!this.#own.has(name)) this.#own.set(name, new OwnRecords());
  }

  /** What this process has appended to the partition and not given back; undefined while nobody has followed it. */
  own(topic: string, partition: number): OwnRecords | undefined {
    return this.#own.get(`${topic}/${partition}`);
  }

  /** Gives back nothing that this process has appended to the partition until now. */
  forget(topic: string, partition: number): void {
    if (this.#own.has(`${topic}/${partition}`)) this.#own.set(`${topic}/${partition}`, new OwnRecords());
  }

  /** The records, up to the first that is damaged: at that one, rejects with LogDamaged. Rejects with LogUnavailable. */
  async open(topic: string, partition: number, records: readonly StoredRecord[]): Promise<Opened> {
    await this.#learnKeys(records);
    const opened: LogRecord[] = [];
    const own = this.own(topic, partition);
    for (const record of records) {
      const one = this.#open(topic, partition, record, own);
      if (one === undefined) {
        const what = 'its words are not what was encrypted here';
        return { records: opened, damage: new LogDamaged(topic, partition, record.offset, what) };
      }
      opened.push(one);
    }
    return { records: opened, damage: undefined };
  }

  /** A key is stored before what it seals: one that is not known once everything is known that is stored by now was destroyed. */
  async #learnKeys(records: readonly StoredRecord[]): Promise<void> {
    const ring = this.#ring;
    if (ring === undefined) return;
    const unknown = records.flatMap(({ headers }) => {
      const sealed = sealOf(headers);
      return sealed === undefined || ring.isKnown(sealed.keyId) ? [] : [sealed.keyId];
    });
    if (unknown.length === 0) return;
    await ring.sync();
    for (const id of unknown) if (!ring.isKnown(id)) ring.noteGone(id);
  }

  #open(topic: string, partition: number, stored: StoredRecord, own: OwnRecords | undefined): LogRecord | undefined {
    const seal = sealOf(stored.headers);
    if (seal !== undefined && this.#ring?.has(seal.keyId) !== true) {
      own?.take(stored.offset);
      return record(topic, partition, stored, seal, { value: (stored.value ?? nothing).slice(0, seal.contentOffset) });
    }
    // Several tails are given the same records.
    if (stored.opened !== undefined) return stored.opened;
    const given = own?.take(stored.offset);
    const value = given?.value ?? this.#value(topic, partition, stored, seal);
    if (value === undefined) return undefined;
    stored.opened = record(topic, partition, stored, seal, given ?? { value });
    return stored.opened;
  }

  #value(topic: string, partition: number, stored: StoredRecord, seal: Seal | undefined): Uint8Array | undefined {
    const key = seal && this.#ring?.key(seal.keyId);
    if (seal === undefined || key === undefined) return stored.value ?? nothing;
    return unseal({ topic, partition, key: stored.key }, stored.value ?? nothing, seal.contentOffset, key);
  }
}

/** What could be opened, and what ended it. */
export interface Opened {
  readonly records: readonly LogRecord[];
  readonly damage: LogDamaged | undefined;
}

function record(
  topic: string,
  partition: number,
  { offset, timeMs, key, headers }: StoredRecord,
  seal: Seal | undefined,
  { value, says }: OwnRecord,
): LogRecord {
  const given = seal === undefined ? headers : withoutSeal(headers);
  return { topic, partition, key, headers: given, value, says, offset, timeMs };
}

/** What there is to give back. */
type OwnRecord = Pick<NewRecord, 'value' | 'says'>;

/**
 * What this process has appended to a partition and not read back: its tail need not decrypt and decode it. Each is given once, since what is kept
 * for long costs the collector of garbage more than another decoding would.
 */
export class OwnRecords {
  readonly #records = new Map<number, OwnRecord>();
  #bytes = 0;

  put(offset: number, record: OwnRecord): void {
    this.#records.set(offset, record);
    this.#bytes += record.value.length;
    for (const [oldest, { value }] of this.#records) {
      if (this.#records.size <= maxOwnRecords && this.#bytes <= maxOwnBytes) return;
      this.#records.delete(oldest);
      this.#bytes -= value.length;
    }
  }

  take(offset: number): OwnRecord | undefined {
    const record = this.#records.get(offset);
    if (record === undefined) return undefined;
    this.#records.delete(offset);
    this.#bytes -= record.value.length;
    return record;
  }
}
