import { setTimeout as sleep } from 'node:timers/promises';
import { memory } from '../system/process-figures.ts';
import type { Servers } from './servers.ts';

const openTimeoutMs = 10_000;
const pollMs = 50;
/** V8 gives pages back beside the program, and what a collection sets free is swept a little later. */
const sweptAfterMs = 2_000;
/** The first lets go of what is kept for finalizers, which the second collects. */
const collections = 2;

/**
 * Resident memory of the process that holds the sessions, its garbage collected: what lies about until V8 finds it worth collecting would be
 * more than what is asked for. The inspector is opened for it, as any user may by SIGUSR1.
 */
export async function residentMibWithoutGarbage({ gateway, inspectorPort }: Servers): Promise<number> {
  process.kill(gateway.pid, 'SIGUSR1');
  const inspector = new WebSocket(await inspectorUrl(inspectorPort));
  await new Promise((resolve, reject) => {
    inspector.onopen = resolve;
    inspector.onerror = () => reject(new Error('the inspector of the server cannot be reached'));
  });
  for (let id = 1; id <= collections; id += 1) await call(inspector, id, 'HeapProfiler.collectGarbage');
  inspector.close();
  await sleep(sweptAfterMs);
  return memory(gateway.pid).residentMib;
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

function call(inspector: WebSocket, id: number, method: string): Promise<void> {
  return new Promise((resolve, reject) => {
    inspector.onmessage = ({ data }) => {
      const answer = JSON.parse(String(data)) as { readonly id?: number; readonly error?: unknown };
      if (answer.id !== id) return;
      if (answer.error === undefined) resolve();
      else reject(new Error(`${method}: ${JSON.stringify(answer.error)}`));
    };
    inspector.onclose = () => reject(new Error(`${method}: the server ended`));
    inspector.send(JSON.stringify({ id, method }));
  });
}
