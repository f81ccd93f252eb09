import { readFileSync } from 'node:fs';
import { portOf } from '../attacks/target.ts';
import { dial, type Session } from '../black-box-client.ts';
import { CallRefused, call, clientOf, type Dynamic, type DynamicClient, hangUp } from '../contract.ts';
import { inlinePart, picture, type Sample, sha256, video, voice } from '../media-samples.ts';
import type { ParleyServer } from '../server.ts';
import { rawExchange } from './raw-exchange.ts';
import { recordedClient } from './recorded-talk.ts';
import { type FuzzInput, type FuzzInputs, type FuzzTarget, oneOf } from './target.ts';
import { webAnswer } from './web-target.ts';

const samples: readonly Sample[] = [
  voice,
  video,
  picture,
  { ...voice, contentType: 'audio/wav', bytes: readFileSync(new URL('../samples/voice.wav', import.meta.url)) },
  { ...picture, contentType: 'image/jpeg', bytes: readFileSync(new URL('../samples/picture.jpg', import.meta.url)) },
];

/** The request of an upload, as its reservation asks for it. */
function putRequest({ uploadUrl, uploadHeaders }: Dynamic, body: Buffer): Buffer {
  const { host, pathname, search } = new URL(uploadUrl);
  const headers = Object.entries({ host, connection: 'close', ...uploadHeaders, 'content-length': body.length });
  const lines = [`PUT ${pathname}${search} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${String(value)}`)];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

/** Media that are mutated before they are described and sent, inline and by uploads, and uploads whose whole requests are mutated. */
class Uploads implements FuzzInputs {
  readonly #address: string;
  readonly #port: number;
  readonly #chat: DynamicClient;
  readonly #media: DynamicClient;
  readonly #requests = new Map<Sample, Buffer>();
  #session: Session | undefined;
  #opening: Promise<Dynamic> | undefined;
  #made = 0;

  constructor({ address, httpAddress }: ParleyServer) {
    this.#address = address;
    this.#port = portOf(httpAddress);
    this.#chat = clientOf('chat.v1.ChatService', address);
    this.#media = clientOf('chat.v1.MediaService', address);
  }

  /** Reserves room for each sample once, so that there are requests that would be taken as they are. */
  async reserveAll(): Promise<void> {
    for (const sample of samples)
      this.#requests.set(sample, putRequest(await this.#reserve(sample, recordedClient), sample.bytes));
  }

  next(random: () => number): FuzzInput {
    const sample = oneOf(random, samples);
    const way = oneOf(random, ['inline', 'upload', 'request'] as const);
    this.#made += 1;
    const number = this.#made;
    const bytes = way === 'request' ? this.#requests.get(sample) : sample.bytes;
    return {
      bytes: bytes ?? Buffer.alloc(0),
      send: (mutated) => {
        if (way === 'request') return this.#damaged(mutated);
        const media = { ...sample, bytes: mutated };
        return way === 'inline' ? this.#inline(media, number) : this.#uploaded(media, number);
      },
    };
  }

  async #inline(sample: Sample, number: number): Promise<string> {
    return `inline: ${await this.#say(inlinePart(sample), number)}`;
  }

  async #uploaded(sample: Sample, number: number): Promise<string> {
    let reserved: Dynamic;
    try {
      reserved = await this.#reserve(sample, recordedClient);
    } catch (error) {
      return `reserved: ${refusalIn(error)}`;
    }
    const { received, ended } = await rawExchange(this.#port, putRequest(reserved, sample.bytes));
    const put = webAnswer(received, ended);
    const part = inlinePart(sample, { inlineData: undefined, mediaId: reserved.mediaId });
    return `put: ${put}, ${await this.#say(part, number)}`;
  }

  #reserve({ kind, contentType, bytes }: Sample, clientId: string): Promise<Dynamic> {
    const described = { kind, contentType, sizeBytes: bytes.length, sha256: sha256(bytes) };
    return call(this.#media, 'CreateUpload', { ...described, clientId });
  }

  async #damaged(request: Buffer): Promise<string> {
    const { received, ended } = await rawExchange(this.#port, request);
    return `request: ${webAnswer(received, ended)}`;
  }

  async #say(part: object, number: number): Promise<string> {
    const sessionId = await this.#sessionId();
    const message = { clientMessageId: `media-${number}`, parts: [part] };
    try {
      await call(this.#chat, 'Send', { sessionId, message });
      return 'accepted';
    } catch (error) {
      return refusalIn(error);
    }
  }

  async #sessionId(): Promise<string> {
    if (this.#session === undefined || this.#session.isOver) {
      this.#session = dial(
        { address: this.#address, shape: 'split', client: this.#chat },
        { clientId: recordedClient },
      );
      this.#opening = this.#session.welcome();
    }
    return (await this.#opening)?.sessionId ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session?.drop();
    await this.#session?.ended;
    hangUp(this.#chat);
    hangUp(this.#media);
  }
}

/** Why a call was refused. Throws what is no refusal. */
function refusalIn(error: unknown): string {
  if (!(error instanceof CallRefused)) throw error;
  return error.reason === '' ? error.code : error.reason;
}

/** Media of each kind: their bytes, and the requests that bring them. */
export async function mediaTarget(): Promise<FuzzTarget> {
  return {
    settings: { PARLEY_WRITES_PER_CLIENT_PER_MINUTE: '1000000' },
    async inputs(server) {
      const uploads = new Uploads(server);
      await uploads.reserveAll();
      return uploads;
    },
    async [Symbol.asyncDispose]() {},
  };
}
