import { setTimeout as sleep } from 'node:timers/promises';
import { memory } from '../system/process-figures.ts';
import type { Servers } from '../system/servers.ts';

const openTimeoutMs = 10_000;
const pollMs = 50;
/** V8 gives pages back beside the program, and what a collection sets free is swept a little later. */
const sweptAfterMs = 2_000;
const bytesPerMib = 2 ** 20;
/** The first lets go of what is kept for finalizers, which the second collects. */
const collections = 2;

/** What a process holds when its garbage is collected, in mebibytes. */
export interface KeptMemory {
  readonly residentMib: number;
  /** On the heap of its main thread, and outside in buffers of it. */
  readonly liveMib: number;
}

/**
 * Memory of the process that holds the sessions, its garbage collected: what lies about until V8 finds it worth collecting would be
 * more than what is asked for. The inspector is opened for it, as any user may by SIGUSR1.
 */
export async function memoryWithoutGarbage({ gateway, inspectorPort }: Servers): Promise<KeptMemory> {
  process.kill(gateway.pid, 'SIGUSR1');
  const inspector = new WebSocket(await inspectorUrl(inspectorPort));
  await new Promise((resolve, reject) => {
    inspector.onopen = resolve;
    inspector.onerror = () => reject(new Error('the inspector of the server cannot be reached'));
  });
  for (let id = 1; id <= collections; id += 1) await call(inspector, id, 'HeapProfiler.collectGarbage');
  const heap = await call<HeapUsage>(inspector, collections + 1, 'Runtime.getHeapUsage');
  inspector.close();
  await sleep(sweptAfterMs);
  return {
    residentMib: memory(gateway.pid).residentMib,
    liveMib: (heap.usedSize + heap.backingStorageSize) / bytesPerMib,
  };
}

async function inspectorUrl(port: number): Promise<string> {
  const begun = performance.now();
  for (;;) {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/json/list`);
      const [target] = (await answer.json()) as readonly { readonly webSocketDebuggerUrl: string }[];
      if (target !== undefined) return target.webSocketDebuggerUrl;
    } catch (cause) {
      if (performance.now() - begun > openTimeoutMs) throw new Error('the server opens no inspector', { cause });
    }
    await sleep(pollMs);
  }
}

/** In bytes. */
interface HeapUsage {
  readonly usedSize: number;
  readonly backingStorageSize: number;
}

function call<T>(inspector: WebSocket, id: number, method: string): Promise<T> {
  return new Promise((resolve, reject) => {
    inspector.onmessage = ({ data }) => {
      const answer = JSON.parse(String(data)) as { readonly id?: number; readonly error?: unknown; readonly result: T };
      if (answer.id !== id) return;
      if (answer.error === undefined) resolve(answer.result);
      else reject(new Error(`${method}: ${JSON.stringify(answer.error)}`));
    };
    inspector.onclose = () => reject(new Error(`${method}: the server ended`));
    inspector.send(JSON.stringify({ id, method }));
  });
}
