import { hour, minute, type Setting } from './setting.ts';
import { boolean, httpUrl, integer, integerOr, oneOf, rangeMs, text } from './value-types.ts';

/** Who answers, and how. */
export const providerSettings = {
  PARLEY_PROVIDER: {
    type: oneOf('simulated', 'openai'),
    default: 'simulated',
    description: 'Who answers: an offline stand-in, or any server with the OpenAI chat-completions stream.',
  },
  PARLEY_SIMULATED_TEXT_DELAY_MS: {
    type: rangeMs(hour),
    default: '0-1000',
    description: 'How long the simulated provider thinks about a text.',
  },
  PARLEY_SIMULATED_VOICE_DELAY_MS: {
    type: rangeMs(hour),
    default: '1000-2000',
    description: 'How long it thinks about a voice message.',
  },
  PARLEY_SIMULATED_VIDEO_DELAY_MS: {
    type: rangeMs(hour),
    default: '2000-3000',
    description: 'How long it thinks about a video.',
  },
  PARLEY_SIMULATED_PIECES: {
    type: integer(0, 10_000, 'pieces'),
    default: '8',
    description: 'Pieces that its reply comes in; 0: whole, at once.',
  },
  PARLEY_SIMULATED_PIECE_INTERVAL_MS: {
    type: integer(0, minute, 'milliseconds'),
    default: '60',
    description: 'The time between its pieces: by default as a reader can see that they come one by one.',
  },
  PARLEY_SIMULATED_SEED: {
    type: integerOr(0, 4_294_967_295, 'random'),
    default: '1',
    description:
      'The same seed gives the same delays and answers to the same messages, and so every worker can go on with a reply that another began. `random`: another one at each start.',
  },
  PARLEY_OPENAI_BASE_URL: {
    type: httpUrl,
    default: '',
    description: 'Up to and without `/chat/completions`, e.g. `http://127.0.0.1:11434/v1`. Required by `openai`.',
  },
  PARLEY_OPENAI_API_KEY: {
    type: text('a key', 2_000),
    default: '',
    description: 'Sent as a bearer token; none is sent without it.',
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
    description: 'Tokens of the conversation sent along, newest first, counted by estimate.',
  },
  PARLEY_OPENAI_SYSTEM_PROMPT: {
    type: text('a text', 32_000),
    default: '',
    description: 'Sent before the conversation.',
  },
  PARLEY_OPENAI_CONTINUES: {
    type: boolean,
    default: 'false',
    description:
      'The server goes on with a reply whose beginning stands last in the request (vLLM, llama.cpp): the worker that takes over from a lost one asks for the rest of the reply. Else it asks for another reply.',
  },
  PARLEY_OPENAI_VISION: {
    type: boolean,
    default: 'false',
    description: 'The model takes pictures: they are sent to it as image parts.',
  },
  PARLEY_OPENAI_TRANSCRIPTION_MODEL: {
    type: text('a model', 200),
    default: '',
    description:
      'Turns voice and the sound of videos into text, at `/audio/transcriptions`; without it the model is told only that there was some.',
  },
  PARLEY_OPENAI_SPEECH_MODEL: {
    type: text('a model', 200),
    default: '',
    description: 'Speaks replies to voice and video, at `/audio/speech`; without it they have no voice.',
  },
  PARLEY_OPENAI_SPEECH_VOICE: {
    type: text('a voice', 200),
    default: 'alloy',
    description: 'The voice that it speaks with.',
  },
  PARLEY_OPENAI_IMAGE_MODEL: {
    type: text('a model', 200),
    default: '',
    description: 'Paints the picture of replies to video, at `/images/generations`; without it they have none.',
  },
  PARLEY_PROVIDER_MEDIA_TIMEOUT_MS: {
    type: integer(10, hour, 'milliseconds'),
    default: '120000',
    description: 'For each voice or picture of a reply, and for listening to what was sent.',
  },
  PARLEY_PROVIDER_FIRST_PIECE_TIMEOUT_MS: {
    type: integer(10, hour, 'milliseconds'),
    default: '30000',
    description: 'From a call to the provider to its first piece.',
  },
  PARLEY_PROVIDER_PIECE_TIMEOUT_MS: {
    type: integer(10, hour, 'milliseconds'),
    default: '15000',
    description: 'From one piece to the next.',
  },
} as const satisfies Record<string, Setting<unknown>>;
