/** What the thread that opens a log and the thread that writes it tell each other. */
import type { Erasure } from '../../../ports/event-log.ts';
import type { LogDamage } from './errors.ts';
import type { Position } from './positions.ts';
import type { Topic } from './topology.ts';

/** Given to the writer thread when it starts. */
export interface WriterOptions {
  readonly folder: string;
  /** Topics to make if they are not there: name to number of partitions. */
  readonly topics: Readonly<Record<string, number>>;
  /** Which release writes; undefined: the log is not marked. */
  readonly release?: string | undefined;
  /** Only the newest records are checked before it is opened. */
  readonly checksNewestFirst: boolean;
}

export type ToWriter =
  | {
      readonly kind: 'write';
      readonly memory: ArrayBuffer;
      readonly byteLength: number;
      readonly positions: readonly Position[];
    }
  | { readonly kind: 'erase'; readonly slot: number; readonly erasures: readonly Erasure[]; readonly isLast: boolean }
  | { readonly kind: 'close' };

/** Why a log was not opened. */
export type Refusal =
  | { readonly reason: 'damaged'; readonly damages: readonly LogDamage[] }
  | { readonly reason: 'later-release'; readonly format: number; readonly release: string | undefined }
  | { readonly reason: 'mismatch'; readonly message: string }
  | { readonly reason: 'failed'; readonly message: string };

export interface Failure {
  /** As in WriteFailed. */
  readonly outcome: 'not-written' | 'unknown' | 'written';
  readonly message: string;
}

/** What became of one piece of an erasure. */
export type ErasedPiece =
  /** So many of its records are erased; all, and nothing is left of them in the WAL, when `isDone`. */
  | { readonly kind: 'erased'; readonly erased: number; readonly isDone: boolean }
  | {
      readonly kind: 'refused';
      readonly reason: 'range' | 'damaged';
      readonly offset: number;
      readonly message: string;
    }
  | { readonly kind: 'failed'; readonly failure: Failure };

export type FromWriter =
  | {
      readonly kind: 'opened';
      readonly topics: readonly Topic[];
      readonly ends: readonly number[];
      readonly positions: readonly Position[];
      /** Which release wrote before; undefined for one that did not mark it. */
      readonly writtenBy: string | undefined;
      /** Older records are still to be checked. */
      readonly isPartlyChecked: boolean;
      /** How far the log reaches, for other threads (wake-signal.ts). */
      readonly wakeSignal: SharedArrayBuffer;
    }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** Answers batches in their order, and returns their memory. */
  | { readonly kind: 'written'; readonly memory: ArrayBuffer; readonly timeMs: number; readonly failure?: Failure }
  /** A file of the log no longer stands at its path: nothing is written any more. Sent once. */
  | { readonly kind: 'displaced'; readonly message: string }
  /** Answers erasures in their order. */
  | { readonly kind: 'erasure'; readonly piece: ErasedPiece };
