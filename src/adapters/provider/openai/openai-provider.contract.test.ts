import { systemClock } from '../../../adapters/clock/system/system-clock.ts';
import { type ProviderSubject, providerContract } from '../../../ports/contracts/provider.contract.ts';
import { echoAnswer } from '../../../testing/openai-test-answers.ts';
import { startOpenAiTestServer } from '../../../testing/openai-test-server.ts';
import { openAiProvider } from './openai-provider.ts';

async function subject(): Promise<ProviderSubject> {
  const servers = new AsyncDisposableStack();
  const talking = servers.use(await startOpenAiTestServer());
  const stalling = servers.use(await startOpenAiTestServer({ script: { kind: 'stall', pieces: ['Well, '] } }));
  const silent = servers.use(await startOpenAiTestServer({ script: { kind: 'stall' } }));
  const generating = servers.use(await startOpenAiTestServer());
  generating.followMedia({ speech: { kind: 'stall' } });
  const settings = {
    model: 'test-model',
    maxContextTokens: 1_000,
    transcriptionModel: 'test-ear',
    speechModel: 'test-mouth',
    speechVoice: 'alto',
    imageModel: 'test-brush',
    clock: systemClock,
  };
  return {
    provider: openAiProvider({ ...settings, baseUrl: talking.baseUrl }),
    model: 'test-model',
    expected: async (request) => echoAnswer(request.text).pieces.join(''),
    stalling: openAiProvider({ ...settings, baseUrl: stalling.baseUrl }),
    silent: openAiProvider({ ...settings, baseUrl: silent.baseUrl }),
    generating: openAiProvider({ ...settings, baseUrl: generating.baseUrl }),
    async [Symbol.asyncDispose]() {
      await servers.disposeAsync();
    },
  };
}

providerContract('openai', subject);
