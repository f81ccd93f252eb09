const prefixBytes = 5;
const nothing = Buffer.alloc(0);

/** Takes the body of a gRPC-Web response apart: `*( flags length bytes )`, where the highest flag marks the trailers, lines of `name: value`. */
export class WebFrames {
  readonly trailers = new Map<string, string>();
  readonly #onMessage: (message: Buffer) => void;
  #kept: Buffer = nothing;

  constructor(onMessage: (message: Buffer) => void) {
    this.#onMessage = onMessage;
  }

  take(chunk: Buffer): void {
    let bytes = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk]);
    while (bytes.length >= prefixBytes) {
      const end = prefixBytes + bytes.readUInt32BE(1);
      if (bytes.length < end) break;
      const frame = bytes.subarray(prefixBytes, end);
      if (bytes.readUInt8(0) < 0x80) this.#onMessage(frame);
      else this.#note(frame.toString('latin1'));
      bytes = bytes.subarray(end);
    }
    this.#kept = bytes;
  }

  #note(lines: string): void {
    for (const line of lines.split('\r\n')) {
      const colon = line.indexOf(':');
      if (colon > 0) this.trailers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
  }
}
