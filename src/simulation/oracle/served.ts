import type { Deployment } from '../world/deployment.ts';
import type { ServerNode } from '../world/node.ts';
import type { World } from '../world/world.ts';
import type { Truth } from './truth.ts';

/**
 * After every step: whoever is served holds a slot in the log, as far as its gateway can know. A session whose end another has written is
 * served until its gateway reads that; one whose lease has run out never is, because its gateway knows that by its own clock.
 */
export function checkServed(world: World, truth: Truth, deployment: Deployment): void {
  for (const node of deployment.nodes) {
    if (node.process.isRunning && node.parts !== undefined) checkGateway(world, truth, node);
  }
}

function checkGateway(world: World, truth: Truth, { process, parts, admission }: ServerNode): void {
  if (parts === undefined || admission === undefined || admission.suspended) return;
  for (const sessionId of parts.gateway.openSessionIds()) {
    if (truth.admission.open.has(sessionId)) continue;
    const end = truth.ends.get(sessionId);
    if (end === undefined)
      world.find('served-without-slot', `${process.name} serves ${sessionId}, which never had a slot`);
    else if (end.reason === 'GATEWAY_LOST')
      world.find('served-after-lease', `${process.name} serves ${sessionId}, whose lease ran out at ${end.offset}`);
    else if (admission.position > end.offset)
      world.find(
        'served-after-end',
        `${process.name} serves ${sessionId}, which ended as ${end.reason} at ${end.offset}`,
      );
  }
}
