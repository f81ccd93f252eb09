import { systemClock } from '../adapters/clock/system/system-clock.ts';
import { nodeCryptoIds } from '../adapters/ids/node-crypto/node-crypto-ids.ts';
import { openAiProvider } from '../adapters/provider/openai/openai-provider.ts';
import { simulatedProvider } from '../adapters/provider/simulated/simulated-provider.ts';
import type { Config, ProviderConfig } from '../config/config.ts';
import type { Provider } from '../ports/provider.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { Tracer } from '../ports/tracing.ts';
import type { WorkerMetrics } from '../workers/deps.ts';
import { historyLookups } from '../workers/history-lookups.ts';
import { type RunningWorker, startWorker } from '../workers/worker.ts';
import type { Backends } from './backends.ts';

export interface WorkersOptions {
  readonly config: Config;
  readonly backends: Backends;
  readonly logger: Logger;
  readonly metrics: WorkerMetrics;
  /** undefined: nothing is traced. */
  readonly tracer: Tracer | undefined;
  readonly onFault: (error: unknown) => void;
}

/** Starts the worker, with the configured provider. */
export function startWorkers({ config, backends, onFault, ...parts }: WorkersOptions): RunningWorker {
  const { maxProcessingPerPartition, maxProcessingPerConversation } = config.limits;
  const worker = startWorker({
    ...backends,
    ...parts,
    provider: providerOf(config.provider),
    clock: systemClock,
    ids: nodeCryptoIds,
    lookups: historyLookups(backends.history, backends.progress),
    random: Math.random,
    workerId: `${backends.instanceId}-${nodeCryptoIds.unique()}`,
    group: `${config.prefix}.workers`,
    settings: { ...config.worker, maxProcessingPerPartition, maxProcessingPerConversation },
  });
  worker.ended.catch(onFault);
  return worker;
}

function providerOf(config: ProviderConfig): Provider {
  if (config.kind === 'simulated') return simulatedProvider({ ...config, clock: systemClock });
  const { apiKey, systemPrompt, ...settings } = config;
  return openAiProvider({
    ...settings,
    clock: systemClock,
    ...(apiKey === '' ? {} : { apiKey }),
    ...(systemPrompt === '' ? {} : { systemPrompt }),
  });
}
