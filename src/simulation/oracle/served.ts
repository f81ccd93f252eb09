import { gatewayLeaseMs, sweepMs } from '../../domain/limits.ts';
import type { Deployment } from '../world/deployment.ts';
import type { ServerNode } from '../world/node.ts';
import { epochMs } from '../world/process.ts';
import type { World } from '../world/world.ts';
import { topics } from '../world/world-names.ts';
import type { Truth } from './truth.ts';

/** What a sweep takes, and what a gateway does before its first one after it woke up. */
const sweepSlackMs = 100;

/**
 * After every step: whoever is served holds a slot in the log, as far as its gateway can know. A session whose end another has written is
 * served until its gateway reads that; one whose lease has run out never is, because its gateway knows that by its own clock.
 */
export function checkServed(world: World, truth: Truth, deployment: Deployment): void {
  for (const node of deployment.nodes) {
    if (!node.process.isRunning || node.parts === undefined) continue;
    checkGateway(world, truth, node);
    if (world.scenario.usesTokens) checkTokens(world, node);
  }
}

function checkGateway(world: World, truth: Truth, { process, sessions, admission, parts, readTo }: ServerNode): void {
  if (admission === undefined || parts?.gateway.mayServe !== true) return;
  // The log has lost its end, and the gateway has not seen that yet.
  if (admission.position > world.log.records(topics.connections, 0).length) return;
  for (const { session } of sessions.open) {
    const { sessionId, isOpen } = session;
    if (isOpen && admission.position < readTo)
      world.find(
        'served-before-reading',
        `${process.name} serves ${sessionId}, and has read to ${admission.position} of ${readTo}`,
      );
    if (!isOpen || truth.admission.open.has(sessionId)) continue;
    const end = truth.ends.get(sessionId);
    if (end === undefined)
      world.find('served-without-slot', `${process.name} serves ${sessionId}, which never had a slot`);
    else if (end.reason === 'GATEWAY_LOST' && mayTrustLogTime(world))
      world.find('served-after-lease', `${process.name} serves ${sessionId}, whose lease ran out at ${end.offset}`);
    else if (end.reason !== 'GATEWAY_LOST' && admission.position > end.offset)
      world.find(
        'served-after-end',
        `${process.name} serves ${sessionId}, which ended as ${end.reason} at ${end.offset}`,
      );
  }
}

/** A session ends with the longest of the tokens that its client has shown, at the next look for what time brings about. */
function checkTokens(world: World, { process, sessions }: ServerNode): void {
  for (const { session } of sessions.open) {
    const { sessionId, isOpen } = session;
    const shown = world.shownTokens.get(sessionId);
    if (!isOpen || shown === undefined) continue;
    const sinceMs = Math.max(shown.validUntilMs, epochMs + process.runningSinceMs);
    if (world.nowMs > sinceMs + sweepMs + sweepSlackMs)
      world.find('served-after-token', `${process.name} serves ${sessionId}, whose access tokens have expired`);
  }
}

/** Steps of the log's clock may bring the end of a lease forward, by a few seconds each (docs/adr/0020-log-time.md). */
function mayTrustLogTime({ scheduler, logSteppedMs }: World): boolean {
  return scheduler.nowMs - logSteppedMs > 2 * gatewayLeaseMs;
}
