import { expect } from '@jest/globals';
import { Appenders, contentOf, Follower, readAll, until } from './appenders.ts';
import { openOn, type TestTopics } from './logs.ts';

/**
 * Twenty callers, and tails of another process as well as of theirs, while something is done to the broker. Expects afterwards that nothing
 * acknowledged is missing, that each caller's records stand in its order, that none is there twice unless its caller was told that it may be, and
 * that the tails were given exactly what is there.
 */
export async function underLoad(topics: TestTopics, act: (appenders: Appenders) => Promise<void>): Promise<Appenders> {
  await using log = await openOn(topics);
  await using other = await openOn(topics, { mode: 'read' });
  const followers = Array.from({ length: topics.partitions }, (_, partition) => ({
    partition,
    own: new Follower(log, topics.topic, partition),
    foreign: new Follower(other, topics.topic, partition),
  }));
  const appenders = new Appenders(log, topics.topic, 20);
  await act(appenders);
  await appenders.stop();
  for (const { partition, own, foreign } of followers) {
    const stored = await readAll(other, topics.topic, partition);
    await until('the tails have everything', () =>
      [own, foreign].every(({ records }) => records.length >= stored.length),
    );
    await Promise.all([own.stop(), foreign.stop()]);
    const lines = stored.map((record) => `${record.offset} ${contentOf(record)}`);
    expect(stored.map(({ offset }) => offset)).toEqual(Array.from(stored, (_, index) => index));
    for (const { records } of [own, foreign])
      expect(records.map((record) => `${record.offset} ${contentOf(record)}`)).toEqual(lines);
    const acknowledged = appenders.acknowledged.filter((place) => place.partition === partition);
    const found = new Set(lines);
    expect(acknowledged.filter(({ offset, content }) => !found.has(`${offset} ${content}`))).toEqual([]);
    const contents = stored.map(contentOf);
    expectOrder(contents);
    const copies = Map.groupBy(contents, (content) => content);
    expect([...copies].filter(([content, { length }]) => length > (appenders.copies.get(content) ?? 1))).toEqual([]);
  }
  return appenders;
}

/** Each caller's records stand in its order, whatever was repeated. */
function expectOrder(contents: readonly string[]): void {
  const next = new Map<string, number>();
  for (const content of new Set(contents)) {
    const [who = '', number] = content.split(':');
    expect(`${who}:${next.get(who) ?? 0}`).toBe(content);
    next.set(who, Number(number) + 1);
  }
}
