import type { Fact } from './log-oracle.ts';
import type { Sent, Transcript } from './transcript.ts';

/**
 * What can be wrong with what a client is sent:
 * - `skipped`: a record of the conversation that it never got, though it resumed after the highest sequence that it saw (titles may be missing before
 *   a newer one, since history has no other, and before a deletion);
 * - `out of order`: a record that came after a later one;
 * - `repeated`: a record that came again, though the client had it;
 * - `wrong Accepted`: an Accepted that names another place than the log's;
 * - `not in the log`: something that the log does not have there, or has with another text.
 */
export const deliveryRules = ['skipped', 'out of order', 'repeated', 'wrong Accepted', 'not in the log'] as const;
export type DeliveryRule = (typeof deliveryRules)[number];

export interface DeliveryBreach {
  readonly rule: DeliveryRule;
  readonly what: string;
}

/** A client that nobody else shares its conversations with, and that has ended. */
export interface Received {
  readonly clientId: string;
  /** Every stream, in the order in which they were opened. */
  readonly transcripts: readonly Transcript[];
  /** Accepted as the answer of a call, which may overtake the stream. */
  readonly answers: readonly Answer[];
}

export interface Answer {
  readonly messageId: string;
  readonly sequence: number;
  readonly conversationId: string;
}

/** How many records before and after are shown with a breach. */
const neighbours = 3;

/** Compares what a client was sent with the log (`factsIn`), record by record. */
export function deliveryBreaches(
  { clientId, transcripts, answers }: Received,
  facts: ReadonlyMap<string, readonly Fact[]>,
): readonly DeliveryBreach[] {
  const conversations = new Map<string, ConversationCheck>();
  const of = (conversationId: string) => {
    const check =
      conversations.get(conversationId) ?? new ConversationCheck(clientId, conversationId, facts.get(conversationId));
    conversations.set(conversationId, check);
    return check;
  };
  for (const transcript of transcripts) of(transcript.conversationId).stream(transcript);
  for (const answer of answers) of(answer.conversationId).answer(answer);
  for (const check of conversations.values()) check.end();
  return [...conversations.values()].flatMap(({ breaches }) => breaches);
}

class ConversationCheck {
  readonly breaches: DeliveryBreach[] = [];
  readonly #name: string;
  readonly #facts: readonly Fact[];
  readonly #indexOf: ReadonlyMap<number, number>;
  /** Indices of the facts that came on any stream, or whose absence was reported. */
  readonly #accounted = new Set<number>();
  readonly #failures = new Set<string>();

  constructor(clientId: string, conversationId: string, facts: readonly Fact[] = []) {
    this.#name = `${clientId} in ${conversationId}`;
    this.#facts = facts;
    this.#indexOf = new Map(facts.map(({ offset }, index) => [offset, index]));
  }

  stream(transcript: Transcript): void {
    const holes = new Set<number>();
    let through = transcript.afterSequence;
    for (const sent of transcript.sent) {
      const index = this.#recordOf(transcript, sent);
      // What ends one message may end it for several streams: without a sequence no client can say that it has it.
      if (index === undefined || sent.sequence === undefined) continue;
      if (sent.sequence > through) {
        for (const hole of this.#between(through, index)) holes.add(hole);
        through = sent.sequence;
      } else if (!sent.isDuplicate) {
        this.#breach(holes.delete(index) ? 'out of order' : 'repeated', transcript, sent);
      }
      this.#accounted.add(index);
    }
    for (const hole of holes) this.#skipped(hole, transcript);
  }

  answer({ messageId, sequence }: Answer): void {
    const fact = this.#facts[this.#indexOf.get(sequence) ?? -1];
    if (fact?.kind === 'message' && fact.messageId === messageId) return;
    const what = `${this.#name}: a call was answered with Accepted ${messageId} at ${sequence}`;
    this.breaches.push({ rule: 'wrong Accepted', what: `${what}; the log: ${this.#around(sequence)}` });
  }

  /** What came on no stream at all. */
  end(): void {
    for (const [index, fact] of this.#facts.entries()) {
      // Where more was sent later, its stream has missed it; else nobody was there any more.
      if (fact.kind === 'title' || fact.kind === 'deletion') continue;
      const isSent = fact.kind === 'failure' ? this.#failures.has(fact.messageId) : this.#accounted.has(index);
      if (!isSent) this.#skipped(index, undefined);
    }
  }

  /** The fact that was sent; undefined, and a breach, when it is not in the log there. */
  #recordOf(transcript: Transcript, sent: Sent): number | undefined {
    const isFailure = sent.kind === 'failure';
    const index = isFailure
      ? this.#facts.findIndex(({ kind, messageId }) => kind === 'failure' && messageId === sent.messageId)
      : this.#indexOf.get(sent.sequence ?? -1);
    const fact = this.#facts[index ?? -1];
    const kind = sent.kind === 'accepted' ? 'message' : sent.kind;
    if (fact?.kind === kind && fact.messageId === sent.messageId && hasText(fact, sent)) {
      if (isFailure) this.#failures.add(sent.messageId);
      return index;
    }
    this.#breach(sent.kind === 'accepted' ? 'wrong Accepted' : 'not in the log', transcript, sent);
    return undefined;
  }

  /** Indices of the facts with a sequence after this one and before that index. */
  *#between(afterSequence: number, before: number): Generator<number> {
    for (let index = before - 1; index >= 0; index -= 1) {
      const fact = this.#facts[index];
      if (fact === undefined || fact.offset <= afterSequence) return;
      if (fact.kind !== 'failure') yield index;
    }
  }

  #skipped(index: number, transcript: Transcript | undefined): void {
    if (this.#accounted.has(index)) return;
    this.#accounted.add(index);
    const { kind, messageId, offset } = this.#facts[index] ?? {};
    const isChange = (fact: Fact) => fact.kind === 'title' || fact.kind === 'deletion';
    if (kind === 'title' && this.#facts.slice(index + 1).some(isChange)) return;
    const where = transcript === undefined ? 'any stream' : `the stream after ${transcript.afterSequence}`;
    const what = `${this.#name}: ${kind} ${messageId} at ${offset} did not come on ${where}`;
    this.breaches.push({ rule: 'skipped', what: `${what}; the log: ${this.#around(offset ?? 0)}` });
  }

  #breach(rule: DeliveryRule, { afterSequence, sent: all }: Transcript, sent: Sent): void {
    const at = all.indexOf(sent);
    const before = all
      .slice(Math.max(0, at - neighbours), at)
      .map(named)
      .join(', ');
    const what = `${this.#name}: the stream after ${afterSequence} sent ${named(sent)} after [${before}]`;
    this.breaches.push({ rule, what: `${what}; the log: ${this.#around(sent.sequence ?? 0)}` });
  }

  #around(sequence: number): string {
    const next = this.#facts.findIndex(({ offset }) => offset >= sequence);
    const middle = next === -1 ? this.#facts.length : next;
    const near = this.#facts.slice(Math.max(0, middle - neighbours), middle + neighbours + 1);
    return near.map(({ kind, messageId, offset }) => `${kind} ${messageId} at ${offset}`).join(', ');
  }
}

/** A title that is erased in the log may have been any. */
function hasText({ kind, text }: Fact, sent: Sent): boolean {
  return sent.text === undefined || sent.text === text || (kind === 'title' && text === '');
}

function named({ kind, messageId, sequence, isDuplicate }: Sent): string {
  return `${kind} ${messageId}${sequence === undefined ? '' : ` at ${sequence}`}${isDuplicate ? ' (duplicate)' : ''}`;
}
