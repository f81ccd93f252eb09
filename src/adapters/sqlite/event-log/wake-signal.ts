/**
 * How far the log reaches, in memory that threads share: one Int32 that counts commits, and that waiters wait on, then
 * the low 32 bits of each partition's end offset, by slot.
 */
const endsStart = 1;

/** The memory for this many partitions. */
export function createWakeSignal(partitions: number): SharedArrayBuffer {
  return new SharedArrayBuffer((endsStart + partitions) * Int32Array.BYTES_PER_ELEMENT);
}

/** Tells all threads how far the log reaches now. */
export function raise(signal: Int32Array, ends: ArrayLike<number>): void {
  for (let slot = 0; slot < ends.length; slot += 1) Atomics.store(signal, endsStart + slot, (ends[slot] ?? 0) | 0);
  Atomics.add(signal, 0, 1);
  Atomics.notify(signal, 0);
}

/** The end offset of a slot; `knownEnd` is one that it had before, by which the missing high bits are known. */
export function endOf(signal: Int32Array, slot: number, knownEnd: number): number {
  const ahead = (Atomics.load(signal, endsStart + slot) - (knownEnd | 0)) | 0;
  return knownEnd + Math.max(0, ahead);
}

/** Calls back after each change (several may be one call) until disposed of. */
export function listen(memory: SharedArrayBuffer, changed: () => void): Disposable {
  const signal = new Int32Array(memory);
  let listening = true;
  const run = async () => {
    while (listening) {
      const seen = Atomics.load(signal, 0);
      changed();
      const wait = Atomics.waitAsync(signal, 0, seen);
      if (wait.async) await wait.value;
    }
  };
  void run();
  return {
    [Symbol.dispose]: () => {
      listening = false;
      // A pending wait cannot be cancelled, only woken; other threads look once and wait on.
      Atomics.notify(signal, 0);
    },
  };
}
