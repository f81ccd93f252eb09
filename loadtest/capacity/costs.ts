import type { DistributedFigures, EmbeddedFigures } from '../bench/figures.ts';
import type { LoadResult } from '../result.ts';
import type { CapacityFigures, Sizes } from './figures.ts';
import { type FoldCost, heartbeatMs } from './fold-cost.ts';
import type { FollowingFigures } from './following-cost.ts';
import type { Traffic } from './traffic.ts';

/** Everything that is measured. */
export interface Baselines {
  readonly embedded: EmbeddedFigures;
  readonly distributed: DistributedFigures;
  /** The load `idle` of the embedded profile. */
  readonly idle: LoadResult;
  /** The load `published` of the distributed profile. */
  readonly published: LoadResult;
  readonly capacity: CapacityFigures;
}

export type Role = 'gateway' | 'worker' | 'projector';

/** What is taken from the baselines. A second of CPU for a thousand is a millisecond for one. */
export interface Costs {
  /** Of a message and its reply of text as one piece, with 50 clients in a closed loop. */
  readonly messageMs: Readonly<Record<Role, number>>;
  /** Of a message of `published`, a third each of text, voice and video at 45 a second: what is taken for messages with media. */
  readonly mediaMessageMs: Readonly<Record<Role, number>>;
  /** Of a piece in 5,000 a second; the projector does nothing for it. */
  readonly pieceMs: Readonly<Record<Role | 'nats', number>>;
  /** Of a frame that goes to and fro in a bare gRPC stream: what is taken for a heartbeat. */
  readonly heartbeatCpuMs: number;
  readonly sessionKB: number;
  /** How many one server held when that was measured. */
  readonly sessionsMeasured: number;
  readonly gatewayMib: number;
  /** From connection to Welcome and goodbye; with one gateway and all engines and clients on two cores. */
  readonly connectsPerS: number;
  readonly embeddedConnectsPerS: number;
  /** Appended to Kafka and read back, by kafkajs with nothing of Parley. */
  readonly logRecordsPerS: number;
  /** What one projector folds into an empty history, and what an audit folds; Kafka and MongoDB's stand-in on the same cores. */
  readonly rebuiltPerS: number;
  readonly auditedPerS: number;
  readonly sizes: Sizes;
  readonly folds: readonly FoldCost[];
  readonly following: FollowingFigures;
}

/** Throws when a baseline lacks what is to be taken from it. */
export function costsOf({ embedded, distributed, idle, published, capacity }: Baselines): Costs {
  const { fifty } = distributed.parley;
  const perPiece = (name: string) => cpuMs(distributed.pieces.processes, name);
  return {
    messageMs: ofRoles((name) => cpuMs(fifty.processes, name)),
    mediaMessageMs: ofRoles((name) => cpuMs(published.processes, name)),
    pieceMs: { gateway: perPiece('gateway'), worker: perPiece('worker'), projector: 0, nats: perPiece('nats') },
    heartbeatCpuMs: cpuMs(embedded.echo.fifty.processes, 'server'),
    sessionKB: known(idle.aims.find(({ name }) => name === 'Server memory for a session')?.figure, 'kB of a session'),
    sessionsMeasured: idle.load.idleClients,
    gatewayMib: known(fifty.processes['gateway']?.residentMib, 'memory of a gateway'),
    connectsPerS: distributed.parley.connects.connectsPerSecond,
    embeddedConnectsPerS: embedded.parley.connects.connectsPerSecond,
    logRecordsPerS: distributed.kafka.fifty.messagesPerSecond,
    rebuiltPerS: (distributed.grown.events * 1_000) / distributed.grown.builtMs,
    auditedPerS: distributed.grown.refoldEventsPerSecond,
    sizes: capacity.sizes,
    folds: capacity.folds,
    following: capacity.following,
  };
}

function ofRoles(of: (role: Role) => number): Readonly<Record<Role, number>> {
  return { gateway: of('gateway'), worker: of('worker'), projector: of('projector') };
}

function cpuMs(processes: Readonly<Record<string, { readonly cpuSecondsPer1000: number }>>, name: string): number {
  return known(processes[name]?.cpuSecondsPer1000, `CPU time of ${name}`);
}

function known(figure: number | null | undefined, what: string): number {
  if (typeof figure !== 'number') throw new Error(`the baselines do not have: ${what}`);
  return figure;
}

/** CPU time of a role for a message, its reply and all pieces, in milliseconds. */
export function exchangeMs({ messageMs, mediaMessageMs, pieceMs }: Costs, role: Role, traffic: Traffic): number {
  const { mediaShare, piecesPerReply } = traffic;
  return (1 - mediaShare) * messageMs[role] + mediaShare * mediaMessageMs[role] + piecesPerReply * pieceMs[role];
}

/** CPU time, microseconds, of a record that a gateway follows, out of Kafka's batches. */
export function followedRecordUs({ following: { record } }: Costs): number {
  return record.fetchedUs + record.recordUs;
}

/** What following keeps of a partition once all that it remembers is full: as measured with the most conversations that have ended. */
export function followedPartitionBytes({ following: { memory } }: Costs): number {
  const most = memory.filter(({ pending }) => pending === 0).at(-1);
  if (most === undefined) throw new Error('the baselines do not have: what following keeps');
  return most.heapBytes / most.partitions;
}

/** Between what was measured by a straight line; beyond the most sessions in proportion to them, which is what the copying of maps costs. */
export function foldAt(
  folds: readonly FoldCost[],
  sessions: number,
): Pick<FoldCost, 'visitMs' | 'beatMs' | 'snapshotMs'> {
  const above = folds.find((fold) => fold.sessions >= sessions);
  const below = folds.findLast((fold) => fold.sessions <= sessions) ?? above;
  if (below === undefined) throw new Error('the baselines do not have: what folding costs');
  const at = (of: (fold: FoldCost) => number) => {
    if (above === undefined) return (of(below) * sessions) / below.sessions;
    if (above === below) return of(below);
    return of(below) + ((of(above) - of(below)) * (sessions - below.sessions)) / (above.sessions - below.sessions);
  };
  return {
    visitMs: at(({ visitMs }) => visitMs),
    beatMs: at(({ beatMs }) => beatMs),
    snapshotMs: at(({ snapshotMs }) => snapshotMs),
  };
}

export const heartbeatS = heartbeatMs / 1_000;
