import { systemClock } from '../adapters/clock/system/system-clock.ts';
import { nodeCryptoIds } from '../adapters/ids/node-crypto/node-crypto-ids.ts';
import { openAiProvider } from '../adapters/provider/openai/openai-provider.ts';
import { simulatedProvider } from '../adapters/provider/simulated/simulated-provider.ts';
import type { Journal } from '../app/journal.ts';
import type { Config, ProviderConfig } from '../config/config.ts';
import type { HistoryProgress } from '../ports/history.ts';
import type { LiveBus } from '../ports/live-bus.ts';
import type { Provider } from '../ports/provider.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { WorkerDeps, WorkerMetrics } from '../workers/deps.ts';
import { type HistorySource, historyLookups } from '../workers/history-lookups.ts';
import { type RunningWorker, startWorker } from '../workers/worker.ts';

export interface WorkersOptions {
  readonly config: Config;
  readonly journal: Journal;
  readonly bus: LiveBus;
  readonly media: WorkerDeps['media'];
  readonly history: HistorySource;
  readonly progress: HistoryProgress;
  readonly logger: Logger;
  readonly metrics: WorkerMetrics;
  readonly onFault: (error: unknown) => void;
}

/** Starts the worker over all partitions, with the configured provider. */
export function startWorkers({ config, history, progress, onFault, ...parts }: WorkersOptions): RunningWorker {
  const { maxProcessingPerPartition, maxProcessingPerConversation } = config.limits;
  const worker = startWorker({
    ...parts,
    provider: providerOf(config.provider),
    clock: systemClock,
    ids: nodeCryptoIds,
    lookups: historyLookups(history, progress),
    random: Math.random,
    workerId: `embedded-${nodeCryptoIds.unique()}`,
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
