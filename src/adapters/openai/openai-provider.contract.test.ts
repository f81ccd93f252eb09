import { type ProviderSubject, providerContract } from '../../ports/contracts/provider.contract.ts';
import { echoAnswer, type TestAnswer } from '../../testing/openai-test-answers.ts';
import { type RecordedChatRequest, startOpenAiTestServer } from '../../testing/openai-test-server.ts';
import { systemClock } from '../node/system-clock.ts';
import { openAiProvider } from './openai-provider.ts';

/** What the server says to the newest message of the user, or what follows the beginning that the model is shown as its own. */
function goingOn({ body, text }: RecordedChatRequest): TestAnswer {
  const last = body.messages.at(-1);
  const asked = body.messages.findLast(({ role }) => role === 'user')?.content;
  if (last?.role !== 'assistant' || typeof asked !== 'string') return echoAnswer(text);
  const whole = echoAnswer(asked).pieces.join('');
  if (!whole.startsWith(text)) return { kind: 'status', status: 400 };
  return { kind: 'reply', pieces: [whole.slice(text.length)].filter((piece) => piece !== '') };
}

async function subject(): Promise<ProviderSubject> {
  const servers = new AsyncDisposableStack();
  const talking = servers.use(await startOpenAiTestServer({ script: goingOn }));
  const stalling = servers.use(await startOpenAiTestServer({ script: { kind: 'stall', pieces: ['Well, '] } }));
  const silent = servers.use(await startOpenAiTestServer({ script: { kind: 'stall' } }));
  const generating = servers.use(await startOpenAiTestServer());
  generating.followMedia({ speech: { kind: 'stall' } });
  const settings = {
    model: 'test-model',
    maxContextTokens: 1_000,
    maxOutputTokens: 500,
    transcriptionModel: 'test-ear',
    speechModel: 'test-mouth',
    speechVoice: 'alto',
    imageModel: 'test-brush',
    continues: true,
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
