import { timestampDate } from '@bufbuild/protobuf/wkt';
import { effect, type ReadonlySignal, signal } from '@preact/signals';
import type {
  GetUsageResponse,
  ActiveConnection as WireConnection,
} from '../../../../src/client/gen/chat/v1/operations_service_pb.js';
import type { ActiveConnection, OperatorCommands, Refusal, SignInState, Step, Usage, UsageSample } from './app.ts';
import { type Calls, orRefusal, shownRefusal } from './calls.ts';
import { LastMinutes } from './last-minute.ts';

/** As often as figures change in a way that somebody can follow. */
const readEveryMs = 2_000;
/** Long enough to see where something began, short enough for a plot of a hand's width. */
const sampledMs = 900_000;
/** More than anybody reads; the server's default cap of sessions is far below. */
const maxConnections = 1_000;

/** An operator's commands that can be ended. */
export interface RunningOperatorCommands extends OperatorCommands {
  stop(): void;
}

/** Looks at the running server, and acts on it. Whoever signs in is asked about once: no other call tells who is an operator. */
export function createOperatorCommands(calls: Calls, signedIn: ReadonlySignal<SignInState>): RunningOperatorCommands {
  const isOperator = signal(false);
  const usage = signal<Usage | undefined>(undefined);
  const usageSamples = signal<readonly UsageSample[]>([]);
  const minutes = new LastMinutes();
  const connections = signal<readonly ActiveConnection[]>([]);
  const trouble = signal<Refusal | undefined>(undefined);

  async function read(): Promise<void> {
    try {
      const [used, connected] = await Promise.all([calls.operations.getUsage({}), listConnections(calls)]);
      usage.value = usageOf(used);
      const atMs = performance.now();
      const recent = usageSamples.peek().filter((sample) => sample.atMs > atMs - sampledMs);
      const lastMinute = minutes.add(atMs, used.counts);
      usageSamples.value = [...recent, { atMs, usage: usage.value, lastMinute }];
      connections.value = connected;
      trouble.value = undefined;
    } catch (error) {
      trouble.value = shownRefusal(error);
    }
  }

  const stop = effect(() => {
    const state = signedIn.value;
    isOperator.value = false;
    usageSamples.value = [];
    minutes.clear();
    if (state.kind !== 'in') return;
    void orRefusal(calls.operations.getUsage({})).then((why) => {
      // Another may be in by now. Where the server does not answer, the page says so to whoever opens it.
      if (signedIn.peek() === state) isOperator.value = why?.reason !== 'OPERATOR_REQUIRED';
    });
  });

  return {
    isOperator,
    stop,
    usage,
    usageSamples,
    connections,
    trouble,
    watch() {
      let timer: ReturnType<typeof setTimeout> | undefined;
      let isOver = false;
      const again = async (): Promise<void> => {
        await read();
        if (!isOver) timer = setTimeout(() => void again(), readEveryMs);
      };
      void again();
      return () => {
        isOver = true;
        clearTimeout(timer);
      };
    },
    async disconnect(clientId) {
      const why = await orRefusal(calls.operations.disconnectClient({ clientId }));
      await read();
      return why;
    },
    async readUsageReport(wish) {
      // Most people never ask: the page is drawn without its code.
      const { readUsageReport } = await import('./usage-report.ts');
      return readUsageReport(calls, wish, new Date());
    },
    explain: (messageId) => explain(calls, messageId),
  };
}

async function explain(calls: Calls, messageId: string): Promise<readonly Step[] | Refusal> {
  try {
    const { steps } = await calls.operations.explainMessage({ messageId });
    return steps.map(({ time, event, detail }): Step => ({ at: dateOf(time), event, detail }));
  } catch (error) {
    return shownRefusal(error);
  }
}

async function listConnections(calls: Calls): Promise<readonly ActiveConnection[]> {
  const found: ActiveConnection[] = [];
  let pageToken = '';
  do {
    const page = await calls.operations.listActiveConnections({ pageToken });
    found.push(...page.connections.map(connectionOf));
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && found.length < maxConnections);
  return found;
}

function connectionOf({
  clientId,
  sessionId,
  timeZone,
  gatewayId,
  hasSpoken,
  connectTime,
}: WireConnection): ActiveConnection {
  return { clientId, sessionId, timeZone, gatewayId, hasSpoken, connectedAt: dateOf(connectTime) };
}

function usageOf(used: GetUsageResponse): Usage {
  return {
    clients: used.activeClients,
    maxClients: used.maxClients,
    waiting: used.waitingClients,
    processing: used.processing,
    maxProcessing: used.maxProcessing,
    queued: Number(used.queued),
    oldestQueuedMs: Number(used.oldestQueuedMs),
  };
}

function dateOf(time: WireConnection['connectTime']): Date {
  return time === undefined ? new Date(0) : timestampDate(time);
}
