/**
 * Makes the bundled sound and picture of the simulated provider, and the media that tests send, from nothing but the code below:
 *
 *     node src/tooling/make-samples.ts
 *
 * The encoders are wanted once in a blue moon, so they are no dependencies of the project: they are installed for the run, in these versions,
 * into a temporary folder. The same versions give the same bytes.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';

const encoders = ['wasm-media-encoders@0.7.0', 'jpeg-js@0.4.4', 'h264-mp4-encoder@1.0.12'] as const;

const simulated = fileURLToPath(new URL('../adapters/simulated/samples/', import.meta.url));
const tests = fileURLToPath(new URL('../testing/samples/', import.meta.url));

interface Sound {
  readonly samplesPerSecond: number;
  /** −1 … 1, one channel. */
  readonly samples: Float32Array;
}

interface Picture {
  readonly width: number;
  readonly height: number;
  /** Four bytes for each pixel, row by row. */
  readonly rgba: Uint8Array;
}

/** One stroke of a bell: when it begins, how high, how loud. */
interface Stroke {
  readonly atSeconds: number;
  readonly hertz: number;
  readonly loudness: number;
}

/** C, E, G and the C above: everybody has heard it at a door or an airport. */
const chime: readonly Stroke[] = [
  { atSeconds: 0, hertz: 523.25, loudness: 0.8 },
  { atSeconds: 0.22, hertz: 659.26, loudness: 0.8 },
  { atSeconds: 0.44, hertz: 783.99, loudness: 0.8 },
  { atSeconds: 0.7, hertz: 1_046.5, loudness: 1 },
];

/** Of a bell: how high above the stroke, how loud beside it, and how fast it dies away. */
const partials = [
  { ratio: 1, share: 0.62, decayPerSecond: 3.2 },
  { ratio: 2, share: 0.22, decayPerSecond: 5 },
  { ratio: 3.01, share: 0.1, decayPerSecond: 8 },
  { ratio: 4.17, share: 0.06, decayPerSecond: 12 },
] as const;

function bell({ hertz, loudness }: Stroke, seconds: number): number {
  if (seconds < 0) return 0;
  // Five milliseconds to full loudness: a stroke without them clicks.
  const attack = Math.min(1, seconds / 0.005);
  return partials.reduce(
    (sum, { ratio, share, decayPerSecond }) =>
      sum +
      loudness * attack * share * Math.exp(-decayPerSecond * seconds) * Math.sin(2 * Math.PI * hertz * ratio * seconds),
    0,
  );
}

function ring(strokes: readonly Stroke[], lengthSeconds: number, samplesPerSecond: number): Sound {
  const samples = Float32Array.from({ length: Math.round(lengthSeconds * samplesPerSecond) }, (_, index) => {
    const seconds = index / samplesPerSecond;
    const fade = Math.min(1, (lengthSeconds - seconds) / 0.15);
    return 0.45 * fade * strokes.reduce((sum, stroke) => sum + bell(stroke, seconds - stroke.atSeconds), 0);
  });
  return { samplesPerSecond, samples };
}

type Colour = readonly [number, number, number];

const mix = (a: Colour, b: Colour, share: number): Colour => [
  a[0] + (b[0] - a[0]) * share,
  a[1] + (b[1] - a[1]) * share,
  a[2] + (b[2] - a[2]) * share,
];
const within = (value: number): number => Math.min(1, Math.max(0, value));

/** Ridges from far to near: how high on the picture, how wild, and their colour. */
const ridges = [
  { height: 0.6, swing: 0.05, waves: 5, shift: 0.4, colour: [122, 104, 150] },
  { height: 0.72, swing: 0.06, waves: 3.2, shift: 2.1, colour: [78, 78, 120] },
  { height: 0.86, swing: 0.05, waves: 2.3, shift: 4.2, colour: [38, 50, 82] },
] as const;

/** Hills before a low sun; `x`, `y` and `sun` (its place from left to right) from 0 to 1, `soft`: the size of a pixel. */
function landscapeAt(x: number, y: number, sun: number, soft: number): Colour {
  const sunAway = Math.hypot((x - sun) * 1.5, y - 0.42);
  let colour = mix([66, 92, 158], [255, 196, 140], within(y / 0.7));
  colour = mix(colour, [255, 226, 170], 0.7 * Math.exp(-7 * sunAway));
  colour = mix(colour, [255, 244, 214], within((0.1 - sunAway) / soft + 0.5));
  for (const { height, swing, waves, shift, colour: ridge } of ridges) {
    const top =
      height + swing * (Math.sin(waves * x * 2 + shift) + 0.4 * Math.sin(waves * x * 5.3 + shift * 2)) - swing / 2;
    const haze = mix(ridge, [255, 196, 140], 0.25 * within(1 - (y - top) * 6));
    colour = mix(colour, haze, within((y - top) / soft + 0.5));
  }
  return colour;
}

function paint(width: number, height: number, sun: number): Picture {
  const rgba = new Uint8Array(width * height * 4);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const colour = landscapeAt((column + 0.5) / width, (row + 0.5) / height, sun, 1 / height);
      rgba.set([...colour.map(Math.round), 255], (row * width + column) * 4);
    }
  }
  return { width, height, rgba };
}

/** WAV: a RIFF header and 16-bit samples. */
function wav({ samples, samplesPerSecond }: Sound): Uint8Array {
  const data = Buffer.alloc(samples.length * 2);
  for (const [index, sample] of samples.entries()) data.writeInt16LE(Math.round(sample * 32_767), index * 2);
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + data.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20); // PCM
  header.writeUInt16LE(1, 22); // one channel
  header.writeUInt32LE(samplesPerSecond, 24);
  header.writeUInt32LE(samplesPerSecond * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}

function pngChunk(type: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

function png({ width, height, rgba }: Picture): Uint8Array {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 6], 8); // bits per channel, RGBA
  // Each row begins with its filter: 0, none.
  const rows = Array.from({ length: height }, (_, row) => [
    Buffer.of(0),
    rgba.subarray(row * width * 4, (row + 1) * width * 4),
  ]);
  return Buffer.concat([
    Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    pngChunk('IHDR', head),
    pngChunk('IDAT', deflateSync(Buffer.concat(rows.flat()), { level: 9 })),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** What of the encoders is used. */
interface Mp3Encoder {
  configure(options: { sampleRate: number; channels: 1; bitrate: number }): void;
  encode(channels: readonly Float32Array[]): Uint8Array;
  finalize(): Uint8Array;
}
interface H264Encoder {
  width: number;
  height: number;
  frameRate: number;
  quantizationParameter: number;
  outputFilename: string;
  readonly FS: { readFile(name: string): Uint8Array };
  initialize(): void;
  addFrameRgba(rgba: Uint8Array): void;
  finalize(): void;
  delete(): void;
}
interface Encoders {
  readonly mp3: () => Promise<Mp3Encoder>;
  readonly jpeg: (
    picture: { width: number; height: number; data: Uint8Array },
    quality: number,
  ) => { data: Uint8Array };
  readonly h264: () => Promise<H264Encoder>;
}

async function loadEncoders(folder: string): Promise<Encoders> {
  execFileSync('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', ...encoders]);
  const { resolve } = createRequire(pathToFileURL(join(folder, 'package.json')));
  const load = (name: string) => import(pathToFileURL(resolve(name)).href);
  const { createMp3Encoder } = await load('wasm-media-encoders');
  const { default: jpegJs } = await load('jpeg-js');
  const { default: h264Mp4 } = await load('h264-mp4-encoder');
  return { mp3: createMp3Encoder, jpeg: jpegJs.encode, h264: h264Mp4.createH264MP4Encoder };
}

async function mp3({ mp3: create }: Encoders, sound: Sound, kilobitsPerSecond: number): Promise<Uint8Array> {
  const encoder = await create();
  encoder.configure({ sampleRate: sound.samplesPerSecond, channels: 1, bitrate: kilobitsPerSecond });
  // Its results are views of memory that the next call writes over.
  const body = Buffer.from(encoder.encode([sound.samples]));
  return Buffer.concat([body, encoder.finalize()]);
}

function jpeg({ jpeg: encode }: Encoders, { width, height, rgba }: Picture, quality: number): Uint8Array {
  return encode({ width, height, data: rgba }, quality).data;
}

/** The encoder writes the time of day into three of the boxes: creation and modification, behind type, version and flags. */
function withoutTimes(bytes: Buffer): Uint8Array {
  for (const box of ['mvhd', 'tkhd', 'mdhd']) {
    const at = bytes.indexOf(box, 0, 'latin1') + 8;
    bytes.fill(0, at, at + 8);
  }
  return bytes;
}

async function mp4({ h264 }: Encoders, frames: readonly Picture[], frameRate: number): Promise<Uint8Array> {
  const encoder = await h264();
  const [{ width, height } = { width: 0, height: 0 }] = frames;
  Object.assign(encoder, { width, height, frameRate, quantizationParameter: 30 });
  encoder.initialize();
  for (const { rgba } of frames) encoder.addFrameRgba(rgba);
  encoder.finalize();
  const bytes = Buffer.from(encoder.FS.readFile(encoder.outputFilename));
  encoder.delete();
  return withoutTimes(bytes);
}

function write(folder: string, name: string, bytes: Uint8Array): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), bytes);
  console.info(`${join(folder, name)}: ${bytes.length} bytes`);
}

async function makeSamples(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-encoders-'));
  try {
    const made = await loadEncoders(folder);
    write(simulated, 'voice.mp3', await mp3(made, ring(chime, 2.2, 44_100), 64));
    write(simulated, 'picture.jpg', jpeg(made, paint(480, 320, 0.68), 82));
    const short = ring(
      chime.slice(3).map((stroke) => ({ ...stroke, atSeconds: 0 })),
      0.4,
      16_000,
    );
    write(tests, 'voice.mp3', await mp3(made, short, 32));
    write(tests, 'voice.wav', wav(short));
    const small = paint(96, 64, 0.5);
    write(tests, 'picture.jpg', jpeg(made, small, 75));
    write(tests, 'picture.png', png(small));
    const rising = Array.from({ length: 10 }, (_, frame) => paint(96, 64, frame / 10));
    write(tests, 'clip.mp4', await mp4(made, rising, 10));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

await makeSamples();
