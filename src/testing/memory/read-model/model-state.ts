import { type Checkpoint, type CollectionSpec, ReadModelReplaced, ReadModelTooNew } from '../../../ports/read-model.ts';
import { MemoryTable } from './memory-table.ts';

/** One generation of a model: its collections and how far each partition was folded into them. */
export class Generation {
  readonly tables = new Map<string, MemoryTable>();
  /** By topic and partition. */
  readonly checkpoints = new Map<string, Checkpoint>();

  table(collection: string): MemoryTable {
    const known = this.tables.get(collection) ?? new MemoryTable();
    this.tables.set(collection, known);
    return known;
  }

  copy(): Generation {
    const copy = new Generation();
    for (const [collection, table] of this.tables) copy.tables.set(collection, table.copy());
    for (const [key, checkpoint] of this.checkpoints) copy.checkpoints.set(key, checkpoint);
    return copy;
  }
}

/** A model as the server has it. Numbers of generations are not used again. */
export class ModelState {
  readonly generations = new Map<number, Generation>([[1, new Generation()]]);
  /** Of the live generation's collections, by name. */
  readonly versions = new Map<string, number>();
  live = 1;
  newest = 1;
  /** The generation that a rebuild works on. */
  building: number | null = null;
  /** Since when (the server's clock) writers of the live generation are held, for the sake of the one that is built. */
  heldSinceMs: number | null = null;

  /** Makes room for the collection, beginning the model again when an older version is there. Throws ReadModelTooNew for a newer one. */
  register({ name, version }: CollectionSpec<never>): void {
    const known = this.versions.get(name) ?? version;
    if (known > version) throw new ReadModelTooNew(`${name} has version ${known}; this release knows up to ${version}`);
    if (known < version) this.#switchTo(this.#begin());
    this.versions.set(name, version);
  }

  /** Begins a generation beside the live one, and gives up the one begun before. */
  begin(): number {
    this.discard(this.building);
    this.building = this.#begin();
    return this.building;
  }

  /** Throws ReadModelReplaced when another one is built by now. */
  hold(generation: number, nowMs: number): void {
    this.#assertBuilding(generation);
    this.heldSinceMs ??= nowMs;
  }

  /** Throws ReadModelReplaced when another one is built by now, or was made live. */
  activate(generation: number): void {
    if (this.live === generation) return;
    this.#assertBuilding(generation);
    this.#switchTo(generation);
  }

  discard(generation: number | null): void {
    if (generation === null || this.building !== generation) return;
    this.generations.delete(generation);
    this.building = null;
    this.heldSinceMs = null;
  }

  copy(): ModelState {
    const { live, newest, building, heldSinceMs } = this;
    const copy = Object.assign(new ModelState(), { live, newest, building, heldSinceMs });
    copy.generations.clear();
    for (const [number, generation] of this.generations) copy.generations.set(number, generation.copy());
    for (const [collection, version] of this.versions) copy.versions.set(collection, version);
    return copy;
  }

  #begin(): number {
    this.newest += 1;
    this.generations.set(this.newest, new Generation());
    return this.newest;
  }

  #switchTo(generation: number): void {
    for (const other of [...this.generations.keys()]) if (other !== generation) this.generations.delete(other);
    this.live = generation;
    this.building = null;
    this.heldSinceMs = null;
  }

  #assertBuilding(generation: number): void {
    if (this.building !== generation) throw new ReadModelReplaced('the model is rebuilt by somebody else');
  }
}

/** The key of a checkpoint within a generation. */
export function checkpointKey(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
