import { gatewayBeatMs } from '../../src/domain/limits.ts';
import { type Costs, exchangeMs, foldAt, followedPartitionBytes, followedRecordUs, heartbeatS } from './costs.ts';
import { sessionsPerGateway } from './fold-cost.ts';
import { draftsPerReply, recordsPerExchange, recordsPerMessage, type Traffic } from './traffic.ts';

export const secondsPerDay = 86_400;
const beatS = gatewayBeatMs / 1_000;
/** Of a partition: PARLEY_MAX_PROCESSING over PARLEY_PARTITIONS as they are when nobody has set them. */
export const processingPerPartition = 50;
/** The projector takes a turn at most so often when its turns are long (src/main/distributed-backends.ts). */
const longestTurnsPerS = 5;
/** So that one of each role may die. */
const spare = 1;
/** The gateway's for what is said and the worker's for what is answered; more when a process has forgotten its own. */
export const keysPerConversation = 2;
/** ConnectionRequested, ConnectionSpoke, ConnectionClosed. */
export const recordsPerVisit = 3;

/** CPU time, per second, that following the conversations of all may take of a gateway. */
export function mostFollowCores({ coreShare, ownShare }: Traffic): number {
  return coreShare * (1 - ownShare);
}

/** Of connections and of keys, one each. */
const otherPartitions = 2;

/** What one deployment needs for so many clients, connected at once at the peak. Rates are those of the peak. */
export interface Needs {
  readonly clients: number;
  readonly messagesPerS: number;
  readonly visitsPerS: number;
  /** While all come back after an outage. */
  readonly returnsPerS: number;
  readonly processing: number;
  readonly gateways: number;
  /** CPU time, per second, that each gateway needs to fold the connections of all: at the peak, and while all come back. */
  readonly foldCores: number;
  readonly returnFoldCores: number;
  /** Likewise, to follow the conversations of all at the peak; and what it keeps of them in memory. */
  readonly followCores: number;
  readonly followBytes: number;
  readonly partitions: number;
  readonly workers: number;
  readonly projectors: number;
  /** Seconds in which one projector makes history again from all that is kept, and one process audits it. */
  readonly rebuildS: number;
  readonly auditS: number;
  readonly log: LogNeeds;
  readonly mongo: MongoNeeds;
  readonly live: { readonly subjects: number; readonly piecesPerS: number; readonly cores: number };
  readonly media: { readonly objectsPerDay: number; readonly bytesPerDay: number; readonly putsPerS: number };
  /** Of the keys of words, after the days that are kept, in each process. */
  readonly keyMemoryBytes: number;
}

export interface LogNeeds {
  readonly recordsPerS: number;
  /** Of these, the ones of conversations. */
  readonly conversationRecordsPerS: number;
  /** One copy. */
  readonly conversationBytesPerDay: number;
  readonly connectionBytesPerDay: number;
  /** Of the latter, those of sessions' signs of life. */
  readonly activeBytesPerDay: number;
}

export interface MongoNeeds {
  readonly writesPerS: number;
  readonly bytesPerDay: number;
  /** The one document of who is connected, and what writing it comes to. */
  readonly admissionBytes: number;
  readonly admissionBytesPerS: number;
}

export function needsOf(clients: number, costs: Costs, traffic: Traffic): Needs {
  const { messagesPerClientDay, visitsPerClientDay, peakOverMean, backWithinS, replyS } = traffic;
  const atPeakPerS = (perClientDay: number) => (clients * perClientDay * peakOverMean) / secondsPerDay;
  const messagesPerS = atPeakPerS(messagesPerClientDay);
  const visitsPerS = atPeakPerS(visitsPerClientDay);
  const returnsPerS = clients / backWithinS;
  const processing = messagesPerS * replyS;
  const conversationRecordsPerS =
    recordsPerMessage(traffic) * messagesPerS + atPeakPerS(traffic.conversationsPerClientDay);
  const followCores = (conversationRecordsPerS * followedRecordUs(costs)) / 1e6;
  const gateways = gatewaysOf(clients, messagesPerS, followCores, costs, traffic);
  const workers = processesFor(messagesPerS * exchangeMs(costs, 'worker', traffic), traffic);
  const { visitMs, beatMs } = foldAt(costs.folds, clients);
  const beatsPerS = gateways / beatS;
  const foldCores = (comingsPerS: number) => (comingsPerS * visitMs + beatsPerS * beatMs) / 1_000;
  const load = { messagesPerS, visitsPerS, beatsPerS, conversationRecordsPerS };
  const partitions = Math.max(workers, Math.ceil(processing / (processingPerPartition * traffic.processingShare)));
  return {
    clients,
    ...{ messagesPerS, visitsPerS, returnsPerS, processing, gateways },
    foldCores: foldCores(visitsPerS),
    returnFoldCores: foldCores(returnsPerS),
    ...{ followCores, followBytes: partitions * followedPartitionBytes(costs), partitions },
    workers: workers + spare,
    projectors: processesFor(messagesPerS * exchangeMs(costs, 'projector', traffic), traffic) + spare,
    ...againFromLog(clients, load, costs, traffic),
    log: logNeeds(clients, load, costs, traffic),
    mongo: mongoNeeds(clients, load, costs, traffic),
    live: liveNeeds(clients, messagesPerS, costs, traffic),
    media: mediaNeeds(clients, messagesPerS, traffic),
    keyMemoryBytes:
      clients * traffic.conversationsPerClientDay * keysPerConversation * traffic.keptDays * costs.sizes.keyMemoryBytes,
  };
}

/**
 * By sessions, as many each as were measured in one, or by CPU time, whichever is more. What each spends to follow the conversations of all is not
 * there for its own clients; where it is more than it may be, no number of gateways does, and they are counted as if it were just that.
 */
function gatewaysOf(
  clients: number,
  messagesPerS: number,
  followCores: number,
  costs: Costs,
  traffic: Traffic,
): number {
  const heartbeatsMs = (clients / heartbeatS) * costs.heartbeatCpuMs;
  const coreShare = traffic.coreShare - Math.min(followCores, mostFollowCores(traffic));
  const byCpu = processesFor(messagesPerS * exchangeMs(costs, 'gateway', traffic) + heartbeatsMs, { coreShare });
  return Math.max(Math.ceil(clients / sessionsPerGateway), byCpu) + spare;
}

/** Processes for so many milliseconds of CPU time a second. */
function processesFor(cpuMsPerS: number, { coreShare }: Pick<Traffic, 'coreShare'>): number {
  return Math.max(1, Math.ceil(cpuMsPerS / 1_000 / coreShare));
}

interface Load {
  readonly messagesPerS: number;
  readonly visitsPerS: number;
  readonly beatsPerS: number;
  readonly conversationRecordsPerS: number;
}

/** History passes over drafts of replies; an audit reads every record. */
function againFromLog(clients: number, load: Load, costs: Costs, traffic: Traffic) {
  const { messagesPerClientDay, conversationsPerClientDay, visitsPerClientDay, keptDays } = traffic;
  const ofConversations = (perMessage: number) =>
    clients * (perMessage * messagesPerClientDay + conversationsPerClientDay);
  const ofConnections = clients * recordsPerVisit * visitsPerClientDay + load.beatsPerS * secondsPerDay;
  return {
    rebuildS: (ofConversations(recordsPerExchange) * keptDays) / costs.rebuiltPerS,
    auditS: ((ofConversations(recordsPerMessage(traffic)) + ofConnections) * keptDays) / costs.auditedPerS,
  };
}

/** Every record in a batch of its own: under load it shares one, and costs less. */
function logNeeds(clients: number, load: Load, { sizes }: Costs, traffic: Traffic): LogNeeds {
  const { batchBytes, recordBytes: of, activeSessionBytes, dataKeyBytes } = sizes;
  const { messagesPerClientDay, visitsPerClientDay, conversationsPerClientDay, peakOverMean } = traffic;
  const stored = (...records: readonly number[]) => records.reduce((sum, bytes) => sum + bytes + batchBytes, 0);
  const { textBytes, replyBytes } = traffic;
  const exchange = stored(of.MessageReceived, of.ReplyStarted, of.ReplyCompleted) + textBytes + replyBytes;
  const stretches = draftsPerReply(traffic);
  // All of them together hold the text of the reply once more, but for its end.
  const drafts = stretches * stored(of.ReplyProgress) + (replyBytes * stretches) / (stretches + 1);
  const beginning = stored(of.ConversationStarted) + keysPerConversation * stored(dataKeyBytes);
  const visit = stored(of.ConnectionRequested, of.ConnectionSpoke, of.ConnectionClosed);
  const conversationBytesPerDay =
    clients * (messagesPerClientDay * (exchange + drafts) + conversationsPerClientDay * beginning);
  const activeBytesPerDay = (clients / peakOverMean) * (secondsPerDay / heartbeatS) * activeSessionBytes;
  const beatsBytesPerDay = load.beatsPerS * secondsPerDay * stored(of.GatewayBeat);
  const connectionBytesPerDay = clients * visitsPerClientDay * visit + beatsBytesPerDay + activeBytesPerDay;
  return {
    recordsPerS: load.conversationRecordsPerS + recordsPerVisit * load.visitsPerS + load.beatsPerS,
    conversationRecordsPerS: load.conversationRecordsPerS,
    conversationBytesPerDay,
    connectionBytesPerDay,
    activeBytesPerDay,
  };
}

function mongoNeeds(clients: number, load: Load, { sizes }: Costs, traffic: Traffic): MongoNeeds {
  const words = (traffic.textBytes + traffic.replyBytes) * sizes.bytesPerTextByte;
  const exchange = sizes.messageBytes + sizes.replyBytes + words;
  const bytesPerDay =
    clients *
    (traffic.messagesPerClientDay * exchange + traffic.conversationsPerClientDay * sizes.conversationBytes) *
    (1 + traffic.indexShare);
  const writesPerS = load.messagesPerS * sizes.writesPerExchange;
  const admissionBytes = clients * sizes.admissionBytesPerSession;
  const changesPerS = Math.min(recordsPerVisit * load.visitsPerS + load.beatsPerS, longestTurnsPerS);
  return {
    writesPerS,
    bytesPerDay,
    admissionBytes,
    admissionBytesPerS: admissionBytes * changesPerS,
  };
}

/** The engines of so many deployments alike, which share them. */
export interface Engines {
  /** Of all topics, copies included. */
  readonly partitionReplicas: number;
  readonly brokers: number;
  readonly mongoShards: number;
}

/** By what they write at the peak, by what they hold, whichever is more. */
export function enginesOf({ log, mongo, partitions }: Needs, deployments: number, traffic: Traffic): Engines {
  const { replicas, peakOverMean, keptDays } = traffic;
  const partitionReplicas = (partitions + otherPartitions) * replicas * deployments;
  const logBytesPerDay = (log.conversationBytesPerDay + log.connectionBytesPerDay) * replicas * deployments;
  const peakBytesPerS = (logBytesPerDay / secondsPerDay) * peakOverMean;
  return {
    partitionReplicas,
    brokers: Math.max(
      replicas,
      Math.ceil(peakBytesPerS / (traffic.brokerMBPerS * 1e6)),
      Math.ceil((logBytesPerDay * keptDays) / (traffic.brokerTB * 1e12)),
      Math.ceil(partitionReplicas / traffic.brokerPartitions),
    ),
    mongoShards: Math.max(
      Math.ceil((mongo.writesPerS * deployments) / traffic.mongoWritesPerS),
      Math.ceil((mongo.bytesPerDay * keptDays * deployments) / (traffic.mongoTB * 1e12)),
    ),
  };
}

/** A session is in one conversation, whose subject its gateway listens to. */
function liveNeeds(clients: number, messagesPerS: number, { pieceMs }: Costs, traffic: Traffic): Needs['live'] {
  const piecesPerS = messagesPerS * traffic.piecesPerReply;
  return { subjects: clients, piecesPerS, cores: (piecesPerS * pieceMs.nats) / 1_000 };
}

/** Of a message and of its reply one each. */
function mediaNeeds(clients: number, messagesPerS: number, traffic: Traffic): Needs['media'] {
  const { messagesPerClientDay, mediaShare, mediaBytes } = traffic;
  const objectsPerDay = clients * messagesPerClientDay * mediaShare * 2;
  return { objectsPerDay, bytesPerDay: objectsPerDay * mediaBytes, putsPerS: messagesPerS * mediaShare * 2 };
}
