import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { temporaryFolder } from './testing/logs.ts';
import { Topology } from './topology.ts';
import { readWitness, Witness } from './witness.ts';

const slotBytes = 4_096;
const topology = new Topology([
  { id: 1, name: 'connections', partitions: 1 },
  { id: 4, name: 'gespräche', partitions: 2 },
]);

/** The path of a witness that has noted these ends, one after another. */
function witnessed(folder: string, ...notes: number[][]): string {
  const path = join(folder, 'head');
  const witness = new Witness(path, topology, [0, 0, 0]);
  for (const ends of notes) witness.note(ends);
  witness.close();
  return path;
}

function damage(path: string, position: number): void {
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(position) ^ 1, position);
  writeFileSync(path, bytes);
}

describe('witness', () => {
  test('says what was noted last, and of which topics', async () => {
    await using folder = await temporaryFolder();
    const found = readWitness(witnessed(folder.path, [1, 2, 3], [1, 2 ** 40, 4]));
    expect(found?.ends).toEqual([1, 2 ** 40, 4]);
    expect(found?.topology.topics).toEqual(topology.topics);
  });

  test('falls back to the note before when the last one is torn', async () => {
    await using folder = await temporaryFolder();
    const path = witnessed(folder.path, [1, 1, 1], [2, 2, 2]);
    damage(path, 20);
    expect(readWitness(path)?.ends).toEqual([1, 1, 1]);
  });

  test('says nothing when no note is whole, or there is none', async () => {
    await using folder = await temporaryFolder();
    const path = witnessed(folder.path, [1, 1, 1]);
    damage(path, 20);
    damage(path, slotBytes + 20);
    expect(readWitness(path)).toBeUndefined();
    expect(readWitness(join(folder.path, 'nothing'))).toBeUndefined();
  });
});
