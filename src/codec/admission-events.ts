import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import type * as domain from '../domain/admission/events.ts';
import * as wire from '../gen/chat_events/v1/connections.ts';

function limitsToWire(limits: domain.AdmissionLimits): wire.AdmissionLimits {
  return {
    maxClients: limits.maxClients,
    maxWaitingClients: limits.maxWaitingClients,
    gatewayLeaseMs: BigInt(limits.gatewayLeaseMs),
    firstMessageDeadlineMs: BigInt(limits.firstMessageDeadlineMs),
  };
}

function limitsFromWire(limits: wire.AdmissionLimits | undefined): domain.AdmissionLimits {
  if (limits === undefined) throw new RangeError('no limits');
  return {
    maxClients: limits.maxClients,
    maxWaitingClients: limits.maxWaitingClients,
    gatewayLeaseMs: Number(limits.gatewayLeaseMs),
    firstMessageDeadlineMs: Number(limits.firstMessageDeadlineMs),
  };
}

function gatewayStartedToWire(event: domain.GatewayStarted): wire.GatewayStarted {
  const { gatewayId, limits, incarnation = '', clockRule = 0 } = event;
  return { gatewayId, limits: limitsToWire(limits), incarnation, clockRule };
}

/** Writes an event of the `connections` topic. */
export function encodeAdmissionEvent(event: domain.AdmissionEvent, writer: BinaryWriter): BinaryWriter {
  switch (event.type) {
    case 'ConnectionRequested':
      return wire.ConnectionRequested.encode({ takeOver: false, ...event, waitMs: BigInt(event.waitMs) }, writer);
    case 'ConnectionSpoke':
      return wire.ConnectionSpoke.encode(event, writer);
    case 'ConnectionClosed':
      return wire.ConnectionClosed.encode(event, writer);
    case 'GatewayStarting':
      return wire.GatewayStarting.encode(event, writer);
    case 'GatewayStarted':
      return wire.GatewayStarted.encode(gatewayStartedToWire(event), writer);
    case 'GatewayBeat':
      return wire.GatewayBeat.encode({ gatewayId: event.gatewayId, active: [...event.active] }, writer);
    case 'GatewayStopped':
      return wire.GatewayStopped.encode(event, writer);
    default:
      return event satisfies never;
  }
}

type Decoder = (bytes: Uint8Array) => domain.AdmissionEvent;

function connectionRequested(bytes: Uint8Array): domain.ConnectionRequested {
  const { takeOver, ...event } = wire.ConnectionRequested.decode(bytes);
  return { type: 'ConnectionRequested', ...event, waitMs: Number(event.waitMs), ...(takeOver && { takeOver }) };
}

function gatewayStarted(bytes: Uint8Array): domain.GatewayStarted {
  const { gatewayId, limits, incarnation, clockRule } = wire.GatewayStarted.decode(bytes);
  // What a release had not to tell it left out: so does whoever reads it.
  return {
    type: 'GatewayStarted',
    gatewayId,
    limits: limitsFromWire(limits),
    ...(incarnation !== '' && { incarnation }),
    ...(clockRule > 0 && { clockRule }),
  };
}

/** How each event of the `connections` topic is read; decoders throw on what they cannot read. */
export const admissionDecoders: Readonly<Record<domain.AdmissionEvent['type'], Decoder>> = {
  ConnectionRequested: connectionRequested,
  ConnectionSpoke: (bytes) => ({ type: 'ConnectionSpoke', ...wire.ConnectionSpoke.decode(bytes) }),
  ConnectionClosed: (bytes) => ({ type: 'ConnectionClosed', ...wire.ConnectionClosed.decode(bytes) }),
  GatewayStarting: (bytes) => ({ type: 'GatewayStarting', ...wire.GatewayStarting.decode(bytes) }),
  GatewayStarted: gatewayStarted,
  GatewayBeat: (bytes) => ({ type: 'GatewayBeat', ...wire.GatewayBeat.decode(bytes) }),
  GatewayStopped: (bytes) => ({ type: 'GatewayStopped', ...wire.GatewayStopped.decode(bytes) }),
};
