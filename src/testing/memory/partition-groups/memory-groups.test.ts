import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../property.ts';
import { MemoryGroupServer, spread } from './memory-groups.ts';

/** A group of six partitions, whose moves wait until they are let happen. */
class World {
  readonly told: string[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly server = new MemoryGroupServer(
    () => 6,
    (work) => this.#waiting.push(work),
  );

  /** Each joins; what has changed for whom. */
  async joined(...processIds: readonly string[]): Promise<readonly string[]> {
    for (const processId of processIds) await this.join(processId);
    return this.moved();
  }

  join(processId: string, group = 'group') {
    return this.server
      .member(processId)
      .join(group, 'topic', (partitions) => this.told.push(`${processId}: ${partitions.join(' ')}`));
  }

  /** What processes are told when partitions move. */
  moved(): readonly string[] {
    this.told.length = 0;
    for (const work of this.#waiting.splice(0)) work();
    return this.told.splice(0);
  }
}

test('partitions move when they are let, and who is to have less is told first', async () => {
  const world = new World();
  await world.join('a');
  expect(world.told).toEqual([]);
  expect(world.moved()).toEqual(['a: 0 1 2 3 4 5']);
  expect(await world.joined('b', 'c')).toEqual(['a: 0 1', 'b: 2 3', 'c: 4 5']);
  expect(world.moved()).toEqual([]);
  expect(world.server.assignments('group')).toEqual(
    new Map([
      ['a', [0, 1]],
      ['b', [2, 3]],
      ['c', [4, 5]],
    ]),
  );
});

test('a process that is given up is told to have none before others have its partitions, and may come back', async () => {
  const world = new World();
  await world.joined('a', 'b');
  world.server.expire('a');
  expect(world.told.splice(0)).toEqual(['a: ']);
  expect(world.moved()).toEqual(['b: 0 1 2 3 4 5']);
  world.server.rejoin('a');
  expect(world.moved()).toEqual(['b: 0 1 2', 'a: 3 4 5']);
});

test('a process that is given up silently believes to have its partitions until it is told otherwise', async () => {
  const world = new World();
  await world.joined('a', 'b');
  world.server.expire('a', { silently: true });
  expect(world.moved()).toEqual(['b: 0 1 2 3 4 5']);
  expect(world.server.assignments('group').get('a')).toEqual([0, 1, 2]);
  world.server.rejoin('a');
  expect(world.told).toEqual(['a: ']);
  expect(world.moved()).toEqual(['b: 0 1 2', 'a: 3 4 5']);
});

test('a process is given up in one group, or in all', async () => {
  const world = new World();
  await world.join('a');
  await world.join('a', 'other');
  world.moved();
  world.server.expire('a', { group: 'other' });
  expect(world.told.splice(0)).toEqual(['a: ']);
  world.server.expire('a');
  expect(world.told).toEqual(['a: ']);
});

test('any assignment can be forced: a partition to two, another to none; the next move is even again', async () => {
  const world = new World();
  await world.joined('a', 'b');
  world.server.move('group', { b: [2, 1], a: [0, 1] });
  expect(world.told.splice(0)).toEqual(['b: 1 2', 'a: 0 1']);
  world.server.rebalance('group');
  expect(world.told).toEqual(['b: 2', 'a: 0 1 3', 'b: 2 4 5']);
  expect(() => world.server.move('group', { nobody: [] })).toThrow(RangeError);
});

test('a process is in a group once', async () => {
  const world = new World();
  await world.join('a');
  await expect(world.join('a')).rejects.toThrow('already');
});

test('partitions are spread evenly, each to one, and whoever has not too many keeps its own', () => {
  const has = fc.uniqueArray(fc.nat(11), { maxLength: 12 });
  assertProperty(
    fc.property(fc.array(has, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 12 }), (held, count) => {
      const shares = spread(held, count);
      expect(shares.flat().sort((left, right) => left - right)).toEqual([...Array(count).keys()]);
      const sizes = shares.map(({ length }) => length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      expect(spread(shares, count)).toEqual(shares);
    }),
  );
});
