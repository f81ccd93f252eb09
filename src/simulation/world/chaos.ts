import { anybody } from '../../app/caller.ts';
import type { UnitPrices } from '../../domain/spending/events.ts';
import type { Deployment } from './deployment.ts';
import { type MomentFault, momentFaults, type Service } from './faults.ts';
import type { ServerNode } from './node.ts';
import type { Random } from './random.ts';
import { shortenLog } from './shorter-log.ts';
import type { World } from './world.ts';
import { prefix, topics } from './world-names.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** So often a partition is passed on that goes round. */
const maxTurns = 8;

/** Makes the faults that come at random moments happen until faults end. */
export function startChaos(world: World, deployment: Deployment): void {
  const strike = strikesOf(world, deployment);
  for (const name of momentFaults) {
    const perMinute = world.faults.rates[name] ?? 0;
    if (perMinute > 0) again(world, name, perMinute, strike[name]);
  }
}

function again(world: World, name: MomentFault, perMinute: number, strike: (random: Random) => void): void {
  const { faults, scheduler } = world;
  const random = faults.stream(name);
  const waitMs = (-Math.log(1 - random.next()) * minuteMs) / perMinute;
  scheduler.after(waitMs, () => {
    if (!faults.isActive) return;
    faults.count(name);
    strike(random);
    again(world, name, perMinute, strike);
  });
}

type Strike = (random: Random) => void;

function strikesOf(world: World, deployment: Deployment): Record<MomentFault, Strike> {
  return {
    ...processStrikes(world, deployment),
    ...serviceStrikes(world, deployment),
    ...storeStrikes(world),
    ...logStrikes(world, deployment),
  };
}

function processStrikes(world: World, deployment: Deployment) {
  const onAny = (strike: (node: ServerNode, random: Random) => void) => (random: Random) => {
    const { nodes } = deployment;
    if (nodes.length > 0) strike(random.pick(nodes), random);
  };
  return {
    crash: onAny((node) => deployment.crash(node)),
    restart: onAny((node) => void deployment.restart(node)),
    twin: onAny((node) => deployment.startTwin(node)),
    freeze: onAny((node, random) => deployment.freeze(node, random.logarithmic(200, 60_000))),
    'connections-reset': onAny((node, random) => {
      world.trace.note(node.process.name, 'its connections are reset');
      const noticesMs = random.chance(0.5) ? random.between(0, 50) : 25_000;
      for (const stream of [...node.streams]) stream.break(noticesMs);
    }),
    'partitions-move': (random: Random) => moveOne(world, random),
    'prices-change': onAny((node, random) => setPrices(world, node, random)),
    'budgets-change': onAny((node, random) => setBudget(world, node, random)),
    'limits-change': (random: Random) => {
      const limits = world.scenario.config.limits as { maxClients: number };
      limits.maxClients = 1 + random.below(5);
      world.trace.note('operator', `from the next start on ${limits.maxClients} clients`);
    },
  } satisfies Partial<Record<MomentFault, Strike>>;
}

/** An operator sets what the model costs, and now and then nothing. */
function setPrices({ trace }: World, { parts, process }: ServerNode, random: Random): void {
  if (parts === undefined) return;
  const currency = random.chance(0.9) ? 'EUR' : 'USD';
  const price = () => (random.chance(0.1) ? 0 : Math.floor(random.logarithmic(1, 1e9)));
  const prices: UnitPrices = {
    inputPerMillion: price(),
    cachedInputPerMillion: price(),
    outputPerMillion: price(),
    soundInPerMinute: price(),
    soundOutPerMinute: price(),
    pictureIn: price(),
    pictureOut: price(),
  };
  const models = random.chance(0.8) ? [{ provider: 'simulated', model: 'simulated', prices }] : [];
  parts.prices.set(anybody, currency, models).then(
    ({ version }) => trace.note(process.name, `has price list ${version}`),
    (error: unknown) => trace.note(process.name, `has not set prices: ${String(error)}`),
  );
}

/** Some messages of a client, or some replies' tokens and cost. */
const smallBudgets = { messages: 8, tokens: 150, cost: 400 };

/** An operator sets a small budget, or removes one. */
function setBudget({ trace }: World, { parts, process }: ServerNode, random: Random): void {
  if (parts === undefined) return;
  const scope = random.pick([
    { kind: 'all' },
    { kind: 'each' },
    { kind: 'client', clientId: 'c1' },
    { kind: 'group', group: 'even' },
  ] as const);
  const period = random.pick(['minute', 'minute', 'hour'] as const);
  const unit = random.pick(['messages', 'tokens', 'tokens', 'cost'] as const);
  const amount = random.chance(0.2) ? undefined : random.below(smallBudgets[unit]);
  parts.budgets.set(anybody, { scope, period, unit }, amount).then(
    () => trace.note(process.name, `has set ${scope.kind} ${amount ?? 'no'} ${unit} a ${period}`),
    (error: unknown) => trace.note(process.name, `has not set a budget: ${String(error)}`),
  );
}

function serviceStrikes(world: World, deployment: Deployment) {
  const away =
    (...services: readonly Service[]) =>
    (random: Random) =>
      awayFor(world, deployment, services, random);
  return {
    'log-away': away('log-read', 'log-write'),
    'log-write-away': away('log-write'),
    'log-read-away': away('log-read'),
    'store-away': away('store'),
    'media-away': away('media'),
    'bus-away': away('bus'),
  } satisfies Partial<Record<MomentFault, Strike>>;
}

function storeStrikes({ models, media, trace, lostMedia }: World) {
  let olderCopy = models.snapshot();
  return {
    'store-older': (random: Random) => {
      if (random.chance(0.5)) {
        olderCopy = models.snapshot();
        return trace.note('store', 'is copied');
      }
      trace.note('store', 'is replaced by an older copy');
      models.restore(olderCopy, { unnoticed: random.chance(0.5) });
    },
    'store-empty': () => {
      trace.note('store', 'begins again empty');
      models.clear();
    },
    'media-gone': (random: Random) => {
      const objects = [...media.objects()];
      if (objects.length === 0) return;
      const { mediaId } = random.pick(objects);
      trace.note('media', `${mediaId} is gone`);
      media.remove(mediaId);
      lostMedia.add(mediaId);
    },
  } satisfies Partial<Record<MomentFault, Strike>>;
}

function logStrikes(world: World, deployment: Deployment) {
  const { trace, scheduler } = world;
  return {
    'clock-step': (random: Random) => {
      world.logSteppedMs = scheduler.nowMs;
      // A clock that was wrong is often put right again.
      if (random.chance(0.4)) world.logAheadMs = 0;
      else world.logAheadMs += random.logarithmic(1_000, 3 * dayMs) * (random.chance(0.7) ? 1 : -1);
      trace.note('log', `its clock is ${Math.round(world.logAheadMs)} ms ahead`);
    },
    'clock-stands': (random: Random) => {
      if (world.logStandsAtMs !== undefined) return;
      world.logStandsAtMs = Math.floor(world.nowMs + world.logAheadMs);
      trace.note('log', 'its clock stands');
      scheduler.after(random.logarithmic(1_000, 60_000), () => {
        world.logStandsAtMs = undefined;
        // From where it stood to where it would be.
        world.logSteppedMs = scheduler.nowMs;
        trace.note('log', 'its clock goes on');
      });
    },
    'clock-skew': (random: Random) => {
      const partition = random.below(world.scenario.config.limits.partitions);
      world.leaderSkewMs.set(partition, random.between(-20_000, 20_000));
      trace.note('log', `partition ${partition} has another leader's clock`);
    },
    'foreign-record': (random: Random) => appendForeign(world, random),
    'log-shorter': (random: Random) => shortenLog(world, deployment, random),
  } satisfies Partial<Record<MomentFault, Strike>>;
}

/** For one process or for all, for some time. */
function awayFor(world: World, deployment: Deployment, services: readonly Service[], random: Random): void {
  const { faults, scheduler, trace } = world;
  const ms = random.logarithmic(100, 60_000);
  const { nodes } = deployment;
  const whom = nodes.length === 0 || random.chance(0.5) ? '*' : random.pick(nodes).process.name;
  trace.note('network', `${services.join(' and ')} away for ${whom}, ${Math.round(ms)} ms`);
  for (const service of services) faults.goesAway(service, whom);
  scheduler.after(ms, () => {
    if (!faults.isActive) return;
    trace.note('network', `${services.join(' and ')} back for ${whom}`);
    for (const service of services) faults.comesBack(service, whom);
  });
}

/** A group tells a process that it has a partition, whatever either owner does: moved, given to both, to each in turn, or to nobody. */
function moveOne(world: World, random: Random): void {
  const { scenario, trace, scheduler, groups } = world;
  const partition = random.below(scenario.config.limits.partitions);
  const group = random.chance(0.6) ? `${prefix}.workers.members` : `${prefix}.projectors.${topics.conversations}`;
  const owned = [...groups.assignments(group)];
  if (owned.length === 0) return;
  const [heir] = random.pick(owned);
  const kind = random.pick(['moves', 'is given to both', 'goes round', "is nobody's"] as const);
  trace.note('group', `${group}: partition ${partition} ${kind} (${heir})`);
  if (kind === 'goes round') passRound(world, group, partition, random);
  else if (kind === "is nobody's") assign(world, group, partition, []);
  else if (kind === 'moves') assign(world, group, partition, [heir]);
  else assign(world, group, partition, [heir, ...ownersOf(owned, partition)]);
  scheduler.after(random.logarithmic(100, 30_000), () => groups.rebalance(group));
}

function ownersOf(owned: readonly (readonly [string, readonly number[]])[], partition: number): readonly string[] {
  return owned.filter(([, partitions]) => partitions.includes(partition)).map(([name]) => name);
}

function assign({ groups }: World, group: string, partition: number, owners: readonly string[]): void {
  const assignment = [...groups.assignments(group)].map(([name, partitions]): [string, readonly number[]] => {
    const others = partitions.filter((own) => own !== partition);
    return [name, owners.includes(name) ? [...others, partition] : others];
  });
  groups.move(group, Object.fromEntries(assignment));
}

/** A group that does not come to rest: each member has the partition for less than most replies take. */
function passRound(world: World, group: string, partition: number, random: Random): void {
  const turnMs = random.between(50, 800);
  for (let turn = 0; turn < maxTurns; turn += 1)
    world.scheduler.after(turn * turnMs, () => {
      if (!world.faults.isActive) return;
      const names = [...world.groups.assignments(group).keys()];
      assign(world, group, partition, names.slice(turn % names.length, (turn % names.length) + 1));
    });
}

/** What this release cannot read: of a later one, or of none. */
function appendForeign(world: World, random: Random): void {
  const isConnections = random.chance(0.3);
  const topic = isConnections ? topics.connections : topics.conversations;
  const partition = isConnections ? 0 : random.below(world.scenario.config.limits.partitions);
  const type = random.chance(0.5) ? 'chat_events.v1.Later' : 'chat_events.v1.MessageReceived';
  const value = Uint8Array.from([0xff, 0xff, 0xff, 0xff]);
  void world.log
    .handle()
    .append([{ topic, partition, key: '', headers: { ce_type: type, ce_id: world.ids.unique() }, value }]);
}
