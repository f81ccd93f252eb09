import { hour, minute, type Setting } from './setting.ts';
import { boolean, httpUrl, integer, integerOr, oneOf, rangeMs, text } from './value-types.ts';

/** Settings of the provider. */
export const providerSettings = {
  PARLEY_PROVIDER: {
    type: oneOf('simulated', 'openai'),
    default: 'simulated',
    description: 'The model: an offline simulation, or a server with OpenAI-compatible chat completions (streaming).',
  },
  PARLEY_SIMULATED_TEXT_DELAY_MS: {
    type: rangeMs(hour),
    default: '0-1000',
    description: 'Delay of the simulated provider for a text.',
  },
  PARLEY_SIMULATED_VOICE_DELAY_MS: {
    type: rangeMs(hour),
    default: '1000-2000',
    description: 'Its delay for a voice message.',
  },
  PARLEY_SIMULATED_VIDEO_DELAY_MS: {
    type: rangeMs(hour),
    default: '2000-3000',
    description: 'Its delay for a video.',
  },
  PARLEY_SIMULATED_PIECES: {
    type: integer(0, 10_000, 'pieces'),
    default: '8',
    description: 'Pieces of its reply; 0: not streamed.',
  },
  PARLEY_SIMULATED_PIECE_INTERVAL_MS: {
    type: integer(0, minute, 'milliseconds'),
    default: '60',
    description: 'Interval between its pieces.',
  },
  PARLEY_SIMULATED_SEED: {
    type: integerOr(0, 4_294_967_295, 'random'),
    default: '1',
    description:
      'The same seed gives the same delays and replies to the same messages, so that any worker can continue a reply. `random`: a new one at each start.',
  },
  PARLEY_OPENAI_BASE_URL: {
    type: httpUrl,
    default: '',
    description: 'Base URL, without `/chat/completions`, e.g. `http://127.0.0.1:11434/v1`. Required by `openai`.',
  },
  PARLEY_OPENAI_API_KEY: {
    type: text('a key', 2_000),
    default: '',
    description: 'Bearer token. Default: none is sent.',
    secret: true,
    usedBy: ['worker'],
  },
  PARLEY_OPENAI_MODEL: {
    type: text('a model', 200),
    default: '',
    description: "The model's name at that server. Required by `openai`.",
  },
  PARLEY_OPENAI_MAX_CONTEXT_TOKENS: {
    type: integer(256, 10_000_000, 'tokens'),
    default: '8000',
    description: 'Token budget of the conversation in a request, newest messages first, by estimate.',
  },
  PARLEY_OPENAI_MAX_OUTPUT_TOKENS: {
    type: integer(64, 10_000_000, 'tokens'),
    default: '4096',
    description:
      'Longest reply to a message that a budget of tokens or cost counts: so much is reserved for it, and the server is asked to keep to it.',
  },
  PARLEY_OPENAI_SYSTEM_PROMPT: {
    type: text('a text', 32_000),
    default: '',
    description: 'System prompt.',
  },
  PARLEY_OPENAI_CONTINUES: {
    type: boolean,
    default: 'false',
    description:
      'The server continues a reply whose beginning is the last message of the request (vLLM, llama.cpp): a worker that takes over requests the rest of the reply. Otherwise it requests a new reply.',
  },
  PARLEY_OPENAI_VISION: {
    type: boolean,
    default: 'false',
    description: 'The model accepts images: pictures are sent as image parts.',
  },
  PARLEY_OPENAI_TRANSCRIPTION_MODEL: {
    type: text('a model', 200),
    default: '',
    description:
      'Model for `/audio/transcriptions` of voice and videos. Default: the model gets only a note that there was audio.',
  },
  PARLEY_OPENAI_SPEECH_MODEL: {
    type: text('a model', 200),
    default: '',
    description: 'Model for `/audio/speech` of replies to voice and video. Default: no voice.',
  },
  PARLEY_OPENAI_SPEECH_VOICE: {
    type: text('a voice', 200),
    default: 'alloy',
    description: 'Voice of that model.',
  },
  PARLEY_OPENAI_IMAGE_MODEL: {
    type: text('a model', 200),
    default: '',
    description: 'Model for `/images/generations` of replies to video. Default: no picture.',
  },
  PARLEY_PROVIDER_MEDIA_TIMEOUT_MS: {
    type: integer(10, hour, 'milliseconds'),
    default: '120000',
    description: 'Timeout of each transcription, and of each voice or picture of a reply.',
  },
  PARLEY_PROVIDER_FIRST_PIECE_TIMEOUT_MS: {
    type: integer(10, hour, 'milliseconds'),
    default: '30000',
    description: 'Timeout from a call to its first piece.',
  },
  PARLEY_PROVIDER_PIECE_TIMEOUT_MS: {
    type: integer(10, hour, 'milliseconds'),
    default: '15000',
    description: 'Timeout from one piece to the next.',
  },
} as const satisfies Record<string, Setting<unknown>>;
