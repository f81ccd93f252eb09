import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { GatewayCounts } from '../../../../src/client/gen/chat/v1/operations_service_pb.js';
import type { LastMinute } from './app.ts';

const minuteMs = 60_000;

interface Counted {
  readonly atMs: number;
  readonly counts: GatewayCounts;
}

/** Makes of what gateways have counted since their start what they counted in the last minute. Any of them may answer a call. */
export class LastMinutes {
  /** Of each start of a gateway what it answered, oldest first: the last answer before the minute, and those since. */
  readonly #answers = new Map<string, Counted[]>();

  /** Adds an answer; undefined: of a server of an earlier release. */
  add(atMs: number, counts: GatewayCounts | undefined): LastMinute {
    if (counts !== undefined) {
      const { gatewayId, startTime } = counts;
      const key = JSON.stringify([gatewayId, startTime && timestampMs(startTime)]);
      this.#answers.set(key, [...(this.#answers.get(key) ?? []), { atMs, counts }]);
    }
    let accepted = 0;
    let ended = 0;
    const refusals = new Map<string, number>();
    for (const [key, answers] of this.#answers) {
      const since = answers.slice(
        Math.max(
          0,
          answers.findLastIndex((answer) => answer.atMs <= atMs - minuteMs),
        ),
      );
      this.#answers.set(key, since);
      const [first, last] = [since[0], since.at(-1)?.counts];
      if (first === undefined || last === undefined) continue;
      // A page in the background asks rarely: of a longer time it is the minute's part.
      const part = Math.min(1, minuteMs / (atMs - first.atMs));
      const more = (now: bigint, before = 0n) => Math.round(Number(now - before) * part);
      accepted += more(last.acceptedMessages, first.counts.acceptedMessages);
      ended += more(last.endedMessages, first.counts.endedMessages);
      for (const { reason, count } of last.refusals) {
        const added = more(count, first.counts.refusals.find((one) => one.reason === reason)?.count);
        if (added > 0) refusals.set(reason, (refusals.get(reason) ?? 0) + added);
      }
    }
    return { accepted, ended, refusals };
  }

  /** Somebody else looks. */
  clear(): void {
    this.#answers.clear();
  }
}
