import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  messageReceived,
  replyCompleted,
  replyFailed,
  replyProgress,
  replyStarted,
  stopRequested,
  workerClaimed,
  workerReleased,
} from '../../testing/conversation-events.ts';
import { assertProperty } from '../../testing/property.ts';
import type { ConversationEvent, ReplyCompleted, ReplyFailed, ReplyProgress, ReplyStarted } from './events.ts';
import { checkCounters, checkDraft, checkPartition } from './invariants.ts';
import {
  evolve,
  forgetRepeat,
  initialPartition,
  oldestPendingOffset,
  type PartitionState,
  pendingMessage,
  trimKnown,
} from './partition-state.ts';
import { noDraft, type PendingMessage } from './pending-messages.ts';
import { type Decision, plan } from './plan.ts';
import { utf8Beginning, utf8Length, utf8Slice } from './utf8.ts';

const settings = { maxPerConversation: 1, maxLostWorkers: 3 };
/** What `expect` is too slow for at every step. */
function mustBe(expected: unknown, actual: unknown): void {
  if (actual !== expected) expect(actual).toBe(expected);
}

/** So small that every history fills it and drops something. */
const windowIds = 3;

/** One partition's log. Every append checks what must hold of the new prefix, and that repeating the record changes nothing. */
class Partition {
  readonly records: ConversationEvent[] = [];
  readonly finals = new Map<string, number>();
  state = initialPartition;
  committed = 0;

  append(event: ConversationEvent): void {
    const at = { offset: this.records.length, timeMs: this.records.length };
    const next = evolve(this.state, event, at);
    const counts = next !== this.state;
    if (counts && event.type === 'ReplyStarted') this.#checkOrder(event);
    if (counts) mustBe(null, checkDraft(this.state, event));
    if (counts && (event.type === 'ReplyCompleted' || event.type === 'ReplyFailed')) {
      this.finals.set(event.messageId, (this.finals.get(event.messageId) ?? 0) + 1);
    }
    this.records.push(event);
    this.state = next;
    mustBe(null, checkPartition(next));
    mustBe(null, checkCounters(next));
    mustBe(next, evolve(next, event, { ...at, offset: at.offset + 1 }));
  }

  /** The record again, now. Only a claim is never written twice: each try has an id of its own. */
  repeat(index: number): void {
    const event = this.records[index % Math.max(1, this.records.length)];
    if (event === undefined) return;
    const before = this.state;
    const offset = this.records.length;
    mustBe(before, evolve(before, event, { offset, timeMs: offset }));
    if (event.type !== 'WorkerClaimed') this.append(event);
  }

  /** What a worker writes: of a message that it could know to be final, nothing. */
  act(event: ReplyStarted | ReplyProgress | ReplyCompleted | ReplyFailed): void {
    if (event.claimId === this.state.claimId) mustBe(true, pendingMessage(this.state, event.messageId) !== undefined);
    this.append(event);
  }

  /** Claims under which the message was begun, and which nobody gave up in order, up to this offset. */
  lostWith(messageId: string, offset: number): number {
    const before = this.records.slice(0, offset);
    const begun = new Set(
      before.flatMap((event) => (event.type === 'ReplyStarted' && event.messageId === messageId ? event.claimId : [])),
    );
    for (const event of before) if (event.type === 'WorkerReleased') begun.delete(event.claimId);
    return begun.size;
  }

  receivedBefore(messageId: string, offset: number): boolean {
    const first = this.records.findIndex((event) => event.type === 'MessageReceived' && event.messageId === messageId);
    return first < offset;
  }

  #checkOrder(event: ReplyStarted): void {
    for (const message of this.state.pending) {
      if (message.messageId === event.messageId) return;
      mustBe(false, message.conversationId === event.conversationId);
    }
  }
}

/** A call that a worker has under way, and what it has said, all of which the worker has written. */
interface Call {
  attempt: number;
  said: string;
  done: boolean;
}

/** A worker as the domain knows it: what it reads, it folds; what it folds, it plans by. It may stall at any point and go on later. */
class SimulatedWorker {
  readonly #partition: Partition;
  readonly #claimId: string;
  readonly #inFlight = new Map<string, Call>();
  readonly #foldedFrom: number;
  #state: PartitionState = initialPartition;
  #position: number;
  #holds = false;
  #superseded = false;

  constructor(partition: Partition, claimId: string, maxProcessing: number) {
    this.#partition = partition;
    this.#claimId = claimId;
    this.#foldedFrom = partition.committed;
    this.#position = partition.committed;
    partition.append(workerClaimed(claimId, maxProcessing));
  }

  poll(records: number): void {
    for (let count = 0; count < records && this.#position < this.#partition.records.length; count += 1) this.#readOne();
    if (!this.#holds || this.#superseded) return;
    this.#state = trimKnown(this.#state, windowIds);
    for (const decision of plan(this.#state, settings, this.#inFlight)) this.#carryOut(decision);
  }

  /** One of its calls ends, is retried, or says more; the worker need not have read anything new. `pick`: which, and from where. */
  finish(pick: number, outcome: 'completes' | 'fails' | 'retries' | 'speaks'): void {
    const calls = [...this.#inFlight].filter(([, call]) => !call.done);
    const [messageId, call] = calls[pick % Math.max(1, calls.length)] ?? [];
    if (messageId === undefined || call === undefined) return;
    const from = pick % (utf8Length(call.said) + 1);
    if (outcome === 'speaks') return this.#speak(messageId, call, from);
    if (outcome === 'retries') return this.#retry(messageId, call, from);
    call.done = true;
    const parts = [{ kind: 'text', text: `${call.said}.` }] as const;
    const { attempt } = call;
    this.#partition.act(
      outcome === 'fails'
        ? replyFailed(messageId, this.#claimId)
        : replyCompleted(messageId, this.#claimId, { attempt, parts }),
    );
  }

  /** Some of what is written may be written again with what is new. No two attempts say the same. */
  #speak(messageId: string, call: Call, fromByte: number): void {
    const again = utf8Slice(call.said, fromByte);
    const offsetBytes = utf8Length(call.said) - utf8Length(again);
    const fresh = `é${this.#claimId}#${call.attempt}🙂`;
    call.said += fresh;
    const { attempt } = call;
    this.#partition.act(replyProgress(messageId, this.#claimId, { attempt, offsetBytes, text: again + fresh }));
    this.#mustHave(messageId, call);
  }

  #retry(messageId: string, call: Call, continuedBytes: number): void {
    call.attempt += 1;
    call.said = utf8Beginning(call.said, continuedBytes);
    this.#partition.act(replyStarted(messageId, this.#claimId, call.attempt, utf8Length(call.said)));
    this.#mustHave(messageId, call);
  }

  /** As long as its claim is in force, the log has what the call has said. */
  #mustHave(messageId: string, { said }: Pick<Call, 'said'>): void {
    const { state } = this.#partition;
    if (state.claimId === this.#claimId) mustBe(said, pendingMessage(state, messageId)?.draft.text);
  }

  /** An undisturbed spell: it reads all there is, ends calls, reads that too, and commits. */
  work(calls: number): void {
    for (let call = 0; call <= calls; call += 1) {
      this.poll(Number.POSITIVE_INFINITY);
      if (call < calls) this.finish(0, 'completes');
    }
    this.commit();
  }

  commit(): void {
    this.#partition.committed = oldestPendingOffset(this.#state) ?? this.#position;
  }

  /** It gives its claim up in order, be it that another has claimed meanwhile, and does nothing more. */
  release(): void {
    this.#partition.append(workerReleased(this.#claimId));
  }

  /** Whether it has read everything and knows what the whole log says is pending. */
  agrees(): boolean {
    const ids = (state: PartitionState): string[] => [...state.pending].map((message) => message.messageId);
    return (
      this.#position === this.#partition.records.length && ids(this.#state).join() === ids(this.#partition.state).join()
    );
  }

  #readOne(): void {
    const event = this.#partition.records[this.#position];
    if (event === undefined) return;
    const next = evolve(this.#state, event, { offset: this.#position, timeMs: this.#position });
    this.#position += 1;
    if (event.type === 'WorkerClaimed' && next !== this.#state) {
      this.#superseded ||= this.#holds;
      this.#holds ||= event.claimId === this.#claimId;
    }
    this.#state = next;
    if (event.type === 'ReplyCompleted' || event.type === 'ReplyFailed') this.#forgetFinished(event.messageId);
  }

  #forgetFinished(messageId: string): void {
    if (this.#holds && pendingMessage(this.#state, messageId) === undefined) this.#inFlight.delete(messageId);
  }

  #carryOut(decision: Decision): void {
    const { messageId } = decision.message;
    const knownFrom = Math.max(this.#foldedFrom, this.#state.known.completeFrom);
    if (this.#partition.receivedBefore(messageId, knownFrom)) {
      this.#state = forgetRepeat(this.#state, messageId);
      return;
    }
    const started = decision.type === 'start';
    if (!started && decision.reason === 'POISON')
      mustBe(true, this.#partition.lostWith(messageId, this.#position) >= settings.maxLostWorkers);
    const { draft } = decision.message;
    this.#mustHave(messageId, { said: draft.text });
    // Some begin anew, the others go on from what there is.
    const beginning = /[13579]$/.test(this.#claimId) ? noDraft : draft;
    const attempt = started ? decision.attempt : 0;
    this.#inFlight.set(messageId, { attempt, said: beginning.text, done: !started });
    this.#partition.act(
      started
        ? replyStarted(messageId, this.#claimId, attempt, beginning.bytes)
        : replyFailed(messageId, this.#claimId, decision.reason),
    );
  }
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('receive' as const), client: fc.nat(3), conversation: fc.nat(5) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('repeat' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stop' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), conversation: fc.nat(30) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      worker: fc.nat(2),
      maxProcessing: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('poll' as const),
      worker: fc.nat(2),
      records: fc.integer({ min: 1, max: 30 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      worker: fc.nat(2),
      pick: fc.nat(),
      outcome: fc.constantFrom(...(['completes', 'completes', 'fails', 'retries', 'speaks', 'speaks'] as const)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), worker: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('commit' as const), worker: fc.nat(2) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('work' as const), worker: fc.nat(2), calls: fc.nat(5) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class History {
  readonly partition = new Partition();
  readonly messageIds: string[] = [];
  readonly #workers: (SimulatedWorker | undefined)[] = [];
  #claims = 0;

  take(action: Step): void {
    switch (action.do) {
      case 'receive':
        return this.#receive(action.client, action.conversation);
      case 'repeat':
        return this.partition.repeat(action.pick);
      case 'stop': {
        const messageId = this.messageIds[action.pick % Math.max(1, this.messageIds.length)];
        return messageId === undefined ? undefined : this.partition.append(stopRequested(messageId));
      }
      case 'delete':
        return this.partition.append({ type: 'ConversationDeleted', conversationId: `c${action.conversation}` });
      case 'claim':
        // Whoever was there has crashed.
        this.#workers[action.worker] = this.claim(action.maxProcessing);
        return;
      case 'poll':
        return this.#workers[action.worker]?.poll(action.records);
      case 'finish':
        return this.#workers[action.worker]?.finish(action.pick, action.outcome);
      case 'release':
        this.#workers[action.worker]?.release();
        this.#workers[action.worker] = undefined;
        return;
      case 'commit':
        return this.#workers[action.worker]?.commit();
      case 'work':
        return this.#workers[action.worker]?.work(action.calls);
      default:
        return action satisfies never;
    }
  }

  claim(maxProcessing: number): SimulatedWorker {
    this.#claims += 1;
    return new SimulatedWorker(this.partition, `claim-${this.#claims}`, maxProcessing);
  }

  #receive(client: number, conversation: number): void {
    const messageId = `c${conversation}/${this.messageIds.length}`;
    this.messageIds.push(messageId);
    this.partition.append(messageReceived(messageId, { clientId: `client-${client}` }));
  }
}

/** A worker comes and stays until nothing is pending. */
function settle(history: History): void {
  const worker = history.claim(2);
  for (let round = 0; round <= 2 * history.messageIds.length + 2; round += 1) {
    worker.poll(Number.POSITIVE_INFINITY);
    worker.finish(0, 'completes');
    worker.finish(0, 'fails');
  }
  worker.poll(Number.POSITIVE_INFINITY);
  expect(worker.agrees()).toBe(true);
}

test('whatever workers, crashes, repeats and stops do: no prefix breaks a rule, and every message ends exactly once', () => {
  assertProperty(
    fc.property(fc.array(step, { minLength: 10, maxLength: 80 }), (steps) => {
      const history = new History();
      for (const action of steps) history.take(action);
      settle(history);
      expect(history.partition.state.pending.size).toBe(0);
      expect(history.messageIds.map((messageId) => history.partition.finals.get(messageId))).toEqual(
        history.messageIds.map(() => 1),
      );
    }),
    { numRuns: 5_000 },
  );
});

/** Clients with a message that may start now. */
function eligible(state: PartitionState): Set<string> {
  const clients = new Set<string>();
  const conversations = new Set<string>();
  state.pending.forEach((message: PendingMessage) => {
    if (!message.processing && !conversations.has(message.conversationId)) clients.add(message.clientId);
    conversations.add(message.conversationId);
  });
  return clients;
}

test('between two turns of a client, everybody who could have had one has had one', () => {
  const message = fc.record({ client: fc.nat(4), conversation: fc.nat(9), finishes: fc.nat(3), pick: fc.nat() });
  assertProperty(
    fc.property(
      fc.array(message, { minLength: 5, maxLength: 60 }),
      fc.integer({ min: 1, max: 3 }),
      (messages, places) => {
        const history = new History();
        const worker = history.claim(places);
        for (const { client, conversation, finishes, pick } of messages) {
          history.take({ do: 'receive', client, conversation: client * 10 + conversation });
          for (let count = 0; count < finishes; count += 1) {
            if (count > 0) worker.finish(pick, 'completes');
            worker.poll(Number.POSITIVE_INFINITY);
          }
        }
        checkTurns(history.partition.records);
      },
    ),
    { numRuns: 2_000 },
  );
});

function checkTurns(records: readonly ConversationEvent[]): void {
  let state = initialPartition;
  const waitingSince = new Map<string, number>();
  const lastTurn = new Map<string, number>();
  records.forEach((event, offset) => {
    if (event.type === 'ReplyStarted') {
      const clientId = pendingMessage(state, event.messageId)!.clientId;
      const before = lastTurn.get(clientId) ?? -1;
      for (const [other, since] of waitingSince) {
        if (other !== clientId && since < before) mustBe(true, lastTurn.get(other)! > before);
      }
      lastTurn.set(clientId, offset);
    }
    state = evolve(state, event, { offset, timeMs: offset });
    const now = eligible(state);
    for (const clientId of waitingSince.keys()) if (!now.has(clientId)) waitingSince.delete(clientId);
    for (const clientId of now) if (!waitingSince.has(clientId)) waitingSince.set(clientId, offset);
  });
}
