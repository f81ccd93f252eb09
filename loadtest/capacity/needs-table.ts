import { table } from '../markdown.ts';
import type { Costs } from './costs.ts';
import { maxKeptBytes, mostClients, mostPartitions } from './ends.ts';
import { enginesOf, mostFollowCores, type Needs, needsOf, secondsPerDay } from './needs.ts';
import type { Traffic } from './traffic.ts';
import { amount, bytesText, power } from './wording.ts';

/** So many clients, in deployments alike that share engines. */
interface Column {
  readonly head: string;
  readonly deployments: number;
  readonly needs: Needs;
}

type Row = readonly [string, (column: Column) => string];

const maxDocumentBytes = 16 * 2 ** 20;

/** Of everything: for each client count one deployment, and from a million on as many as shards. A figure that cannot be is bold. */
export function needsTable(costs: Costs, traffic: Traffic): string {
  const columns = [
    one(1e4, costs, traffic),
    one(1e6, costs, traffic),
    divided(1e6, costs, traffic),
    divided(1e8, costs, traffic),
  ];
  const rows = [...sessionRows(costs, traffic), ...messageRows(traffic), ...logRows(traffic), ...otherRows(traffic)];
  const heads = ['', ...columns.map(({ head }) => head)];
  return table(
    heads,
    rows.map(([name, cell]) => [name, ...columns.map(cell)]),
  );
}

function one(clients: number, costs: Costs, traffic: Traffic): Column {
  return { head: `${power(clients)}, one deployment`, deployments: 1, needs: needsOf(clients, costs, traffic) };
}

function divided(clients: number, costs: Costs, traffic: Traffic): Column {
  const deployments = Math.ceil(clients / traffic.shardClients);
  const needs = needsOf(clients / deployments, costs, traffic);
  return { head: `${power(clients)} in ${deployments.toLocaleString('en')} shards`, deployments, needs };
}

/** Of all deployments together. */
function total(of: (needs: Needs) => number, text: (value: number) => string = amount): Row[1] {
  return ({ needs, deployments }) => text(of(needs) * deployments);
}

/** Of each deployment, bold where it cannot be. */
function each(of: (needs: Needs) => number, text: (value: number) => string, most: number): Row[1] {
  return ({ needs }) => (of(needs) > most ? `**${text(of(needs))}**` : text(of(needs)));
}

function sessionRows({ sessionKB, gatewayMib }: Costs, traffic: Traffic): readonly Row[] {
  const { coreShare } = traffic;
  const memory = ({ clients, gateways, followBytes }: Needs) =>
    clients * sessionKB * 1_000 + gateways * (gatewayMib * 2 ** 20 + followBytes);
  return [
    ['sessions open in each deployment', each(({ clients }) => clients, amount, mostClients)],
    ['sessions that open a second', total(({ visitsPerS }) => visitsPerS)],
    ['… while all come back', total(({ returnsPerS }) => returnsPerS)],
    ['gateways', total(({ gateways }) => gateways)],
    ['their memory, all together', total(memory, bytesText)],
    ['cores that each needs to fold the connections', each(({ foldCores }) => foldCores, amount, coreShare)],
    ['… while all come back', each(({ returnFoldCores }) => returnFoldCores, amount, coreShare)],
    [
      'cores that each needs to follow the conversations',
      each(({ followCores }) => followCores, amount, mostFollowCores(traffic)),
    ],
    ['memory that each needs for it', each(({ followBytes }) => followBytes, bytesText, maxKeptBytes)],
    [
      'document of who is connected, in each deployment',
      each(({ mongo }) => mongo.admissionBytes, bytesText, maxDocumentBytes),
    ],
    ['… written a second', each(({ mongo }) => mongo.admissionBytesPerS, bytesText, Number.POSITIVE_INFINITY)],
  ];
}

function messageRows({ keptDays }: Traffic): readonly Row[] {
  return [
    ['messages a second', total(({ messagesPerS }) => messagesPerS)],
    ['… in processing', total(({ processing }) => processing)],
    ['partitions of conversations, in each deployment', each(({ partitions }) => partitions, amount, mostPartitions)],
    ['workers', total(({ workers }) => workers)],
    ['projectors', total(({ projectors }) => projectors)],
    [
      `keys of words in each process after ${keptDays} days`,
      each(({ keyMemoryBytes }) => keyMemoryBytes, bytesText, maxKeptBytes),
    ],
    [
      `history of ${keptDays} days made again, by one projector of each`,
      each(({ rebuildS }) => rebuildS, timeText, secondsPerDay),
    ],
    ['… the log audited, by one process of each', each(({ auditS }) => auditS, timeText, secondsPerDay)],
  ];
}

/** As long as a deployment has been there for the days that are kept. */
function timeText(seconds: number): string {
  const hours = seconds / 3_600;
  return hours < 48 ? `${amount(hours)} h` : `${amount(hours / 24)} days`;
}

function logRows(traffic: Traffic): readonly Row[] {
  const { replicas } = traffic;
  const engines = ({ needs, deployments }: Column) => enginesOf(needs, deployments, traffic);
  const copies = ({ log }: Needs) => (log.conversationBytesPerDay + log.connectionBytesPerDay) * replicas;
  return [
    ['Kafka: records a second', total(({ log }) => log.recordsPerS)],
    ['… bytes a day of conversations, one copy', total(({ log }) => log.conversationBytesPerDay, bytesText)],
    ['… of connections, one copy', total(({ log }) => log.connectionBytesPerDay, bytesText)],
    ['… of which sessions’ signs of life', total(({ log }) => log.activeBytesPerDay, bytesText)],
    [`… a day with ${replicas} copies`, total(copies, bytesText)],
    ['… copies of partitions', (column) => amount(engines(column).partitionReplicas)],
    ['… brokers', (column) => amount(engines(column).brokers)],
  ];
}

function otherRows(traffic: Traffic): readonly Row[] {
  const engines = ({ needs, deployments }: Column) => enginesOf(needs, deployments, traffic);
  return [
    ['MongoDB: writes a second', total(({ mongo }) => mongo.writesPerS)],
    ['… bytes a day, indexes included', total(({ mongo }) => mongo.bytesPerDay, bytesText)],
    ['… shards', (column) => amount(engines(column).mongoShards)],
    ['NATS: subjects that somebody listens to', total(({ live }) => live.subjects)],
    ['… pieces a second', total(({ live }) => live.piecesPerS)],
    ['… cores', total(({ live }) => live.cores)],
    ['S3: objects a day', total(({ media }) => media.objectsPerDay)],
    ['… bytes a day', total(({ media }) => media.bytesPerDay, bytesText)],
    ['… PUTs a second', total(({ media }) => media.putsPerS)],
  ];
}
