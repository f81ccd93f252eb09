import type { Origin } from '../system/machine.ts';
import type { FoldCost } from './fold-cost.ts';
import type { FollowingFigures } from './following-cost.ts';
import type { ShardingFigures } from './sharding.ts';

/** As src/main/bench-sizes.ts tells them. */
export interface Sizes {
  /** Of a batch of records, whatever it holds. */
  readonly batchBytes: number;
  /** Of a record of each event in the log on Kafka, without words said and without its batch. */
  readonly recordBytes: Readonly<Record<RecordName, number>>;
  /** What each session that was active adds to a beat. */
  readonly activeSessionBytes: number;
  /** Of a record of the keys topic. */
  readonly dataKeyBytes: number;
  /** Of documents in MongoDB, without words said. */
  readonly messageBytes: number;
  readonly replyBytes: number;
  readonly conversationBytes: number;
  /** What each byte of text adds: itself, and the words that search finds it by. */
  readonly bytesPerTextByte: number;
  /** Documents that the events of a message and its reply change, when no two events share a write. */
  readonly writesPerExchange: number;
  /** What a session adds to the one document of who is connected. */
  readonly admissionBytesPerSession: number;
  /** Of each data key, in the memory of each process. */
  readonly keyMemoryBytes: number;
}

type RecordName =
  | 'ConversationStarted'
  | 'MessageReceived'
  | 'ReplyStarted'
  | 'ReplyProgress'
  | 'ReplyCompleted'
  | 'ConnectionRequested'
  | 'ConnectionSpoke'
  | 'ConnectionClosed'
  | 'GatewayBeat';

/** What docs/capacity.md needs beside the figures of the benches and loads; baselines/capacity.json. */
export interface CapacityFigures {
  /** Each part can be measured by itself. */
  readonly origins: Readonly<Record<Part, Origin>>;
  readonly sizes: Sizes;
  /** From few sessions to many. */
  readonly folds: readonly FoldCost[];
  readonly following: FollowingFigures;
  readonly sharding: ShardingFigures;
}

/** What can be measured anew without the others. */
export const parts = ['sizes', 'folds', 'following', 'sharding'] as const;
export type Part = (typeof parts)[number];
