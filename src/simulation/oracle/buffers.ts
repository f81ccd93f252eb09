import { maxInlineReplyBytes, maxReplyBytes, maxUnsentBytes, maxUntakenBytes } from '../../domain/limits.ts';
import { maxInFlightBytes } from '../../rpc/stream-output.ts';
import { type ChatStream, windowBytes } from '../network/stream.ts';
import type { Deployment } from '../world/deployment.ts';
import type { WatchedSession } from '../world/watched-sessions.ts';
import type { World } from '../world/world.ts';

/** Whoever writes until it is told to wait has the frame that was one too many besides; no frame is larger than a reply with its media. */
const maxHeldBytes = maxInFlightBytes + maxUnsentBytes + maxReplyBytes + maxInlineReplyBytes;

/** After every step: no buffer between a client and the log holds more than its limit says. */
export function checkBuffers(world: World, deployment: Deployment): void {
  for (const { process, streams, sessions } of deployment.nodes) {
    const find = (what: string) => world.find('buffer-over-limit', `${process.name}: ${what}`);
    for (const stream of streams) checkStream(stream, find);
    for (const session of sessions.open) checkSession(session, find);
  }
}

function checkStream({ largestBytes, mostUnreadBytes, mostWrittenBytes }: ChatStream, find: (what: string) => void) {
  if (mostUnreadBytes > windowBytes + largestBytes) find(`${mostUnreadBytes} bytes are in a stream's transport`);
  if (mostWrittenBytes > maxInFlightBytes + largestBytes)
    find(`${mostWrittenBytes} bytes are written to a stream that does not take them`);
}

function checkSession(
  { session, heldBytes, untakenBytes, largestSentBytes }: WatchedSession,
  find: (what: string) => void,
) {
  if (heldBytes > maxHeldBytes) find(`${heldBytes} bytes are kept for ${session.clientId}, which does not read`);
  if (untakenBytes > maxUntakenBytes + largestSentBytes)
    find(`${untakenBytes} bytes of ${session.clientId} are neither taken nor refused`);
}
