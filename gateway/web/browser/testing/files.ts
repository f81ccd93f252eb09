import type { Locator } from 'playwright-core';
import { padded, picture, video, voice } from '../../../../src/testing/media-samples.ts';

/** A file as a page gets it from a person. */
export interface TestFile {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

export const pictureFile: TestFile = { name: 'picture.png', mimeType: 'image/png', buffer: picture.bytes };
export const voiceFile: TestFile = { name: 'voice.mp3', mimeType: 'audio/mpeg', buffer: voice.bytes };

/** A video of this length; players skip what is behind its end. */
export function videoFile(sizeBytes: number): TestFile {
  return { name: 'clip.mp4', mimeType: 'video/mp4', buffer: padded(video, sizeBytes) };
}

/** Pastes or drops the file there, as the browser tells a page of it. */
export async function bring(file: TestFile, target: Locator, how: 'paste' | 'drop'): Promise<void> {
  const bytes = [...file.buffer];
  await target.evaluate(
    (element, { name, type, content, event }) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(content)], name, { type }));
      const common = { bubbles: true, cancelable: true, composed: true };
      if (event === 'paste') {
        element.dispatchEvent(new ClipboardEvent('paste', { ...common, clipboardData: data }));
        return;
      }
      for (const kind of ['dragenter', 'dragover', 'drop']) {
        element.dispatchEvent(new DragEvent(kind, { ...common, dataTransfer: data }));
      }
    },
    { name: file.name, type: file.mimeType, content: bytes, event: how },
  );
}
