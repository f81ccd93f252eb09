import { expect, test } from '@jest/globals';
import { WebFrames } from './web-frames.ts';

function frame(flags: number, bytes: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags, 0);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

test('a response is the same however it is cut', () => {
  const messages = ['one', '', 'three'.repeat(100)];
  const body = Buffer.concat([
    ...messages.map((message) => frame(0, Buffer.from(message))),
    frame(0x80, Buffer.from('grpc-status: 8\r\nGrpc-Message: too many: all\r\n')),
  ]);
  for (let bytes = 1; bytes <= body.length; bytes += 1) {
    const seen: string[] = [];
    const frames = new WebFrames((message) => seen.push(message.toString()));
    for (let at = 0; at < body.length; at += bytes) frames.take(body.subarray(at, at + bytes));
    expect(seen).toEqual(messages);
    expect([...frames.trailers]).toEqual([
      ['grpc-status', '8'],
      ['grpc-message', 'too many: all'],
    ]);
  }
});
