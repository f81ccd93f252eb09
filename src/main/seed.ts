import { readFile } from 'node:fs/promises';
import { nodeCryptoIds } from '../adapters/node/node-crypto-ids.ts';
import { systemClock } from '../adapters/node/system-clock.ts';
import { pinoLogger } from '../adapters/pino/pino-logger.ts';
import { scryptHasher } from '../adapters/scrypt/scrypt-hasher.ts';
import { addUser } from '../app/accounts/users.ts';
import { ask, isYes } from '../cli/confirm.ts';
import type { Chat } from '../client/chat.ts';
import { Kind } from '../client/gen/chat/v1/content_pb.js';
import { grpc } from '../client/node/grpc.ts';
import type { OutgoingPart } from '../client/outbox.ts';
import { Parley } from '../client/parley.ts';
import type { Config } from '../config/config.ts';
import { loadEnvironment } from '../config/environment.ts';
import { readCommonPasswords } from './common-passwords.ts';
import type { Opening } from './opening.ts';
import { openingOf } from './opening-of.ts';
import { release } from './release.ts';
import { startServer } from './server.ts';

/** There is something already. */
class NotEmpty extends Error {
  override readonly name = 'NotEmpty';
}

const users = ['alice', 'bob', 'charlie'] as const;
type UserName = (typeof users)[number];

const password = 'only for trying out';

const samples = {
  voice: new URL('../adapters/simulated/samples/voice.mp3', import.meta.url),
  picture: new URL('../adapters/simulated/samples/picture.jpg', import.meta.url),
  video: new URL('samples/clip.mp4', import.meta.url),
};

const warning = `This makes the users ${users.join(', ')}, all with the password "${password}", and conversations of theirs.
It is for trying things out, never for a server that others can reach.
`;

/**
 * Fills an empty deployment with users and conversations of all kinds, said over gRPC to a server that runs meanwhile on a free port of
 * loopback. Rejects with NotEmpty, or DataDirLocked while a server runs on the data folder.
 */
export async function seed({ yes }: { readonly yes?: boolean }): Promise<void> {
  const config = loadEnvironment();
  const opening = await openingOf(config);
  if (!(await opening.isEmpty())) {
    throw new NotEmpty(`there are data in ${opening.place}; nothing was added (parley clean removes them)`);
  }
  process.stdout.write(warning);
  if (yes !== true && !isYes(await ask('Go on? (yes/no) '))) {
    process.exitCode = 1;
    process.stdout.write('Nothing was added.\n');
    return;
  }
  {
    using _lock = opening.lock();
    await makeUsers(opening);
  }
  const conversations = await talk(config);
  process.stdout.write(`${users.length} users and ${conversations} conversations are in ${opening.place}\n`);
}

/** Each user's client id is its name, so that the conversations are theirs with authentication off as well. */
async function makeUsers(opening: Opening): Promise<void> {
  await using store = await opening.accounts();
  const common = { store, clock: systemClock, hasher: scryptHasher(), commonPasswords: readCommonPasswords() };
  for (const userName of users) {
    const role = userName === 'alice' ? 'operator' : 'client';
    await addUser({ ...common, ids: { ...nodeCryptoIds, unique: () => userName } }, { userName, password, role });
  }
}

async function talk(config: Config): Promise<number> {
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const loopback = { host: '127.0.0.1', port: 0 };
  const server = await startServer({
    config: {
      ...config,
      roles: ['gateway', 'worker', 'projector'],
      grpcListen: loopback,
      httpListen: loopback,
      auth: { kind: 'none' },
      tls: undefined,
      provider: quickProvider,
    },
    logger: pinoLogger({ ...config.log, release, level: 'warn' }),
    onFault: failed.reject,
  });
  try {
    const media = await readSamples();
    const { grpcAddress = '' } = server;
    const conversations = users.map((user) => new TestSession(user, grpcAddress).talk(media));
    const counts = await Promise.race([Promise.all(conversations), failed.promise]);
    return counts.reduce((sum, count) => sum + count, 0);
  } finally {
    await server.stop();
  }
}

/** Answers at once, yet in pieces, so that one can be stopped between them, also on a busy machine. */
const quickProvider = {
  kind: 'simulated',
  textDelayMs: { min: 0, max: 0 },
  voiceDelayMs: { min: 0, max: 0 },
  videoDelayMs: { min: 0, max: 0 },
  pieces: 4,
  pieceIntervalMs: 200,
  seed: 1,
} as const;

type Samples = Readonly<Record<keyof typeof samples, OutgoingPart>>;

async function readSamples(): Promise<Samples> {
  const part = async (kind: Kind, contentType: string, file: URL) => mediaPart(kind, contentType, await readFile(file));
  return {
    voice: await part(Kind.VOICE, 'audio/mpeg', samples.voice),
    picture: await part(Kind.IMAGE, 'image/jpeg', samples.picture),
    video: await part(Kind.VIDEO, 'video/mp4', samples.video),
  };
}

function mediaPart(kind: Kind, contentType: string, bytes: Buffer): OutgoingPart {
  return { value: { case: 'media', value: { kind, contentType, inlineData: bytes } } };
}

function text(words: string): OutgoingPart {
  return { value: { case: 'text', value: words } };
}

/** One user, saying what is in the script. */
class TestSession {
  readonly #user: UserName;
  readonly #address: string;

  constructor(user: UserName, address: string) {
    this.#user = user;
    this.#address = address;
  }

  /** Resolves to the number of conversations. */
  async talk(media: Samples): Promise<number> {
    const script = scripts[this.#user](media);
    const wire = grpc({ address: this.#address });
    using parley = new Parley({ wire, clientId: this.#user, timeZone: 'Europe/Paris' });
    await using chat = await parley.chat();
    for (const [index, { title, says, stops }] of script.entries()) {
      if (index > 0) await chat.join();
      for (const parts of says) await (await chat.send(parts)).reply;
      if (stops !== undefined) await this.#sayAndStop(chat, stops);
      const { conversationId } = chat;
      if (title !== undefined) await parley.history.renameConversation({ conversationId, title });
    }
    return script.length;
  }

  async #sayAndStop(chat: Chat, words: string): Promise<void> {
    const grown = new Promise((resolve) => chat.once('replyGrown', resolve));
    const { reply } = chat.post(words);
    await grown;
    chat.stop();
    await reply;
  }
}

interface Scene {
  readonly says: readonly (readonly OutgoingPart[])[];
  /** Said last; its reply is stopped. */
  readonly stops?: string;
  readonly title?: string;
}

const scripts: Readonly<Record<UserName, (media: Samples) => readonly Scene[]>> = {
  alice: ({ voice, picture, video }) => [
    {
      title: 'A trip to the sea',
      says: [[text('Which train goes to the sea?')], [text('This is where I was last year.'), picture], [voice]],
    },
    { says: [[video], [text('Did you like the film?')]] },
    { says: [[text('Good morning! What day is it?')]], stops: 'Now tell me everything that you know about tides.' },
  ],
  bob: ({ voice, picture }) => [
    { says: [[text('Could you help me with a recipe?')], [text('How long does rice take?')]] },
    { says: [[voice], [picture]] },
  ],
  charlie: ({ video }) => [
    { title: 'First words', says: [[text('Hello')]] },
    { says: [[text('Look at this'), video]], stops: 'Describe it second by second, please.' },
  ],
};
