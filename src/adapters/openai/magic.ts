/** What a format's bytes begin with, in Latin-1; a dot stands for any byte. */
type Signature = readonly [contentType: string, beginning: RegExp];

const sounds: readonly Signature[] = [
  // ID3, or the first frame of layer III.
  ['audio/mpeg', /^(?:ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb])/s],
  ['audio/wav', /^RIFF....WAVE/s],
  ['audio/ogg', /^OggS/s],
];

const pictures: readonly Signature[] = [
  ['image/jpeg', /^\xff\xd8\xff/s],
  ['image/png', /^\x89PNG\r\n\x1a\n/s],
  ['image/webp', /^RIFF....WEBP/s],
];

/** The longest of the beginnings. */
const headBytes = 12;

function typeOf(bytes: Uint8Array, signatures: readonly Signature[]): string | undefined {
  const head = Buffer.from(bytes.subarray(0, headBytes)).toString('latin1');
  return signatures.find(([, beginning]) => beginning.test(head))?.[0];
}

/** The media type of a sound: MP3, WAV or OGG; undefined for anything else. */
export function soundTypeOf(bytes: Uint8Array): string | undefined {
  return typeOf(bytes, sounds);
}

/** The media type of a picture: JPEG, PNG or WebP; undefined for anything else. */
export function imageTypeOf(bytes: Uint8Array): string | undefined {
  return typeOf(bytes, pictures);
}
