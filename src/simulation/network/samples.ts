/** The first bytes of a WAVE file and of a PNG, which is what an inspector looks at, and a number, so that no two are the same. */
const waveHead = [...Buffer.from('RIFF'), 36, 0, 0, 0, ...Buffer.from('WAVEfmt '), 16, 0, 0, 0, 1, 0, 1, 0];
const pngHead = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, ...Buffer.from('IHDR'), 0, 0, 0, 1];

function bytesOf(head: readonly number[], number: number): Uint8Array {
  return Uint8Array.from([...head, ...Buffer.from(String(number).padStart(40, '0'))]);
}

/** Media that look like what they are. */
export const sampleMedia = {
  voice: (number: number) => ({ contentType: 'audio/wav', bytes: bytesOf(waveHead, number) }),
  image: (number: number) => ({ contentType: 'image/png', bytes: bytesOf(pngHead, number) }),
} as const;
