import { type ProviderSubject, piecesOfReply, providerContract } from '../../ports/contracts/provider.contract.ts';
import { systemClock } from '../node/system-clock.ts';
import { type SimulatedProviderSettings, simulatedProvider } from './simulated-provider.ts';

const settings: SimulatedProviderSettings = {
  textDelayMs: { min: 0, max: 5 },
  voiceDelayMs: { min: 0, max: 5 },
  videoDelayMs: { min: 0, max: 5 },
  pieces: 8,
  pieceIntervalMs: 0,
  seed: 11,
  clock: systemClock,
};

const hourMs = 3_600_000;

async function subject(): Promise<ProviderSubject> {
  const whole = simulatedProvider({ ...settings, pieces: 0, textDelayMs: { min: 0, max: 0 } });
  return {
    provider: simulatedProvider(settings),
    model: 'simulated',
    expected: async (request) => (await piecesOfReply(whole, request)).join(''),
    stalling: simulatedProvider({ ...settings, pieceIntervalMs: hourMs }),
    generating: simulatedProvider(settings),
    silent: simulatedProvider({ ...settings, textDelayMs: { min: hourMs, max: hourMs } }),
    async [Symbol.asyncDispose]() {},
  };
}

providerContract('simulated', subject);
