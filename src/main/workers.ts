import { systemClock } from '../adapters/node/system-clock.ts';
import { openAiProvider } from '../adapters/openai/openai-provider.ts';
import { simulatedProvider } from '../adapters/simulated/simulated-provider.ts';
import type { Following } from '../app/following/following.ts';
import type { SpendingBook } from '../app/spending/spending-book.ts';
import type { Config, ProviderConfig } from '../config/config.ts';
import type { Provider } from '../ports/provider.ts';
import type { WorkerMetrics } from '../workers/deps.ts';
import type { RunningWorker } from '../workers/worker.ts';
import { type PartsOptions, startWorkerOf } from './composition.ts';

export interface WorkersOptions extends PartsOptions {
  readonly config: Config;
  readonly metrics: WorkerMetrics;
  /** What the gateway of this process follows; undefined without one. */
  readonly following: Following | undefined;
  readonly spendingBook: SpendingBook;
  readonly provider: Provider;
  readonly onFault: (error: unknown) => void;
}

/** Starts the worker. */
export function startWorkers({ onFault, ...options }: WorkersOptions): RunningWorker {
  const worker = startWorkerOf({ ...options, random: Math.random });
  worker.ended.catch(onFault);
  return worker;
}

/** The configured provider. Gateways have it, too: they reserve what its replies may use. */
export function providerOf(config: ProviderConfig): Provider {
  if (config.kind === 'simulated') return simulatedProvider({ ...config, clock: systemClock });
  const { apiKey, systemPrompt, ...settings } = config;
  return openAiProvider({
    ...settings,
    clock: systemClock,
    ...(apiKey === '' ? {} : { apiKey }),
    ...(systemPrompt === '' ? {} : { systemPrompt }),
  });
}
