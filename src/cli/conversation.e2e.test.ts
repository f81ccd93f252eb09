import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newAuthority, newCertificate } from '../testing/certificates.ts';
import type { ParleyServer } from '../testing/server.ts';
import { startServer } from '../testing/server.ts';
import type { Outcome } from './testing/client-process.ts';
import { runClient } from './testing/client-process.ts';

const samples = fileURLToPath(new URL('../testing/samples/', import.meta.url));

let folder: string;
let server: ParleyServer;
let ca: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'parley-talk-'));
  const authority = await newAuthority('Parley tests');
  const { cert, key } = await newCertificate(authority, 'server');
  ca = join(folder, 'ca.pem');
  writeFileSync(ca, authority.cert);
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'key.pem'), key);
  // More than goes into a frame, and still sound: what follows the last frame of an MP3 is ignored.
  writeFileSync(
    join(folder, 'long.mp3'),
    Buffer.concat([readFileSync(join(samples, 'voice.mp3')), Buffer.alloc(2_000_000)]),
  );
  server = await startServer({
    env: {
      PARLEY_AUTH: 'accounts',
      PARLEY_TLS_CERT_FILE: join(folder, 'cert.pem'),
      PARLEY_TLS_KEY_FILE: join(folder, 'key.pem'),
      PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
      PARLEY_SIMULATED_VOICE_DELAY_MS: '0',
      PARLEY_SIMULATED_VIDEO_DELAY_MS: '0',
      // Slow enough for a reply to be stopped between its pieces, on any machine.
      PARLEY_SIMULATED_PIECE_INTERVAL_MS: '150',
      PARLEY_SIMULATED_SEED: '1',
    },
  });
});

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** A command of one who has a state folder of their own. */
function parley(who: string, args: readonly string[], input = ''): Promise<Outcome> {
  return runClient(join(folder, who), [...args, '--address', server.address, '--ca', ca], input);
}

function chat(who: string, lines: readonly string[], ...more: string[]): Promise<Outcome> {
  const args = ['chat', '--time-zone', 'Asia/Tokyo', '--media-dir', join(folder, `${who}-media`), ...more];
  return parley(who, args, lines.map((line) => `${line}\n`).join(''));
}

describe('with accounts and TLS', () => {
  test('nobody is let in who has not signed in', async () => {
    const { exitCode, errors } = await chat('mallory', ['hello']);
    expect(exitCode).toBe(1);
    expect(errors).toMatch(
      /^UNAUTHENTICATED: .* — use `parley sign-in NAME`, or `parley sign-up NAME` for a new account, or --token-file\.\n$/,
    );
  });

  test('a conversation of every kind is held, gone on with, found, renamed and deleted', async () => {
    expect(await parley('alice', ['sign-up', 'alice'], 'correct horse\n')).toMatchObject({ exitCode: 0, errors: '' });
    const talk = await chat('alice', [
      'Good morning',
      `/voice ${samples}voice.mp3 What did I say?`,
      `/video ${samples}clip.mp4`,
      `/image ${samples}picture.png What is this?`,
      `/voice ${join(folder, 'long.mp3')}`,
      'Tell me a long story about lighthouses',
      '/stop',
    ]);
    expect(talk).toMatchObject({ exitCode: 0, errors: '' });
    expect(talk.output).toMatch(/\[voice, MP3, [\d.]+ kB → .*-voice-1\.mp3\]\n/);
    expect(talk.output).toMatch(/\[image, JPG, [\d.]+ kB → .*-image-1\.jpg\]\n/);
    expect(talk.output).toMatch(/ {2}\[stopped\]\n$/);
    // Voice, voice and image for the video, and voice for the long one; the same twice within a second is one file.
    const kept = [...talk.output.matchAll(/ → (.*)\]/g)].map(([, path = '']) => path);
    expect(kept).toHaveLength(4);
    expect(readdirSync(join(folder, 'alice-media')).sort()).toEqual(
      [...new Set(kept)].map((path) => basename(path)).sort(),
    );

    const later = await chat('alice', [
      'And now?',
      '/history 2',
      '/rename Lighthouses',
      '/search long lighthouses',
      '/conversations',
    ]);
    expect(later.output).toMatch(/ messages {2}Lighthouses\n/);
    expect(later).toMatchObject({ exitCode: 0, errors: '' });
    expect(later.output).toContain('This conversation is now called Lighthouses.\n');
    expect(later.output).toMatch(/you: Tell me a long story about lighthouses/);

    const list = await parley('alice', ['history']);
    const [, conversationId = ''] = /^\S+ \S+ {2}(\S+) +14 messages {2}Lighthouses\n$/.exec(list.output) ?? [];
    expect(conversationId).not.toBe('');
    expect((await parley('alice', ['history', conversationId, '--urls'])).output).toMatch(
      /you: What did I say\?\n +\[voice, MP3, 2\.0 kB, voice\.mp3\] https:\/\/127\.0\.0\.1:\S+\n/,
    );
    await parley('bob', ['sign-up', 'bob'], 'battery staple\n');
    expect((await parley('bob', ['history', conversationId])).errors).toMatch(/^(NOT_YOURS|NOT_FOUND)/);
    expect((await parley('bob', ['delete', conversationId, '--yes'])).exitCode).toBe(1);

    const deleted = await parley('alice', ['delete', conversationId, '--yes']);
    expect(deleted).toMatchObject({ exitCode: 0, output: `${conversationId} is deleted.\n` });
    expect(await parley('alice', ['history'])).toMatchObject({ exitCode: 0, output: '' });
    expect((await parley('alice', ['search', 'lighthouses'])).exitCode).toBe(1);
  });

  test('what is refused of a file is told', async () => {
    await parley('carol', ['sign-up', 'carol'], 'tape recorder\n');
    const page = join(folder, 'page.jpg');
    writeFileSync(page, '<!doctype html><title>no picture</title>');
    const { exitCode, errors } = await chat('carol', [`/image ${page}`]);
    expect(exitCode).toBe(1);
    expect(errors).toMatch(/^MEDIA_MISMATCH: .* — check that the file is what its name says\.\n$/);
  });
});
