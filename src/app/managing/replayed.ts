import type { RecordPlace } from '../../ports/operations-views.ts';

/** Where a replay stands. */
export interface Replayed {
  readonly place: RecordPlace;
  /** '' when it is no message. */
  readonly messageId: string;
  /** Nothing was appended: an earlier one stands there, and has not failed. */
  readonly alreadyReplayed: boolean;
}
