/** The first bytes of files of many formats, made from what their specifications say; no more of them than tells the format. */

function ascii(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

function join(...parts: readonly (string | Uint8Array | readonly number[])[]): Uint8Array {
  return new Uint8Array(
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? ascii(part) : Uint8Array.from(part)))),
  );
}

function u32le(value: number): readonly number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24];
}

function u32be(value: number): readonly number[] {
  return u32le(value).toReversed();
}

const zeros = (count: number) => new Uint8Array(count);

/** RIFF: chunks of four letters and a length. */
function riff(form: string, ...chunks: readonly Uint8Array[]): Uint8Array {
  const content = join(form, ...chunks);
  return join('RIFF', u32le(content.length), content);
}

function chunk(name: string, content: Uint8Array): Uint8Array {
  return join(name, u32le(content.length), content);
}

/** An Ogg page with one packet: the first of a stream, which names its codec. */
function oggPage(packet: Uint8Array): Uint8Array {
  return join('OggS', [0, 2], zeros(8), u32le(1), u32le(0), u32le(0), [1, packet.length], packet);
}

/** EBML: an id, a length below 127, and content. */
function ebml(id: readonly number[], content: Uint8Array): Uint8Array {
  return join(id, [0x80 | content.length], content);
}

function matroska(docType: string): Uint8Array {
  const head = join(
    ebml([0x42, 0x86], Uint8Array.of(1)),
    ebml([0x42, 0xf7], Uint8Array.of(1)),
    ebml([0x42, 0xf2], Uint8Array.of(4)),
    ebml([0x42, 0xf3], Uint8Array.of(8)),
    ebml([0x42, 0x82], ascii(docType)),
  );
  return join(ebml([0x1a, 0x45, 0xdf, 0xa3], head), [0x18, 0x53, 0x80, 0x67, 0xff], zeros(64));
}

/** ISO base media: boxes of a length and four letters; the first says of which brand the file is. */
function isoMedia(brand: string, ...compatible: readonly string[]): Uint8Array {
  const content = join(brand, u32be(512), ...compatible);
  return join(u32be(content.length + 8), 'ftyp', content, u32be(8), 'free', u32be(8), 'mdat', zeros(32));
}

const mpegFrame = join([0xff, 0xfb, 0x90, 0x64], zeros(413));
const wavFormat = join([1, 0, 1, 0], u32le(16_000), u32le(32_000), [2, 0, 16, 0]);
const pngHeader = join([0x89], 'PNG\r\n', [0x1a, 0x0a]);
const pngImage = join(u32be(13), 'IHDR', u32be(1), u32be(1), [8, 2, 0, 0, 0], u32be(0x907753de));

function pngChunk(name: string, content: Uint8Array): Uint8Array {
  return join(u32be(content.length), name, content, u32be(0));
}

/** What a person would call the format, its first bytes, and the media types that they may be of; none: not told by its first bytes. */
export const samples: readonly (readonly [format: string, head: Uint8Array, types: readonly string[]])[] = [
  ['MP3 without tags', join(mpegFrame, mpegFrame), ['audio/mpeg']],
  ['MP3 with tags', join('ID3', [4, 0, 0, 0, 0, 0, 10], zeros(10), mpegFrame), ['audio/mpeg']],
  [
    'MP3 with a picture in its tags, longer than the head',
    join('ID3', [4, 0, 0, 0, 8, 0, 0], zeros(5_000)),
    ['audio/mpeg'],
  ],
  ['WAV', riff('WAVE', chunk('fmt ', wavFormat), chunk('data', zeros(64))), ['audio/wav', 'audio/x-wav']],
  ['OGG with Vorbis', oggPage(join([1], 'vorbis', zeros(23))), ['audio/ogg']],
  ['OGG with Opus', oggPage(join('OpusHead', [1, 1], zeros(9))), ['audio/ogg']],
  ['OGG with Speex', oggPage(join('Speex   1.2', zeros(60))), ['audio/ogg']],
  ['OGG with pictures', oggPage(join([0x80], 'theora', zeros(35))), ['video/ogg']],
  ['WebM', matroska('webm'), ['video/webm', 'audio/webm']],
  ['Matroska', matroska('matroska'), ['video/matroska']],
  ['M4A', isoMedia('M4A ', 'isom', 'mp42'), ['audio/mp4', 'audio/x-m4a']],
  ['audio book', isoMedia('M4B ', 'isom'), ['audio/mp4', 'audio/x-m4a']],
  ['MP4', isoMedia('isom', 'iso2', 'avc1', 'mp41'), ['video/mp4', 'audio/mp4', 'audio/x-m4a']],
  ['MP4, version 2', isoMedia('mp42', 'isom'), ['video/mp4', 'audio/mp4', 'audio/x-m4a']],
  ['MP4 in fragments', isoMedia('iso5', 'dash'), ['video/mp4', 'audio/mp4', 'audio/x-m4a']],
  ['M4V', isoMedia('M4V ', 'isom'), ['video/mp4', 'video/x-m4v']],
  ['QuickTime', isoMedia('qt  '), ['video/quicktime']],
  ['JPEG', join([0xff, 0xd8, 0xff, 0xe0, 0, 16], 'JFIF', [0, 1, 1], zeros(9)), ['image/jpeg']],
  ['JPEG of a camera', join([0xff, 0xd8, 0xff, 0xe1, 0, 16], 'Exif', zeros(10)), ['image/jpeg']],
  ['PNG', join(pngHeader, pngImage, pngChunk('IDAT', zeros(10)), pngChunk('IEND', zeros(0))), ['image/png']],
  [
    'PNG that moves',
    join(pngHeader, pngImage, pngChunk('acTL', zeros(8)), pngChunk('IDAT', zeros(10))),
    ['image/png', 'image/apng'],
  ],
  ['WebP', riff('WEBP', chunk('VP8 ', zeros(20))), ['image/webp']],
  ['GIF', join('GIF89a', [1, 0, 1, 0, 0x80, 0, 0], zeros(10)), ['image/gif']],
  ['old GIF', join('GIF87a', [1, 0, 1, 0, 0x80, 0, 0], zeros(10)), ['image/gif']],
  ['AVI', riff('AVI LIST', zeros(40)), ['video/vnd.avi']],
  ['HTML', ascii('<!DOCTYPE html><html><body><script>alert(1)</script></body></html>'), []],
  ['SVG', ascii('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'), []],
  ['XML', ascii('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"></svg>'), ['application/xml']],
  ['text', ascii('Hello. This is no sound at all, and no picture.'), []],
  ['JSON', ascii('{"kind":"voice"}'), []],
  ['nothing', zeros(0), []],
  ['zeros', zeros(4_100), []],
  ['PDF', ascii('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n'), ['application/pdf']],
  ['a program', join([0x7f], 'ELF', [2, 1, 1], zeros(57)), ['application/x-elf']],
  ['a Windows program', join('MZ', zeros(126)), ['application/x-msdownload']],
  ['gzip', join([0x1f, 0x8b, 8, 0], zeros(20)), ['application/gzip']],
];
