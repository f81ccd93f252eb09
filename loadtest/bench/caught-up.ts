import { GrpcLine } from '../driver/grpc-line.ts';
import { newestPage, patiently } from '../driver/history.ts';

/** A place in a conversation. */
export interface Mark {
  readonly conversationId: string;
  readonly sequence: number;
}

/** For one mark: read models of a log of a million messages are built in a minute, and on a slow machine in some. */
const patienceMs = 30 * 60_000;

/** Resolves when history holds all the marks. Rejects with Refusal. */
export async function caughtUp(address: string, marks: readonly Mark[]): Promise<void> {
  const line = new GrpcLine({ address });
  try {
    for (const { conversationId, sequence } of marks)
      await patiently(() => newestPage(line, conversationId, 1, sequence), patienceMs);
  } finally {
    line.drop();
  }
}
