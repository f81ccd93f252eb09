import { createHash } from 'node:crypto';
import type { CreateUploadResponse } from '../../gen/chat/v1/media_service.ts';
import { type Sample, sampleMedia, wireKinds } from '../network/samples.ts';
import { CallFailed } from '../network/unary.ts';
import { Random } from '../world/random.ts';
import type { Upload, UploadPlan } from '../world/upload.ts';
import type { World } from '../world/world.ts';
import type { Connection } from './connection.ts';

/** Most are as they should be. */
const plans: readonly UploadPlan[] = [
  'right',
  'right',
  'right',
  'right',
  'never',
  'late',
  'twice',
  'wrong',
  'mistyped',
];

/** The uploads of one client, begun in the background. */
export class Uploads {
  readonly #world: World;
  readonly #clientId: string;
  readonly #random: Random;
  #count = 0;

  constructor(world: World, clientId: string) {
    this.#world = world;
    this.#clientId = clientId;
    this.#random = new Random(world.scenario.seed, `uploads/${clientId}`);
  }

  /** Asks for a URL and does with it what the plan says. */
  async begin(connection: Connection): Promise<void> {
    this.#count += 1;
    const plan = this.#random.pick(plans);
    const sample = this.#random.pick(Object.values(sampleMedia))(`${this.#clientId}/${this.#count}`);
    const described = plan === 'mistyped' ? ({ ...sample, kind: 'image', contentType: 'image/gif' } as const) : sample;
    const target = await this.#create(connection, described);
    if (target === undefined) return;
    const upload: Upload = { mediaId: target.mediaId, ownerId: this.#clientId, plan, storedMs: undefined };
    this.#world.uploads.push(upload);
    this.#note(`may upload ${upload.mediaId}, ${plan}`);
    if (plan !== 'never') this.#putLater(upload, target, sample);
  }

  /** An object to name: mostly one of its own, or somebody else's, or one that never was; undefined: there is none yet. */
  any(): string | undefined {
    const { uploads } = this.#world;
    if (this.#random.chance(0.05)) return this.#random.pick(['20260105-never', 'nonsense', '../20260105-x']);
    const isOwn = ({ ownerId }: Upload) => ownerId === this.#clientId;
    const choice = this.#random.chance(0.9) ? uploads.filter(isOwn) : uploads;
    // Lately begun ones are named more often: older ones are swept.
    const recent = this.#random.chance(0.7) ? choice.slice(-3) : choice;
    return recent.length === 0 ? undefined : this.#random.pick(recent).mediaId;
  }

  /** Whether a message that was first said then, and is refused now, named what must be taken. */
  isDue(mediaId: string, saidMs: number): boolean {
    const upload = this.#world.uploads.find((one) => one.mediaId === mediaId);
    if (upload?.ownerId !== this.#clientId || upload.plan === 'mistyped') return false;
    if (upload.storedMs === undefined || upload.storedMs >= saidMs) return false;
    const { uploadLifetimeMs } = this.#world.scenario.config.media;
    return this.#world.media.find(mediaId) !== undefined && this.#world.nowMs < upload.storedMs + uploadLifetimeMs;
  }

  async #create(
    connection: Connection,
    { kind, contentType, bytes }: Sample,
  ): Promise<CreateUploadResponse | undefined> {
    const sha256 = createHash('sha256').update(bytes).digest();
    const sizeBytes = BigInt(bytes.length);
    const request = { kind: wireKinds[kind], contentType, sizeBytes, sha256, clientId: this.#clientId };
    try {
      return await connection.call<CreateUploadResponse>(({ media }) => media.createUpload, request);
    } catch (error) {
      if (error instanceof CallFailed) return undefined;
      throw error;
    }
  }

  #putLater(upload: Upload, target: CreateUploadResponse, { bytes }: Sample): void {
    const { uploadLifetimeMs } = this.#world.scenario.config.media;
    const lateMs = upload.plan === 'late' ? uploadLifetimeMs : 0;
    const delayMs = lateMs + this.#random.logarithmic(1, 10_000);
    const sent = upload.plan === 'wrong' ? bytes.toReversed() : bytes;
    this.#world.scheduler.after(delayMs, () => this.#put(upload, target, sent));
    if (upload.plan === 'twice') this.#world.scheduler.after(2 * delayMs, () => this.#put(upload, target, sent));
  }

  #put(upload: Upload, { uploadUrl, uploadHeaders, expireTime }: CreateUploadResponse, bytes: Uint8Array): void {
    const { media, nowMs } = this.#world;
    const headers = [...uploadHeaders].map(([name, value]): [string, string] => [name.toLowerCase(), value]);
    const { status } = media.upload(uploadUrl, Object.fromEntries(headers), bytes);
    this.#note(`uploads ${upload.mediaId}: ${status}`);
    const isStored = status === 201 || status === 200;
    const mustBe = upload.plan !== 'wrong' && nowMs < (expireTime?.getTime() ?? 0);
    if (isStored !== mustBe)
      this.#world.find('upload-refused', `${this.#clientId}: ${upload.mediaId} (${upload.plan}) is answered ${status}`);
    if (isStored) upload.storedMs ??= nowMs;
  }

  #note(what: string): void {
    this.#world.trace.note(this.#clientId, what);
  }
}
